"""Whether an answer keeps the form that was asked for: valid JSON, Python that parses, as many items as named.

Each value is None where nothing was asked or nothing can be judged. Code is parsed, never run.
"""

import ast
import json
import re
import textwrap
import warnings

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Found, Read, Signal, SignalValue, last_question, tokens_of

# Longer blocks are not judged: parsing a strange one may cost much memory.
_LONGEST_CODE = 20_000
_LONGEST_QUESTION = 2_000

_ASKS_JSON = re.compile(
    r"\b(?:in|as|into|to|return|output|produce|generate|write|create|give|respond with|using)\b[^.?!\n]{0,24}\bjson\b"
    r"|(?:输出|返回|生成|转换[为成]|转[为成]|写|以(?![下上])|用|按|采用|给出|创建)[^，。？！\n]{0,12}json",
    re.IGNORECASE,
)
_ABOUT_JSON = re.compile(
    r"\b(?:code|function|program|script|python|java|javascript|parse|api|explain|what is|difference|schema|article|essay|blog|tutorial)\b"
    r"|json\b[^.?!\n]{0,40}\b(?:in)?to (?!.*json)|代码|函数|程序|脚本|解析|解释|什么是|区别|关于|介绍|文章"
    r"|json[^，。？！\n]{0,12}转(?:换|化)?[为成到](?!.*json)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]{0,8}```[ \t]*([\w+#-]{0,20})[^\n]*\n(.*?)(?:^[ \t]{0,8}```|\Z)", re.DOTALL | re.MULTILINE)

_NUMBERS_EN = dict(
    zip(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], range(2, 11), strict=True)
)
_NUMBERS_ZH = dict(zip("二三四五六七八九十", range(2, 11), strict=True)) | {"两": 2}
_THINGS_EN = (
    r"(?:tips|ways|examples|reasons|ideas|steps|things|items|points|facts|questions|words|names|titles|benefits|advantages"
    r"|disadvantages|methods|strategies|suggestions|features|characteristics|differences|similarities|synonyms|antonyms|uses"
    r"|types|kinds|books|movies|films|songs|activities|hobbies|skills|factors|causes|effects|topics|quotes|adjectives|nouns"
    r"|verbs|countries|cities|animals|foods|recipes|websites|tools|companies|languages|habits|techniques|principles|goals"
    r"|challenges|problems|solutions|applications|options|categories|sentences|headlines|slogans|metaphors|habits|rules"
    r"|symptoms|sources|qualities|traits|arguments|scenarios|trends|exercises|places|attractions|measures|resources)"
)
_ASKS_ITEMS_EN = re.compile(
    r"\b(?:list|give|provide|name|suggest|generate|write|create|come up with|identify|brainstorm|recommend|offer|share|state"
    r"|describe|outline|propose|compile|find|make)\b(?: me| us| down| out| of| a| the| list|,|\s){0,4}\s"
    r"(at least |up to |about |around |over |more than )?"
    r"(two|three|four|five|six|seven|eight|nine|ten|\d{1,2})\s+(?:[\w'’-]+\s+){0,3}?" + _THINGS_EN + r"\b",
    re.IGNORECASE,
)
_ASKS_ITEMS_ZH = re.compile(
    r"(最多|至多|至少|不少于|不超过)?(?:列出|列举|给出|提供|写出|举出|说出|推荐|建议|想出|生成|提出|找出|描述|说明|创建|设计|写下|写|给我|举)"
    r"(?:一下|我|关于)?(至少|最多|至多|大约|大概|不少于|不超过)?"
    r"([两二三四五六七八九十]|\d{1,2})(?:个|条|种|项|点|款|部|首|件|位|道|则|本|大)(?![月年天小])"
)
_NUMERAL = re.compile(r"[\d两二三四五六七八九十]")
# "Three meals for each day" are more than three.
_EACH = re.compile(r"\b(?:each|every|per)\b|每|各", re.IGNORECASE)
# A second number may ask for a second list.
_ANY_NUMBER = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten)\b|\d+|[两二三四五六七八九十](?=[个条种项点款部首件位道则])",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^([ \t]{0,16})(?:(?:\*\*)?\(?(\d{1,2})(?:[)、．）:：]|\.(?!\d))|([-*•·])[ \t])", re.MULTILINE)
# The same within a line: "1. Oak 2. Maple 3. Birch".
_ITEM_INLINE = re.compile(r"(?<![\d.,$€£¥])(\d{1,2})(?:[.)、．）][ \t]?|[:：] ?)(?=[^\d\s.)])")
_AT_LEAST = ("at least", "over", "more than", "至少", "不少于")
_AT_MOST = ("up to", "最多", "至多", "不超过")


def json_validity(question: str, answer: str) -> tuple[bool | None, str]:
    """Whether JSON was asked for and is there; None where it was not asked for. With the parser's complaint."""
    if "json" not in question.lower() or not _ASKS_JSON.search(question) or _ABOUT_JSON.search(question):
        return None, ""
    fenced = [body for _, body in _FENCE.findall(answer)]
    complaint = "no JSON"
    for text in [*fenced, answer, _outermost(answer)]:
        try:
            if text.strip():
                json.loads(text)
                return True, ""
        except (ValueError, RecursionError) as error:
            complaint = str(error)[:80] if "{" in text or "[" in text else complaint
    return False, complaint


def _outermost(text: str) -> str:
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts and end > min(starts) else ""


