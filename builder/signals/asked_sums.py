"""The sum that is a whole question, and the bare number that answers it: "What is 12 × 14?" → "158".

Only questions of nothing but numbers, signs and the words for them are read, and only answers that end in the one number they
give. Questions of rounding, remainders, other bases or conversions are left alone.
"""

import re
from fractions import Fraction

from builder.signals.expressions import UnreadableError, compute

_LONGEST_QUESTION, _LONGEST_ANSWER = 160, 120

_FOLDED = str.maketrans("０１２３４５６７８９＋－−–×÷＝％（）．∙⋅✕✖／＊⁄？，：", "0123456789+---*/=%().****/*/?,:")
_OTHER_RULES = re.compile(
    r"\b(?:round\w*|nearest|estimate\w*|approximat\w*|convert\w*|binary|hex\w*|octal|base|remainder|mod\w*|integer|whole|fraction|simplest"
    r"|percentage|words?|code|function|program|digits?|roman|matrix|vector|scientific|log\w*|factorial|pattern|next)\b"
    r"|四舍五入|约|取整|换算|转换|进制|余|整除|整数|分数|百分[比率]|代码|函数|程序|位|罗马|规律|科学记数",
    re.IGNORECASE,
)
_NUMBER = r"-?(?:\d{1,3}(?:,\d{3}){1,4}(?![\d,])|\d{1,15})(?:\.\d{1,8})?"
_LISTED = rf"{_NUMBER}(?:\s*(?:,|、|;|\band\b|和|与|及|\s)\s*(?:and\s+)?{_NUMBER})+"
# What stands around the sum; all of it may be missing.
_BEFORE = re.compile(
    r"(?:please |can you |could you |now |请|帮我|给我)*(?:what(?:'s| is| are| does| would be)|how much (?:is|are)|calculate|compute|solve"
    r"|evaluate|find|work out|determine|simplify|give|provide|answer|tell me|计算(?:一下)?|求(?:出|解)?|算(?:出|一下)?|解(?:出|决)?"
    r"|找[出到]|问|进行|[将把])?[ :,]*"
    r"(?:(?:the|this|following|given|value|result|answer|expression|equation|problem|calculation|operation|arithmetic|math(?:s|ematical)?"
    r"|for|of|to|is|below|下面|以下|下列|这个|给定|数学|的|算式|表达式|等式|方程|运算|式子|算术题|数学题|题|问题|结果|值|答案|得数)[ :,.]*)*",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[ ,]*(?:=|equals?|is|得|等于|是)?[ ]*(?:what|多少|几|\?|_+)?[ ]*(?:的(?:值|结果|答案|得数)(?:是)?(?:多少|几|什么)?)?[ ]*[?.!。=]*",
    re.IGNORECASE,
)
_WORDS = (
    (re.compile(r"(?<=[\d)%]) ?(?:plus|added to) ?(?=[\d(.-])", re.IGNORECASE), "+"),
    (re.compile(r"(?<=[\d)%]) ?(?:minus|less) ?(?=[\d(.-])", re.IGNORECASE), "-"),
    (re.compile(r"(?<=[\d)%]) ?(?:times|multiplied by) ?(?=[\d(.-])", re.IGNORECASE), "*"),
    (re.compile(r"(?<=[\d)%]) ?(?:divided by|over) ?(?=[\d(.-])", re.IGNORECASE), "/"),
    (re.compile(r"(?<=\d) ?(?:%|percent) of ?(?=[\d.])", re.IGNORECASE), "%*"),
    (re.compile(r"(?<=[\d)])(?:加上|加)(?=[\d(])"), "+"),
    (re.compile(r"(?<=[\d)])(?:减去|减)(?=[\d(])"), "-"),
    (re.compile(r"(?<=[\d)])(?:乘以|乘)(?=[\d(])"), "*"),
    (re.compile(r"(?<=[\d)])除以(?=[\d(])"), "/"),
    (re.compile(r"(?<=\d) ?的 ?(?=\d[\d.]{0,8} ?%)"), "*"),
)
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_NAMED = (
    (re.compile(rf"(?:sum|total) of (?:the )?(?:numbers )?(?P<all>{_LISTED})", re.IGNORECASE), "+"),
    (re.compile(rf"product of (?:the )?(?:numbers )?(?P<all>{_LISTED})", re.IGNORECASE), "*"),
    (re.compile(rf"add (?P<all>{_LISTED})", re.IGNORECASE), "+"),
    (re.compile(rf"add (?P<a>{_NUMBER}) to (?P<b>{_NUMBER})", re.IGNORECASE), "+"),
    (re.compile(rf"multiply (?P<a>{_NUMBER}) (?:by|and|with) (?P<b>{_NUMBER})", re.IGNORECASE), "*"),
    (re.compile(rf"divide (?P<a>{_NUMBER}) by (?P<b>{_NUMBER})", re.IGNORECASE), "/"),
    (re.compile(rf"subtract (?P<b>{_NUMBER}) from (?P<a>{_NUMBER})", re.IGNORECASE), "-"),
    (re.compile(rf"(?P<all>{_LISTED})(?:的总和|的和|之和|相加(?:的和)?)"), "+"),
    (re.compile(rf"(?P<all>{_LISTED})(?:的乘积|的积|之积|相乘(?:的积)?)"), "*"),
)
# The request names what to do, the input holds the numbers.
_TO_ADD = re.compile(
    r"(?:please )?(?:given [\w ]{1,40}, ?)?(?:(?:find|calculate|compute|determine|give|what is|get|return)(?: the)? (?:sum|total)"
    r"|add|sum)\b[\w ,]{0,50}[.?:]?"
    r"|(?:给定[\w]{1,8},)?(?:请)?(?:计算|求|求出|找出|给出)?[\w]{0,14}?(?:总和|之和|的和|相加)(?:的结果)?[是。?.:]?",
    re.IGNORECASE,
)
_TO_MULTIPLY = re.compile(
    r"(?:please )?(?:given [\w ]{1,40}, ?)?(?:(?:find|calculate|compute|determine|what is|return)(?: the)? product|multiply)"
    r"\b[\w ,]{0,50}[.?:]?"
    r"|(?:给定[\w]{1,8},)?(?:请)?(?:计算|求|求出|找出|给出)?[\w]{0,14}?(?:乘积|之积|相乘)(?:的结果)?[是。?.:]?",
    re.IGNORECASE,
)
_NOT_ALL = re.compile(
    r"\b(?:even|odd|first|last|largest|smallest|positive|negative|prime|squares?|cubes?|series|sequence|except)\b",
    re.IGNORECASE,
)
_LAST_NUMBER = re.compile(
    rf"(?:^|[\s=:$￥¥£€\u4e00-\u9fff])(?P<value>{_NUMBER}(?:/\d{{1,9}})?)(?P<percent> ?%)?[ ]*[.。!]?\s*$"
)
_MIXED = re.compile(r"(?:\d|[-+*/^x×÷]|\b(?:or|and|remainder|R|to))\s*$|[或余和]\s*$")
_SIGNED = re.compile(r"[\d)%]\s*[-+*/^xX]\s*[(-]?[\d.]")


