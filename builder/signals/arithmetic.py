"""Sums that stand in an answer and can be checked: "12 × 3 = 36", "15% of 80 is 12", 三加五等于八.

A statement is two sides of an equals sign with numbers alone, at least one with an operator. Both are computed in exact
fractions by the parser below; nothing is ever evaluated as code. A side that is written with decimals may be off by less
than one unit of its last place, which forgives rounding and cutting. Not checked: anything with a letter or unit inside,
other number bases and remainders, code, and statements that the prompt makes itself.
"""

import re
from fractions import Fraction

import pyarrow as pa

from builder.schema import Sample
from builder.signals.asked_sums import wrong_answer
from builder.signals.expressions import TOKEN, UnreadableError, compute
from builder.signals.signal import Card, Found, Read, Signal, SignalValue, last_question

# More than that is no sum for people; it keeps a strange text cheap.
_LONGEST_SIDE = 120
_MOST_SHOWN = 5

_FOLDED = str.maketrans(
    "０１２３４５６７８９＋－−–×÷＝％（）．·∙⋅✕✖／＊⁄",
    "0123456789+---*/=%().*****/*/",
)
_DIGIT = re.compile(r"\d")
_SUPERSCRIPTS = {"²": "^2", "³": "^3"}
_FORMULA_ENDS = (("\\(", " "), ("\\)", " "), ("\\[", " "), ("\\]", " "))
_SIDE = frozenset("0123456789.,+-*/^()% \t$￥¥€£xX[]")
_LIST_MARK = re.compile(r"^\s*(?:\(?\d{1,2}[.)]\s+|[-*]\s+)")
_OTHER_RULES = re.compile(
    r"\b(?:binary|hexadecimal|octal|base[- ]?(?:\d|two|three|eight|ten|sixteen)|modulo|mod|remainder|xor|matrix|vector|pattern|puzzle"
    r"|roman|boolean|clock|float(?:s|ing)?)\b|[二八]进制|十六进制|取余|余数|取模|矩阵|向量|规律|谜题|布尔|逻辑[加或运]|时钟|钟[表面]|浮点",
    re.IGNORECASE,
)
# A line that says so of a sum is right about it, and some prompts ask for such a sum.
_SAID_WRONG = re.compile(r"\b(?:wrong|false|incorrect|not equal|untrue)\b|错误|错的|不对|不正确|假命题", re.IGNORECASE)
_ASKS_FOR_WRONG = re.compile(
    r"\b(?:wrong|false|incorrect|untrue)\b[^.?!\n]{0,20}\b(?:equation|sum|statement|calculation|claim|arithmetic)s?\b"
    r"|(?:错误|不正确|假)的?(?:数学)?(?:算式|等式|计算|例子|命题|陈述)",
    re.IGNORECASE,
)
_PERCENT_EN = re.compile(
    r"(?<![\d.,])(\d[\d,]{0,12}(?:\.\d{1,6})?) ?(?:%|percent) of [$£€]?(\d[\d,]{0,12}(?:\.\d{1,6})?) (?:is|equals|=) "
    r"[$£€]?(\d[\d,]{0,12}(?:\.\d{1,6})?)(?![\d,]*\.?\d|[%a-zA-Z]| ?(?:%|percent|million|billion|thousand|[-+*/×÷=]))"
)
_PERCENT_ZH = re.compile(
    r"(?<![\d.,])(\d[\d,]{0,12}(?:\.\d{1,6})?) ?的 ?(\d[\d,]{0,12}(?:\.\d{1,6})?)[%％] ?(?:是|等于|为|=) ?"
    r"(\d[\d,]{0,12}(?:\.\d{1,6})?)(?![\d,]*\.?\d|[%a-zA-Z]| ?[万亿千百%+\-*/×÷=])"
)
_NUMERAL = "零〇一二两三四五六七八九十百千万"
_NUMERAL_IN_SUM = re.compile(
    rf"(?<![\u4e00-\u9fff])[{_NUMERAL}]{{1,12}}(?= ?[+\-*/=])|(?<=[+\-*/=])[{_NUMERAL}]{{1,12}}"
)
_WORDS_ZH = (
    ("等于", "="),
    ("加上", "+"),
    ("加", "+"),
    ("减去", "-"),
    ("减", "-"),
    ("乘以", "*"),
    ("乘", "*"),
    ("除以", "/"),
)
_WORDS_EN = (("plus", "+"), ("minus", "-"), ("times", "*"), ("multiplied by", "*"), ("divided by", "/"))
_WORDS_EN_PATTERNS = tuple((re.compile(rf"(?<=\d) {word} (?=\d)"), f" {sign} ") for word, sign in _WORDS_EN)
_IS_EN = re.compile(r"(?<=\d) (?:is|equals|is equal to) (?=-?\d)")
_NOT_BEFORE = re.compile(r"[\w^√π)\]}.:'°!\\&]")
_NOT_AFTER = re.compile(
    r"[\w^√π({\[:%!\\…'=<>~&]|\.\.|\s*(?:million|billion|trillion|thousand|hundred|[万亿千百余]|mod|R\d|×|\*)"
)


