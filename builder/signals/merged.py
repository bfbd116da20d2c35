"""Two tasks in one row: two in the instruction, or the next one of the list it was written in, left at the end of a text.

Write a haiku. What is 3 + 4?                        (two tasks)
… the end.\n5. Instruction: Name a lake.\n5. Input:  (the fifth task of a reply that was cut in the wrong place)
1. Input: two numbers\n2. Output: their sum          (the steps of one algorithm are not)
"""

import re
from collections.abc import Iterator

from builder.signals.signal import Finding

# More text than this describes one task at length.
_LONGEST_INSTRUCTION = 300

_FIELD_MARK = re.compile(
    r"(?:^|\n)[ \t#*]{0,6}(?:instruction|task ?\d{1,2}|指令|任务 ?[\d一二三四五]{1,2})[ \t*]{0,3}[:：]", re.IGNORECASE
)
_NEXT_TASK = re.compile(
    r"(?:^|\n)[ \t]{0,4}#{2,4} ?(?:instruction|指令|input|human|user)\b|(?:^|\n)(?:instruction|指令) ?[:：]",
    re.IGNORECASE,
)
# "5. Instruction:", as the prompts number their tasks that ask for twenty at once.
_NUMBERED_FIELD = re.compile(
    r"(?:^|(?<=[\s#.。?？!！'\"”]))(\d{1,3}) ?[.、)] {0,2}(instruction|input|output|指令|指示|输入|输出) ?[:：]",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"(?<!\d)(\d{1,3}) ?[.、)]")
_TASK_FIELDS = frozenset(["instruction", "指令", "指示"])
_VERB_EN = re.compile(
    r"(?:please |then |and |also )?(?:write|translate|list|calculate|compute|summari[sz]e"
    r"|explain|describe|name|compose|convert|create|generate|classify|compare|identify"
    r"|design|suggest|define|find|give|provide|come up with|brainstorm|recommend|propose|construct|add|how many"
    r"|what (?:is|are|was|were)|who (?:is|was|wrote|invented)|where (?:is|are)"
    r"|when (?:did|was|is)|how (?:do|many|much|does))\b",
    re.IGNORECASE,
)
_VERB_ZH = re.compile(
    "(?:请|再|并|另外)?(?:帮我)?(?:写出?|翻译|列出|计算|总结|解释|描述|说出|创作"
    "|转换|生成|分类|比较|识别|设计|推荐|介绍|定义|什么是|谁是|列举|给出|提供|提出|举出|想出|找出|编写|撰写|创建|构建)"
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|his|her|him|the"
    r"|your|each|both|such|output|answer|result|above|also include|same|one|ones|why|at least|no more|more than|up to)\b"
    r"|[其它他她该此这那]|上述|每|结果|答案|输出|并且|同时|原因|以上|各|之间|两者|内容|至少|不少于|不超过|为什么",
    re.IGNORECASE,
)
# "the capital of Peru" is named in full, "the capital" was named before.
_NAMED = re.compile(r"\bthe (?:\w+ )?\w+ of (?!the\b)", re.IGNORECASE)
# What a second sentence asks of the first one's subject: "Give two examples." names nothing new.
_MORE_EN = re.compile(
    r"\b(?:with|about|from|into|some|two|three|four|five|examples?|reasons?|details?|explanation|sentences?|words?|steps?|points?"
    r"|list|paragraph|titles?|summary|solutions?|advantages|disadvantages|benefits|pros|cons|names|descriptions?|evidence|facts?"
    r"|statistics|sources?|references|quotes|citations|code|format|table|bullet|introduction|conclusion|main|specific|different"
    r"|possible|brief|short|detailed|least|most|types?|impact|effects|causes|differences|similarities|features|characteristics"
    r"|dialogue|characters|setting|ending|write|explain|describe|give|provide|suggest|name|identify|create|generate|include"
    r"|what|where|when|many|much|does)\b"
)
_MORE_ZH = re.compile(
    "一|二|两|三|四|五|六|七|八|九|十|\\d|个|些|种|条|点|段|句|例子|实例|示例|例|理由|步骤|句子|标题|建议|方法|细节|解释|观点|概要|总结|摘要"
    "|优点|缺点|优缺点|好处|特点|特征|证据|数据|来源|对话|段落|清单|表格|代码|详细|具体|简短|简单|不同|主要|可能|的|和|与|及|请|出|并|来|字"
)
_NUMBERED = re.compile(r"^\(?\d{1,2}[.)、]\s*")
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")
_WORD = re.compile(r"[a-z]{4,}|[\u4e00-\u9fff]{2}")
# So many Chinese characters of its own, or one English word, make a subject.
_SUBJECT_ZH = 2


