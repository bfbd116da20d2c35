"""Defects that people found by hand in Alpaca's rows, one name for each class.

The classes are those that the AlpacaDataCleaned project lists; wrong answers are `arithmetic`'s and the answer key's business.
    unseen_reference      "Summarise the following article." and no article
    merged_instructions   two tasks in one instruction
    empty_answer          nothing, or marks that stand for nothing
    missing_code          code was asked for and there is none
    picture_request       a text model is asked to draw
    cut_off_answer        an answer that stops in the middle of a sentence
    copied_input          the input word for word, where something was to be made of it
    na_answer             "N/A" where an answer should be
    no_input_marker       "<noinput>", "No input" or 无输入 in place of an empty input
    unclear_instruction   no request, or one that is cut off
    stray_characters      broken and control characters, escapes and marks that were left over
    mendable_characters   invisible characters and HTML entities: the text is whole once they are mended
Conversations with tools or with more than one question are held only to the classes that need no reading of the task.
"""

import re
from collections.abc import Collection, Iterator

import pyarrow as pa

from builder.leftovers import LONGEST_MARKER, Leftover, clean, is_no_input, leftovers_in, may_hold
from builder.pictures import has_pictures
from builder.schema import Sample
from builder.signals.endings import find_cut
from builder.signals.merged import find_merged
from builder.signals.signal import Card, Finding, Found, Read, Signal, SignalValue, kinds_and_spans
from builder.signals.unclear import find_unclear, find_unseen
from builder.signals.unmet import find_unmet

_NOTHING = re.compile(
    r"(?:[.…。]{2,}|[-–—_]{2,}|\[\s*\]|\{\s*\}|\"\s*\"|“\s*”|…|<\s*/?output\s*/?>|[<\[](?:insert |插入)[^<>\[\]\n]{1,30}[>\]]"
    r"|\{\{?(?:answer|output|response)\}?\})",
    re.IGNORECASE,
)
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\x00-\x1f\u3000]+")
_NA_ANSWER = re.compile(
    r"[<(\[\"“'`]{0,2}(?:n\.?\s?/\s?a\.?|n\.a\.|not applicable|not available|no ?output"
    r"|(?<=<)no ?input(?=>)"
    r"|null|nil|undefined|nan|不适用|无输出|没有输出|暂无|无可用(?:数据|答案|内容)?"
    r"|暂无(?:数据|答案|内容|回答)|无(?:内容|答案|回答))[>)\]\"”'`]{0,2}[.。!！]?",
    re.IGNORECASE,
)
_NONE_ANSWER = re.compile(r"[<(\[\"“'`]{0,2}(?:none|无|空)[>)\]\"”'`]{0,2}[.。!！]?", re.IGNORECASE)
# Rows that ask for such a mark: a value of code, a sign, an abbreviation.
_VALUE = re.compile(r"\W*(?:null|nil|undefined|nan|none|[\[{]\s*[\]}])\W*", re.IGNORECASE)
_ABOUT_VALUES = re.compile(
    r"\b(?:python|pandas|numpy|javascript|typescript|java|ruby|rust|lua|swift|kotlin|golang|sql|json|yaml|xml|code|program\w*|function|prints?"
    r"|returns?|variable|values?|objects?|arrays?|dictionar\w+|regex|floating|empty)\b"
    r"|代码|编程|程序|函数|打印|返回|变量|值|对象|数组|列表|字典|浮点|(?<![A-Za-z])(?:Python|pandas|JavaScript|JSON|SQL|Java|Ruby)",
    re.IGNORECASE,
)
_ABOUT_SIGNS = re.compile(
    r"\b(?:ellips[ie]s|dots?|dash\w*|hyphens?|underscores?|punctuation|signs?|symbols?|morse|markdown|yaml|regular expression|separator)\b"
    r"|省略号|破折号|标点|符号|减号|连字符|下划线|摩尔?斯|分隔[线符]",
    re.IGNORECASE,
)
_ABOUT_ABBREVIATIONS = re.compile(r"\b(?:abbreviat\w+|acronym)\b|缩写|简称", re.IGNORECASE)
_ASKS_WHETHER = re.compile(
    r"[?？]|\b(?:any|which|find|identify|how many|output)\b|是否|有没有|哪|找出|多少", re.IGNORECASE
)
_LOOKS_UP = re.compile(r"\b(?:extract|look up|detect|locate|search)\b|提取|抽取|查找|查一下", re.IGNORECASE)