def wrong_sums(answer: str, prompt: str = "") -> tuple[int, list[str]]:
    """How many statements could be checked, and those that are wrong, with the right value in brackets.

    Args:
        answer: the text whose statements are checked.
        prompt: statements that stand here too are somebody else's and not checked.
    """
    if not _may_state_sums(answer):
        return 0, []
    if _ASKS_FOR_WRONG.search(prompt):
        return 0, []
    text = answer
    if _SAID_WRONG.search(answer):
        text = "\n".join(line for line in answer.split("\n") if not _SAID_WRONG.search(line))
    text = _fold(text)
    statements = [*_equations(text), *_percentages(text)]
    if not statements or _OTHER_RULES.search(answer) or _OTHER_RULES.search(prompt):
        return 0, []
    given = _compact(_fold(prompt))
    checked, wrong = 0, []
    for left, right, shown in statements:
        try:
            sides = compute(left), compute(right)
        except UnreadableError:
            continue
        if _compact(shown) in given:
            continue
        checked += 1
        if abs(sides[0] - sides[1]) >= _tolerance(left, right):
            wrong.append(f"{' '.join(shown.split())} ({_decimal(sides[0])})")
    return checked, wrong[:_MOST_SHOWN]


def _may_state_sums(text: str) -> bool:
    return "等于" in text or (_DIGIT.search(text) is not None and _has_words_of_sums(text))


def _has_words_of_sums(text: str) -> bool:
    return (
        "=" in text
        or "＝" in text
        or "% of " in text
        or "%是" in text
        or " equals " in text
        or (" is " in text and (" plus " in text or " times " in text or " minus " in text or " divided by " in text))
    )


def _fold(text: str) -> str:
    """Full-width and typographic signs to ASCII, numerals and words of sums to signs."""
    if not text.isascii():
        text = text.translate(_FOLDED)
        for mark, power in _SUPERSCRIPTS.items():
            text = text.replace(mark, power)
        if "等于" in text:
            for word, sign in _WORDS_ZH:
                text = text.replace(word, sign)
            text = _NUMERAL_IN_SUM.sub(lambda found: str(_numeral(found.group())), text)
    if "\\" in text:
        for command, sign in (
            ("\\times", "*"),
            ("\\cdot", "*"),
            ("\\div", "/"),
            ("\\%", "%"),
            ("\\$", "$"),
            *_FORMULA_ENDS,
        ):
            text = text.replace(command, sign)
    if any(f" {word} " in text for word, _ in _WORDS_EN):
        for pattern, sign in _WORDS_EN_PATTERNS:
            text = pattern.sub(sign, text)
        text = _IS_EN.sub(" = ", text)
    return text


def _numeral(text: str) -> int:
    """The value of a Chinese numeral below a hundred million: 三 is 3, 一百零五 is 105, 十二 is 12."""
    total = section = digit = 0
    for character in text:
        if character == "万":
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        elif character in "十百千":
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character]
            digit = 0
        else:
            digit = 2 if character == "两" else "零一二三四五六七八九".find(character.replace("〇", "零"))
    return total + section + digit


def _compact(text: str) -> str:
    return "".join(text.split())


def _equations(text: str) -> list[tuple[str, str, str]]:
    """(left, right, as written) of every equals sign between two numeric sides; linear in the text."""
    found: list[tuple[str, str, str]] = []
    place, start = text.find("="), 0
    while place >= 0:
        following = text.find("=", place + 1)
        if text[place - 1 : place] not in ("<", ">", "!", ":", "=", "+", "-", "*", "/", "") and following != place + 1:
            left = _side_before(text, place, start)
            right = _side_after(text, place + 1, following if following >= 0 else len(text))
            if left and right and (_has_operator(left) or _has_operator(right)):
                found.append((left, right, f"{left.strip()} = {right.strip()}"))
        start, place = place + 1, following
    return found


