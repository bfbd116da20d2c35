"""Defects that people found by hand in Alpaca's rows, one name for each class.

The classes are those that the AlpacaDataCleaned project lists; wrong answers are `arithmetic`'s and the answer key's business.
    unseen_reference      "Summarise the following article." and no article
    merged_instructions   two tasks in one instruction
    empty_answer          nothing, or marks that stand for nothing
    missing_code          code was asked for and there is none
    picture_request       a text model is asked to draw
    cut_off_answer        an answer that stops in the middle of a sentence
    na_answer             "N/A" where an answer should be
    no_input_marker       "<noinput>", "No input" or 无输入 in place of an empty input
    unclear_instruction   no request, or one that is cut off
    stray_characters      broken and control characters, escapes and marks that were left over
    mendable_characters   invisible characters and HTML entities: the text is whole once they are mended
Conversations with tools or with more than one question are held only to the classes that need no reading of the task.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from builder.schema import Sample
from builder.signals.endings import find_cut
from builder.signals.signal import Card, Finding, Read, Signal, SignalValue, kinds_and_spans
from builder.signals.unclear import find_merged, find_unclear, find_unseen

DEFECTS = (
    *("unseen_reference", "merged_instructions", "empty_answer", "missing_code", "picture_request"),
    *("cut_off_answer", "na_answer", "no_input_marker", "unclear_instruction", "stray_characters"),
    "mendable_characters",
)

_LANGUAGES = (
    r"(?:python|java(?:script)?|typescript|c\+\+(?!\w)|c#(?!\w)|sql|mysql|html5?|css|php|ruby"
    r"|swift|kotlin|bash|shell|rust|golang|perl|matlab|react|vba|latex)"
)
_ASKS_CODE = re.compile(
    rf"\b(?:write|create|generate|give|provide|implement|develop|construct|show"
    rf"|produce|compose|design)\b[^.?!\n]{{0,30}}?\b{_LANGUAGES}(?:\b|(?<=[+#]))[^.?!\n]{{0,14}}?"
    r"\b(?:code|function|program|script|query|snippet|statement|class|command|method|loop|page|rule)\b"
    r"|\b(?:write|give|provide|generate|create)\b(?: me)?(?: an?| the| some)?(?: \w+)? (?:code(?: snippet)?"
    r"|regular expression|regex|sql query)\b(?! of| name| review| word)"
    r"|\bwrite (?:me )?(?:a|an) (?:\w+ )?(?:function|program) (?:that|to|which|in|for) "
    r"|(?:写|编写|给出|提供|生成|创建|实现|构建)(?!.{0,12}(?:解释|介绍))[^，。？！\n]{0,16}(?:代码"
    r"|程序(?!员|的?名)|[Pp]ython脚本|[Ss]hell脚本|正则表达式|SQL查询|SQL语句|函数(?!关系"
    r"|图像)|查询语句)",
    re.IGNORECASE,
)  # fmt: skip
# One of these stands in every request for code, or for a picture.
_CODE_WORDS = (
    *(
        "code",
        "function",
        "program",
        "script",
        "query",
        "snippet",
        "statement",
        "class",
        "command",
        "method",
        "loop",
        "page",
    ),
    *("rule", "regex", "regular expression", "代码", "程序", "脚本", "正则", "sql", "函数", "查询语句"),
)
_PICTURE_WORDS = (
    *(
        "draw",
        "sketch",
        "paint",
        "illustrat",
        "colorize",
        "colourize",
        "photo",
        "image",
        "picture",
        "graph",
        "chart",
        "diagram",
    ),
    *(
        "logo",
        "poster",
        "video",
        "gif",
        "meme",
        "collage",
        "map",
        "model",
        "animation",
        "图",
        "画",
        "绘",
        "照片",
        "海报",
    ),
    *("标志", "徽标", "视频", "表情包"),
)
_HAS_CODE = re.compile(
    r"[{};=<>\\`^]|\w\(|\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|def|return|import"
    r"|print)\b|\[[^\[\]]*\][+*?]|^[^\S\n]*[.#][\w-]+[^\S\n]*$",
    re.MULTILINE,
)
_TEXT_PROGRAM = re.compile(
    r"\b(?:given code|used to write)\b|\b(?:training|exercise|workout|fitness|tv"
    r"|television|loyalty|rewards?|course|mentor\w*|educational) (?:\w+ )?program"
    r"|程序(?:步骤|流程)|剧|视频脚本|广告|电影|演讲|密码|健身|销售脚本|播客",
    re.IGNORECASE,
)

_PICTURE_EN = (
    r"(?:images?|pictures?|photos?|photographs?|drawings?|paintings?|sketch(?:es)?"
    r"|illustrations?|graphics?|pie charts?|bar (?:charts?|graphs?)|line graphs?"
    r"|diagrams?|flow ?charts?|logos?|posters?|infographics?|videos?|gifs?|memes?"
    r"|collages?|mind maps?|venn diagrams?|3d models?|animations?|graphs?)"
)
_PICTURE_REQUEST = re.compile(
    r"(?:^|(?<=[.!?\n]) ?|\bplease )(?:draw|sketch|paint|illustrate|colou?rize"
    r"|photoshop)\b(?! (?:a |the |some |your |any )?(?:conclusions?|comparisons?"
    r"|parallels?|attention|inferences?|up|on|from|inspiration|out|upon|analog\w+"
    r"|distinctions?))"
    rf"|\b(?:create|generate|design|make|produce|provide|show|find|construct|edit"
    rf"|build|send|give)\b(?: me| us)?(?: an?| the| one| some| two| three| this"
    rf"| that| \d+)(?: [\w-]+){{0,3}}? {_PICTURE_EN}\b"
    r"(?!(?: \w+)? (?:albums?|captions?|titles?|names?|descriptions?|book|ideas?"
    r"|scripts?|games?|editor|class|data|structure|code|library|theory|algorithm"
    r"|using (?:ascii|html|python|svg|code|css)))"
    r"|(?:^|[，。！？\n请]|帮我)(?:请|帮我|给我)?(?:画|绘制|绘)(?:出)?(?:一|两"
    r"|三|个|幅|张|下|[^，。！？\n]{0,14}(?:图|画|像)(?:[，。！？\n]|$))"
    r"|(?:生成|创建|制作|设计|构建|提供|给我|创作|展示|做)[^，。？！：:\n写]{0,16}?(?:图片"
    r"|图像|照片|图画|插图|插画|海报|标志|徽标|logo|流程图|条形图|柱状图|饼图|折线图"
    r"|思维导图|示意图|漫画|视频|表情包|三维图形|动图|信息图)(?=[，。！？\n]|$)",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_PICTURE_IN_TEXT = re.compile(
    r"\b(?:ascii|html|svg|css|code|python|javascript|matplotlib|program|caption"
    r"|describe|description|prompt|script|story|hashtags?|latex|r code|plotly|d3"
    r"|excel)\b"
    r"|代码|程序|函数|文案|标题|描述|名称|口号|标语|脚本|剧本|想法|算法|提示词|模型|什么|如何|怎|字符画|应用|接口|网页",
    re.IGNORECASE,
)

_NOTHING = re.compile(
    r"(?:[.…。]{2,}|[-–—_]{2,}|\[\s*\]|\{\s*\}|\"\s*\"|“\s*”|…|<\s*/?output\s*/?>"
    r"|\{\{?(?:answer|output|response)\}?\})",
    re.IGNORECASE,
)
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\x00-\x1f\u3000]+")
_NA_ANSWER = re.compile(
    r"[<(\[\"“'`]{0,2}(?:n\.?\s?/\s?a\.?|n\.a\.|not applicable|not available|no ?output"
    r"|null|nil|undefined|nan|不适用|无输出|没有输出|暂无|无可用(?:数据|答案|内容)?"
    r"|暂无(?:数据|答案|内容|回答)|无(?:内容|答案|回答))[>)\]\"”'`]{0,2}[.。!！]?",
    re.IGNORECASE,
)
_NONE_ANSWER = re.compile(r"[<(\[\"“'`]{0,2}(?:none|无|空)[>)\]\"”'`]{0,2}[.。!！]?", re.IGNORECASE)
_LONGEST_MARKER = 40
_NO_INPUT = re.compile(
    r"[\s<\[({`\"'*_-]{0,4}(?:(?:there is )?no[ _-]?inputs?(?: (?:is |was )?(?:needed"
    r"|required|provided|necessary|given))?|not? applicable|none|n\.?\s?/\s?a|null"
    r"|nil|nan|empty"
    r"|(?:无|没有|无需|不需要|暂无|空)(?:任何)?(?:额外)?(?:的)?输入(?:内容)?|输入\s?[:：]\s?(?:无"
    r"|空|没有|n/?a|none)|无|空|暂无|不适用)[\s>\])}`\"'*_.。-]{0,4}",
    re.IGNORECASE,
)

_STRAY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufff0-\ufffb\ufffd]")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
# UTF-8 read as another encoding, and the marks of chat templates.
_MIXED_UP = re.compile(
    "锟斤拷|烫烫烫|屯屯屯|[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u2122]"
    "|<\\|(?:im_start|im_end|endoftext|eot_id|end|user|assistant|system)\\|>|\\[/?INST\\]|<</?SYS>>"
)
_MIXED_UP_SIGNS = ("<|", "INST]", "SYS>>", "锟", "烫烫", "屯屯", "\u00c2", "\u00c3", "\u00e2\u20ac")
_LITERAL_ESCAPE = re.compile(
    r"\\(?:n(?![a-zA-Z{])|r\\n|n(?=[A-Z][a-z])|t(?![a-zA-Z{])|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}(?![0-9a-zA-Z]))"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,5});")
# Where escapes and entities belong.
_CODE_MARKS = (
    "```",
    "`",
    "print",
    "def ",
    "</",
    "/>",
    "{",
    "\\(",
    "\\[",
    "$",
    "regex",
    "string",
    "HTML",
    "html",
    "字符串",
    "转义",
    "正则",
    "();",
    "escape",
    "C:\\",
)


def find_defects(sample: Sample) -> Iterator[Finding]:
    """Every defect of a row, with the words that show it."""
    answer = sample.answer
    yield from _find_empty(sample, answer)
    cut = find_cut(answer)
    if cut:
        yield Finding("cut_off_answer", cut)
    instruction, given = _single_task(sample)
    if instruction is not None:
        material = "" if len(given) <= _LONGEST_MARKER and _NO_INPUT.fullmatch(given) else given
        unseen = list(find_unseen(instruction, material, answer))
        yield from unseen
        yield from find_merged(instruction, answer)
        yield from _find_unmet(instruction, answer)
        if given and not material:
            yield Finding("no_input_marker", given)
        # An answer that asks back for what is missing does not make the task unclear.
        if sample.instruction is not None and not unseen:
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


def _find_unmet(instruction: str, answer: str) -> Iterator[Finding]:
    lower = instruction.lower()
    about_code = any(map(lower.__contains__, _CODE_WORDS)) and not _TEXT_PROGRAM.search(instruction)
    if answer and about_code and _ASKS_CODE.search(instruction) and not _HAS_CODE.search(answer):
        yield Finding("missing_code", answer.strip()[:80])
    if any(map(lower.__contains__, _PICTURE_WORDS)) and not _PICTURE_IN_TEXT.search(instruction):
        asked = _PICTURE_REQUEST.search(instruction)
        if asked:
            yield Finding("picture_request", asked.group())


def _find_empty(sample: Sample, answer: str) -> Iterator[Finding]:
    bare = answer.strip()
    if len(bare) > _LONGEST_MARKER:
        return
    last = next((turn for turn in reversed(sample.messages) if turn.role == "assistant"), None)
    if last is not None and last.tool_calls:
        return
    if not _BLANK.sub("", bare) or _NOTHING.fullmatch(bare):
        yield Finding("empty_answer", bare)
        return
    question = next((turn.content for turn in reversed(sample.prompt) if turn.role == "user"), "")
    if bare.strip("<>()[]\"'`.。“”!！ ").lower() in question.lower():
        return  # the prompt named it as one of its answers
    choice = (
        "?" in question
        or "？" in question
        or re.search(
            r"\b(?:any|which|find|identify|how many|output)\b|是否|有没有|哪|找出|多少", question, re.IGNORECASE
        )
    )
    if _NA_ANSWER.fullmatch(bare) or (not choice and _NONE_ANSWER.fullmatch(bare)):
        yield Finding("na_answer", bare)


def _find_stray(sample: Sample, answer: str) -> Iterator[Finding]:
    texts = (answer, *(turn.content for turn in sample.prompt if turn.role == "user"))
    escapes = any("\\" in text or "&" in text for text in texts)
    escapes = escapes and not any(mark in text for mark in _CODE_MARKS for text in texts)
    found: dict[str, str] = {}
    for text in texts:
        plain = text.isascii() and text.replace("\n", " ").isprintable()
        stray = None if plain else _STRAY.search(text)
        if stray is None and any(map(text.__contains__, _MIXED_UP_SIGNS)):
            stray = _MIXED_UP.search(text)
        if stray is None and escapes:
            stray = _LITERAL_ESCAPE.search(text)
        mendable = (None if plain else _INVISIBLE.search(text)) or (_ENTITY.search(text) if escapes else None)
        for name, match in (("stray_characters", stray), ("mendable_characters", mendable)):
            if match:
                around = text[max(0, match.start() - 15) : match.end() + 15]
                found.setdefault(name, "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in around))
    yield from (Finding(name, span) for name, span in found.items())


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
        misses_en="Material named only by its title, tasks merged without a mark, instructions that are clear but senseless, and "
        "answers cut off in a list or between two sentences.",
        misses_zh="只提到标题的材料、没有标记的合并任务、语句通顺却没有意义的指令，以及在列表中或两句之间中断的回答。",
        precision=(Read("en", 31, 32), Read("zh", 60, 60)),
    ),
    version=3,
)