def code_validity(question: str, answer: str) -> tuple[bool | None, str]:
    """Whether all fenced Python of an answer parses; None where there is none to judge. With the parser's complaint.

    A fence without a language is Python where the question names it. Consoles, notebooks' commands and blocks with an
    ellipsis line are not judged.
    """
    if "```" not in answer:
        return None, ""
    named = "python" in question.lower()
    judged = False
    for language, body in _FENCE.findall(answer):
        if language.lower() not in ("python", "py", "python3") and not (named and not language):
            continue
        if len(body) > _LONGEST_CODE or not body.strip() or _is_console(body):
            continue
        if not language and not _looks_like_code(body):
            continue
        complaint = _python_complaint(textwrap.dedent(body))
        if complaint:
            return False, complaint
        judged = True
    return (True if judged else None), ""


def _is_console(body: str) -> bool:
    return any(line.lstrip().startswith((">>>", "$ ", "!", "%", "...", "pip ")) for line in body.splitlines())


def _looks_like_code(body: str) -> bool:
    return any(word in body for word in ("def ", "import ", "print(", "return ", "for ", "class "))


def _python_complaint(body: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # an odd escape in a string is a warning of the parser, and no fault of form
            ast.parse(body)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return type(error).__name__
    return ""


def list_length(question: str, answer: str) -> tuple[bool | None, str]:
    """Whether a list has as many items as asked for ("five tips", 列出三个); None where that cannot be told.

    Only answers that are one list are judged. Where its items can be counted in several ways (a number within a line, an
    item that is indented by mistake, a heading with a bullet of its own), one that fits is enough. With both numbers.
    """
    numbered = _NUMERAL.search(question) or not _NUMBERS_EN.keys().isdisjoint(tokens_of(question))
    if not numbered or len(question) >= _LONGEST_QUESTION:
        return None, ""
    asked = [*_ASKS_ITEMS_EN.findall(question)]
    asked += [(before or about, number) for before, about, number in _ASKS_ITEMS_ZH.findall(question)]
    if len(asked) != 1 or len(_ANY_NUMBER.findall(question)) > 1 or _EACH.search(question):
        return None, ""
    about, number = asked[0][0].strip().lower(), asked[0][1].lower()
    wanted = int(number) if number.isdecimal() else _NUMBERS_EN.get(number) or _NUMBERS_ZH[number]
    counts = _count_items(answer)
    if wanted < 2 or not counts or (about and about not in (*_AT_LEAST, *_AT_MOST)):
        return None, ""
    if about in _AT_LEAST:
        kept = max(counts) >= wanted
    elif about in _AT_MOST:
        kept = min(counts) <= wanted
    else:
        kept = wanted in counts
    return kept, f"{wanted} → {counts[0]}"


def _count_items(answer: str) -> list[int]:
    """Every sensible count of the items of the one list that an answer is; empty where it is none, or several."""
    items = _ITEM.findall(answer)
    numbered = [(indent, int(number)) for indent, number, _ in items if number]
    inline = _counted_up([int(number) for number in _ITEM_INLINE.findall(answer)])
    if numbered:
        outermost = min(len(indent) for indent, _ in numbered)
        runs = [number for _, number in numbered], [number for indent, number in numbered if len(indent) == outermost]
        counts = [len(run) for run in runs if run == list(range(1, len(run) + 1))]
        return [*counts, inline] if counts else []
    if items:
        outermost = min(len(indent) for indent, _, _ in items)
        counts = [sum(1 for indent, _, _ in items if len(indent) == outermost), len(items)]
        # A line without a bullet between bullets may be an item, its heading, or what belongs to it.
        lines = [line for line in answer.splitlines() if line.strip()]
        return [*counts, len(lines), len(lines) - 1, len(lines) - counts[0]] if len(lines) > len(items) else counts
    return []


def _counted_up(numbers: list[int]) -> int:
    """How far the numbers count up from 1, others between them left out."""
    reached = 0
    for number in numbers:
        reached += number == reached + 1
    return reached


def measure_format(sample: Sample) -> tuple[SignalValue, ...]:
    """JSON valid, code parses, list length kept (each None where not asked), and what was wrong with the first that fails."""
    question, answer = last_question(sample), sample.answer
    checks = (json_validity(question, answer), code_validity(question, answer), list_length(question, answer))
    problem = next((evidence for value, evidence in checks if value is False), None)
    return *(value for value, _ in checks), problem


FORMAT = Signal(
    name="format",
    columns=(
        ("json_valid", pa.bool_()),
        ("code_parses", pa.bool_()),
        ("list_length_kept", pa.bool_()),
        ("format_problem", pa.string()),
    ),
    measure=measure_format,
    card=Card(
        meaning_en="Whether JSON that was asked for is valid, Python parses, and a list has as many items as asked for.",
        meaning_zh="要求的 JSON 是否有效，Python 代码能否解析，列表条数是否符合要求。",
        range_en="yes, no, or nothing where it was not asked for; and what is wrong",
        range_zh="是、否，未作要求时为空；以及问题所在",
        misses_en="Code in other languages, lists within sentences, answers with several lists, and a bullet too few or too many "
        "beside lines without one.",
        misses_zh="其他语言的代码、写在句子里的列举、含有多个列表的回答，以及夹有无标记行的列表里多出或少掉的一条。",
        precision=(Read("zh", 4, 5),),
        recall=(Found("en", 0, 1), Found("zh", 4, 6)),
        fresh=True,
    ),
    version=3,
)