_QUOTES = " \t\n\"“”'‘’「」"
_SHORTEST_COPY, _SHORTEST_COPY_ZH = 8, 5
_SHORTEST_WHOLE = 24  # a shorter answer that is the whole instruction may be a greeting
_CHANGES = re.compile(
    r"\b(?:re-?writ\w*|re-?phras\w*|re-?word\w*|paraphras\w*|translat\w*|summari[sz]\w*|shorten\w*|expand\w*|convert\w*|transform\w*"
    r"|simplif\w*|edit|chang\w*|turn|re-?structur\w*|elaborat\w*|condens\w*|add|replac\w*|combin\w*|generat\w*|write|create|improve)\b"
    r"|改写|编辑|重写|改述|重述|翻译|总结|概括|缩短|缩写|扩写|扩展|转换|转化|改成|改为|变成|变为|简化|替换|添加|加入|合并|生成|写|改进|润色",
    re.IGNORECASE,
)
# A text that is right already stays as it is.
_MAY_KEEP = re.compile(
    r"\b(?:correct\w*|fix\w*|errors?|mistakes?|grammar\w*|grammatical\w*|spelling|proofread\w*|if (?:needed|necessary|it|the)|repeat"
    r"|cop(?:y|ies)|same|check|punctuat\w*|capital\w*|sort|order|arrange|remove|delete|format|lower ?case|upper ?case|title ?case)\b"
    r"|纠正|更正|改正|修正|修改|错误|语法|拼写|校对|如有|如果|必要|重复|复述|照抄|相同|检查|标点|大写|小写|排序|排列|顺序|删除|去掉|去除|移除|格式",
    re.IGNORECASE,
)

_STRAY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufff0-\ufffb\ufffd]")
# UTF-8 read as another encoding, and the marks of chat templates.
_MIXED_UP = re.compile(
    "锟斤拷|烫烫烫|屯屯屯|[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u2122]"
    "|<\\|(?:im_start|im_end|endoftext|eot_id|end|user|assistant|system)\\|>|\\[/?INST\\]|<</?SYS>>"
)
_MIXED_UP_SIGNS = ("<|", "INST]", "SYS>>", "锟", "烫烫", "屯屯", "\u00c2", "\u00c3", "\u00e2\u20ac")
# A byte of a text in another encoding: what it was is not sure, so that it is not mended.
_BYTE_ESCAPE = re.compile(r"\\x[0-9a-fA-F]{2}(?![0-9a-zA-Z])")


def find_defects(sample: Sample) -> Iterator[Finding]:
    """Every defect of a row, with the words that show it."""
    answer = sample.answer
    yield from _find_empty(sample, answer)
    cut = find_cut(answer)
    if cut:
        yield Finding("cut_off_answer", cut)
    instruction, given = _single_task(sample)
    pictured = has_pictures(sample.prompt)  # may hold what the words refer to, draw on or leave out
    if instruction is not None:
        material = "" if is_no_input(given, instruction) else given
        unseen = list(find_unseen(instruction, material, answer)) if not pictured else []
        yield from unseen
        yield from find_merged(instruction, given, answer)
        if not pictured:
            yield from find_unmet(instruction, answer)
        if _is_copied(instruction, material, answer):
            yield Finding("copied_input", answer.strip()[:80])
        if given and not material:
            yield Finding("no_input_marker", given)
        # An answer that asks back for what is missing does not make the task unclear.
        if sample.instruction is not None and not unseen and not pictured:
            yield from find_unclear(instruction, material, answer)
    yield from _find_stray(sample, answer)


def _single_task(sample: Sample) -> tuple[str | None, str]:
    """Instruction and input where the row is one task; no instruction where tools or earlier turns may hold the rest."""
    if sample.tools is not None and sample.tools.strip() not in ("", "[]"):
        return None, ""
    questions = [turn.content for turn in sample.prompt if turn.role == "user"]
    if len(questions) != 1:
        return None, ""
    if sample.instruction is not None:
        return sample.instruction, sample.input or ""
    # The blank line with which an instruction and its input are composed.
    instruction, _, given = questions[0].partition("\n\n")
    return instruction, given


def _is_copied(instruction: str, given: str, answer: str) -> bool:
    """Whether an answer is its input, where the request must change a text: of a correct one no correction changes anything.

    Without an input, the text after the instruction's last colon counts as it, and so does the whole instruction.
    """
    if len(answer) > len(given or instruction) + LONGEST_MARKER:
        return False
    copy, request = answer.strip(_QUOTES), instruction.strip(_QUOTES)
    shortest = _SHORTEST_COPY if copy.isascii() else _SHORTEST_COPY_ZH
    if len(copy) < shortest or not (given.strip(_QUOTES) == copy or (not given and request.endswith(copy))):
        return False
    if not given:
        request = request.removesuffix(copy).rstrip(_QUOTES)
        if not request:
            return len(copy) >= _SHORTEST_WHOLE
        if request[-1] not in ":：":
            return False
    return _CHANGES.search(request) is not None and _MAY_KEEP.search(request) is None