def wrong_answer(question: str, input: str, answer: str) -> tuple[bool, str | None]:
    """Whether a question is one sum with a bare number for an answer, and where that is wrong the two with the right value.

    The answer may be off by less than one unit of its last place, which forgives rounding.
    """
    said = _bare_number(answer)
    if said is None:
        return False, None
    asked = asked_sum(question, input)
    if asked is None:
        return False, None
    try:
        value, given = compute(asked), compute(said)
    except UnreadableError:
        return False, None
    unit = Fraction(1, 10 ** len(said.rstrip("%").partition(".")[2])) / (100 if said.endswith("%") else 1)
    if abs(value - given) < unit or ("/" not in said and abs(value - given / 100) < unit / 100 and said.endswith("%")):
        return True, None
    shown = str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"
    return True, f"{asked} → {said} ({shown})"


def asked_sum(question: str, input: str) -> str | None:
    """The one sum that a question with its input asks for, as an expression of numbers; None where it asks for more."""
    text, given = _fold(question), _fold(input)
    if len(text) + len(given) > _LONGEST_QUESTION or _OTHER_RULES.search(text):
        return None
    if not given or given.casefold() == text.casefold():
        return _expression(text)
    if not any(character.isdecimal() for character in text):
        listed = re.fullmatch(_LISTED, given)
        for pattern, sign in ((_TO_ADD, "+"), (_TO_MULTIPLY, "*")):
            if listed and pattern.fullmatch(text) and not _NOT_ALL.search(text):
                return _joined(given, sign)
        before = _BEFORE.match(text)
        if before and _AFTER.fullmatch(text, before.end()):
            return _expression(given)
    return None


def _fold(text: str) -> str:
    return " ".join(text.translate(_FOLDED).split())


def _expression(text: str) -> str | None:
    before = _BEFORE.match(text)
    rest = text[before.end() :] if before else text
    for candidate in (text, rest):
        for pattern, sign in _NAMED:
            found = pattern.match(candidate)
            if found and _AFTER.fullmatch(candidate, found.end()):
                parts = found.groupdict()
                return _joined(parts["all"], sign) if "all" in parts else f"{parts['a']} {sign} {parts['b']}"
    for pattern, sign in _WORDS:
        rest = pattern.sub(sign, rest)
    end = len(rest)
    while end and rest[end - 1] not in "0123456789)%":
        end -= 1
    side = rest[:end].strip()
    if _DATE.fullmatch(side):
        return None
    if not _SIGNED.search(side) or not _AFTER.fullmatch(rest, end) or not set(side) <= set("0123456789.,+-*/^()%xX $"):
        return None
    # "2020-10-05" is a day and "1-2" a range: a minus between digits wants blanks or company.
    return (
        None
        if re.fullmatch(r"\d+(?:-\d+)+", side)
        and side in text
        and "=" not in rest
        and before is not None
        and not before.group().strip()
        else side
    )


def _joined(listed: str, sign: str) -> str:
    return f" {sign} ".join(re.findall(_NUMBER, listed))


def _bare_number(answer: str) -> str | None:
    text = answer.strip()
    if len(text) > _LONGEST_ANSWER or not any(map(str.isdecimal, text[-4:])) or "\n" in text:
        return None
    text = text.translate(_FOLDED)
    found = _LAST_NUMBER.search(text)
    if found is None or _MIXED.search(text[: found.start("value")]):
        return None
    return found["value"] + (found["percent"] or "").strip()