def find_merged(instruction: str, input: str, answer: str) -> Iterator[Finding]:
    """Two tasks in one instruction, or the next task at the end of the instruction, the input or the answer."""
    bare = instruction.strip()
    mark = _FIELD_MARK.search(bare, 1) if "\n" in bare else None
    found = mark.group() if mark else _left_over(answer)
    for text in (bare, input):
        found = found or (_numbered_task(text) if "\n" in text else None)
    if found:
        yield Finding("merged_instructions", found)
        return
    if len(instruction) > _LONGEST_INSTRUCTION:
        return
    tasks = [sentence.strip() for sentence in _SENTENCE.findall(bare)]
    tasks = [_NUMBERED.sub("", task) for task in tasks if len(task) > 5]
    if len(tasks) < 2 or not all(_VERB_EN.match(task) or _VERB_ZH.match(task) for task in tasks):
        return
    first, second = tasks[0], tasks[1]
    shared = _words(first) & _words(second)
    if not shared and _names_a_subject(second) and not _REFERS_BACK.search(_NAMED.sub("", second)):
        yield Finding("merged_instructions", f"{first} | {second}")


def _left_over(answer: str) -> str | None:
    """The mark of the next task that an answer ends with."""
    named = "nstruction" in answer or "指令" in answer
    if "\n" in answer and (named or "##" in answer):
        mark = _NEXT_TASK.search(answer, 1)
        if mark:
            return mark.group()
    return _numbered_task(answer) if named or "nput" in answer or "输入" in answer else None


def _numbered_task(text: str) -> str | None:
    """A numbered field of another task: of a number that no list reached, or that an input and an output share."""
    numbers: dict[str, set[str]] = {}
    counted: dict[int, int] = {}
    for mark in _NUMBERED_FIELD.finditer(text):
        if not counted:
            counted = _counted(text)
        number, field = mark.group(1), mark.group(2).lower()
        fields = numbers.setdefault(number, set())
        fields.add(field)
        apart = int(number) > 1 and counted.get(int(number) - 1, len(text)) > mark.start()
        if len(fields) > 1 or (apart and field in _TASK_FIELDS):
            return mark.group()
    return None


def _counted(text: str) -> dict[int, int]:
    """The numbers of a text's lists, and where each ends that stands first."""
    counted: dict[int, int] = {}
    for mark in _LIST_NUMBER.finditer(text):
        counted.setdefault(int(mark.group(1)), mark.end())
    return counted


def _names_a_subject(task: str) -> bool:
    if task.isascii():
        return _WORD.search(_MORE_EN.sub("", task.lower())) is not None
    rest = _MORE_ZH.sub("", _VERB_ZH.sub("", task, count=1))
    return sum("\u4e00" <= character <= "\u9fff" for character in rest) >= _SUBJECT_ZH


def _words(text: str) -> set[str]:
    lower = text.lower()
    pairs = {lower[place : place + 2] for place in range(len(lower) - 1) if "\u4e00" <= lower[place] <= "\u9fff"}
    return pairs | {word for word in _WORD.findall(lower) if word.isascii()}