def _find_empty(sample: Sample, answer: str) -> Iterator[Finding]:
    bare = answer.strip()
    if len(bare) > LONGEST_MARKER:
        return
    last = next((turn for turn in reversed(sample.messages) if turn.role == "assistant"), None)
    if last is not None and last.tool_calls:
        return
    if not _BLANK.sub("", bare):
        yield Finding("empty_answer", bare)
        return
    nothing, absent, none = (pattern.fullmatch(bare) for pattern in (_NOTHING, _NA_ANSWER, _NONE_ANSWER))
    if nothing or absent or none:
        question = next((turn.content for turn in reversed(sample.prompt) if turn.role == "user"), "")
        given = sample.input or ""
        if sample.instruction is not None and is_no_input(given, sample.instruction, bare):
            question, given = sample.instruction, ""  # a marker in place of an input names no answer
        if _asks_for_mark(bare, question):
            return
        if nothing:
            yield Finding("empty_answer", bare)
        elif not _may_be_absent(question, given, asked=absent is None):
            yield Finding("na_answer", bare)


def _asks_for_mark(bare: str, question: str) -> bool:
    """Whether a prompt names what looks like no answer as one, or is about such values or signs."""
    words = bare.strip("<>()[]\"'`.。“”!！ ").lower() if any(map(str.isalnum, bare)) else ""
    about = _ABOUT_ABBREVIATIONS if words else _ABOUT_SIGNS
    named = words in question.lower() if words else bare[0] in "[{" and bare in question
    is_value = _VALUE.fullmatch(bare) is not None and _ABOUT_VALUES.search(question) is not None
    return named or is_value or about.search(question) is not None


def _may_be_absent(question: str, given: str, *, asked: bool) -> bool:
    """Whether what is asked for may not be there: by the question alone where the answer is "none", else in a text that is given."""
    if _ASKS_WHETHER.search(question):
        return asked or bool(given.strip())
    return bool(given.strip()) and _LOOKS_UP.search(question) is not None


def _find_stray(sample: Sample, answer: str) -> Iterator[Finding]:
    texts = (answer, *(turn.content for turn in sample.prompt if turn.role == "user"))
    left = leftovers_in(texts) if any(map(may_hold, texts)) else ()
    found: dict[str, str] = {}
    for text in texts:
        plain = text.isascii() and text.replace("\n", " ").isprintable()
        stray = None if plain else _STRAY.search(text)
        if stray is None and any(map(text.__contains__, _MIXED_UP_SIGNS)):
            stray = _MIXED_UP.search(text)
        if stray is None and "escapes" in left:
            stray = _BYTE_ESCAPE.search(text)
        places = {
            "stray_characters": _first_change(text, left, "escapes") if stray is None else stray.span(),
            "mendable_characters": _first_change(text, left, "entities", "invisible_characters"),
        }
        for name, place in places.items():
            if place is not None:
                around = text[max(0, place[0] - 15) : place[1] + 15]
                found.setdefault(name, "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in around))
    yield from (Finding(name, span) for name, span in found.items())


def _first_change(text: str, left: Collection[Leftover], *kinds: Leftover) -> tuple[int, int] | None:
    """Where a text would change first if it was mended, as far as about the end of what goes there; None where it would not."""
    cleaned, found = clean(text, [kind for kind in kinds if kind in left]) if left else (text, ())
    if not found:
        return None
    differ = (place for place, (one, other) in enumerate(zip(text, cleaned, strict=False)) if one != other)
    start = next(differ, len(cleaned))
    return start, start + 6


def measure_defects(sample: Sample) -> tuple[SignalValue, ...]:
    """The classes of defects found, and the words that show each."""
    return kinds_and_spans(find_defects(sample))


DEFECT = Signal(
    name="defects",
    columns=(("defects", pa.list_(pa.string())), ("defect_spans", pa.list_(pa.string()))),
    measure=measure_defects,
    card=Card(
        meaning_en="Known defects of instruction data, such as text that is not there, two tasks in one, or an empty answer.",
        meaning_zh="指令数据的常见缺陷，例如指向不在场的文本、两个任务混在一起、回答为空。",
        range_en="the classes found, and the words that show each",
        range_zh="发现的类别，以及每类的原文",
        misses_en="Material named only by its title, attachments in other words (a clip, a sketch), tasks merged without a number or "
        "a mark, instructions that are clear but senseless, answers cut off other than after a joining word, at a list's next "
        "number or late in a long text, cut-off code, and inputs repeated with a word exchanged. Code said to be missing is the least "
        "certain, in 2 rows of 5.",
        misses_zh="只提到标题的材料、以其他说法注明的附件（片段、图示等）、既无编号也无标记的合并任务、语句通顺却没有意义的指令、"
        "不是断在连接词后、列表的下一个序号处或长文末尾的回答、中断的代码，以及换了个别词的照抄。“缺少代码”最不可靠，5 行中只有 2 行属实。",
        precision=(Read("en", 45, 48), Read("zh", 62, 64)),
        recall=(Found("en", 45, 64), Found("zh", 62, 90)),
        fresh=True,
    ),
    version=5,
)