def _side_before(text: str, end: int, start: int) -> str:
    begin = end
    lowest = max(start, end - _LONGEST_SIDE)
    while begin > lowest and text[begin - 1] in _SIDE:
        begin -= 1
    if begin == lowest and begin > start:
        return ""
    side = text[begin:end]
    # Blanks part words from a sum, but "y - 3" and "5 cm + 3" show by the sign that the side began further left.
    if (
        begin > start
        and _NOT_BEFORE.match(text[begin - 1])
        and not (side[:1] in " \t" or side[:2] == ", " or "\u4e00" <= text[begin - 1] <= "\u9fff")
    ):
        return ""
    line_start = begin == 0 or text[begin - 1] == "\n"
    side = _LIST_MARK.sub("", side, count=1) if line_start else side
    side = side.lstrip(" \t,.")
    return "" if not line_start and side[:1] in ("+", "-", "*", "/", "^", "%", ")") else side


def _side_after(text: str, begin: int, limit: int) -> str:
    end = begin
    highest = min(limit, begin + _LONGEST_SIDE)
    while end < highest and text[end] in _SIDE:
        end += 1
    side = text[begin:end].rstrip(" \t,.x$￥¥€£[(")
    end = begin + len(side)
    rest = text[end : end + 12]
    stopped = rest[:1]
    if stopped == "=" or (stopped in " \t" and rest.lstrip().startswith("=")):
        return side
    if _NOT_AFTER.match(rest) and not "\u4e00" <= stopped <= "\u9fff":
        return ""
    if stopped in ("万", "亿", "千", "百", "余", "分", "又", "十"):
        return ""
    tail = rest.lstrip(" \t$")
    # "= 3 x" and "= 2 pi" go on; "= 12 apples" does not.
    return (
        ""
        if re.match(r"[xyznkπ](?![a-z])|pi\b|\*|/|[+^√×÷]|余|million|billion|trillion|thousand|hundred|[RrEe]\d", tail)
        else side
    )


def _has_operator(side: str) -> bool:
    return bool(re.search(r"[\d)%]\s*[-+*/^xX]\s*[($￥¥€£]*-?[\d.(]", side))


def _percentages(text: str) -> list[tuple[str, str, str]]:
    found = []
    if "% of " in text or "percent of " in text:
        found += [(f"{a}/100*{b}", c, f"{a}% of {b} = {c}") for a, b, c in _PERCENT_EN.findall(text)]
    if "%" in text and "的" in text:
        found += [(f"{b}/100*{a}", c, f"{a} × {b}% = {c}") for a, b, c in _PERCENT_ZH.findall(text)]
    return found


def _tolerance(left: str, right: str) -> Fraction:
    """One unit of the last place of the coarsest side that is a bare number (a result), else of the right one."""
    bare = [side for side in (left, right) if not _has_operator(side)] or [right]
    decimals = min(_decimals(side) for side in bare)
    unit = Fraction(1, 10**decimals)
    return unit / 100 if any("%" in side for side in bare) else unit


def _decimals(side: str) -> int:
    numbers = TOKEN.findall(side)
    return max((len(number.partition(".")[2]) for number in numbers if number[-1].isdigit()), default=0)


def _decimal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"


def measure_arithmetic(sample: Sample) -> tuple[SignalValue, ...]:
    """How many statements of the last answer were checked, the answer to a sum among them, and the wrong ones."""
    question = last_question(sample)
    checked, wrong = wrong_sums(sample.answer, question)
    if not checked:
        asked, given = (question, "") if sample.instruction is None else (sample.instruction, sample.input or "")
        answered, shown = wrong_answer(asked, given, sample.answer)
        return int(answered), [shown] if shown else []
    return checked, wrong


ARITHMETIC = Signal(
    name="arithmetic",
    columns=(("arithmetic_checked", pa.int64()), ("arithmetic_wrong", pa.list_(pa.string()))),
    measure=measure_arithmetic,
    card=Card(
        meaning_en="Sums in the answer that could be checked, also a bare number that answers a sum, and those that are wrong with "
        "the right value in brackets.",
        meaning_zh="回答中可以验算的算式个数（也包括问题是一道算式、回答只有一个数的），以及算错的算式（括号内为正确值）。",
        range_en="a count, and a list of statements",
        range_zh="一个个数和一列算式",
        misses_en="Sums with units or letters inside, word problems, fractions as an answer, averages of a list, and wrong answers in a "
        "sentence without an equals sign.",
        misses_zh="夹带单位或字母的算式、应用题、以分数作答的算式、一列数的平均值，以及写在句子里而没有等号的错误答案。",
        precision=(Read("en", 2, 2), Read("zh", 2, 2)),
        recall=(Found("en", 2, 4), Found("zh", 2, 8)),
        fresh=True,
    ),
    version=2,
)
