"""What an answer says beyond its length: how much, how densely, in what form, and whether that is what was asked for.

    "Explain how tides arise."            wants a long answer      "By the moon."    form `short`, fit 0.0
    "Is 7 prime? Answer yes or no."       wants a brief one        "Yes"             form `short`, fit 1.0

`information` and `density` are places among answers of the same form and language: 0.5 is the middle one of public Alpaca rows. So a
label or a number is not a bad answer for being short, and a value depends on the row alone.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Signal, SignalValue, last_question, tokens_of
from builder.signals.wanted import fit_of, wanted_of
from builder.text import FUNCTION_CHARACTERS, FUNCTION_WORDS

Form = Literal["number", "short", "sentence", "list", "code", "text"]
FORMS: tuple[Form, ...] = ("number", "short", "sentence", "list", "code", "text")

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_LOOKED_AT = 40
_FUNCTION = FUNCTION_WORDS | FUNCTION_CHARACTERS
_LONGEST_REQUEST = 200
_CHINESE_SHARE = 4  # of its characters, one in so many
_SHORT_WORDS = {False: 8, True: 12}  # by whether the answer is Chinese, which takes about 1.6 characters a word
_SENTENCE_WORDS = {False: 30, True: 48}
_CHINESE_WORD = 1.6
_ITEM = re.compile(r"[ \t]{0,8}(?:[-*•·][ \t]|(?:\*\*)?\(?\d{1,2}[.)、．）])")
_LEAST_ITEMS = 3
_CODE_STARTS = (
    *("def ", "class ", "import ", "#include", "public ", "function ", "SELECT ", "<!DOCTYPE", "<html", "<?php"),
    *("var ", "const ", "let "),
)
_FIGURE = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]{3,}")
_SENTENCE_END = re.compile(r"[.!?。！？\n]+")
_LEAST_COPIED = 12  # characters: a shorter part may stand there by chance
_MOST_HELD = 50_000  # characters of each: every part is looked for in the whole answer
_DIGITS = 3
# By whether the answer is Chinese and by form: the middle and the spread of `log1p(said(…))` and of `content_share` among the
# answers of 1,999 public Alpaca rows (python -m benchmarks.quality_weights --reference prints them); rounder for the few numbers.
_INFORMATION: Mapping[tuple[bool, Form], tuple[float, float]] = {
    (False, "number"): (3.75, 0.53),
    (False, "short"): (4.19, 0.32),
    (False, "sentence"): (3.93, 0.54),
    (False, "list"): (6.27, 0.67),
    (False, "code"): (5.00, 0.66),
    (False, "text"): (5.80, 0.79),
    (True, "number"): (2.75, 0.50),
    (True, "short"): (3.04, 0.32),
    (True, "sentence"): (3.02, 0.35),
    (True, "list"): (4.80, 0.32),
    (True, "code"): (4.47, 0.40),
    (True, "text"): (4.35, 0.52),
}
_DENSITY: Mapping[tuple[bool, Form], tuple[float, float]] = {
    (False, "number"): (1.00, 0.25),
    (False, "short"): (0.67, 0.25),
    (False, "sentence"): (0.57, 0.13),
    (False, "list"): (0.63, 0.07),
    (False, "code"): (0.69, 0.12),
    (False, "text"): (0.57, 0.06),
    (True, "number"): (1.00, 0.25),
    (True, "short"): (0.75, 0.19),
    (True, "sentence"): (0.77, 0.12),
    (True, "list"): (0.83, 0.05),
    (True, "code"): (0.77, 0.05),
    (True, "text"): (0.78, 0.06),
}


def weigh(words: Collection[str]) -> int:
    """How much a text says: the letters of its distinct words, or its distinct Chinese characters; function words say nothing.

    Longer words are rarer and say more (Zipf's law of abbreviation; Piantadosi, Tily and Gibson 2011), so no table of
    frequencies is needed.

    Args:
        words: the text's tokens, each once.
    """
    return sum(map(len, words)) - sum(map(len, _FUNCTION.intersection(words)))


def said(answer: Collection[str], question: str, form: Form) -> int:
    """How much a row says: its answer, and where that is a label or a number the request too, up to 200 letters.

    A label says no more than another one: of two such rows the one with the richer request is the better.
    """
    if form not in ("number", "short"):
        return weigh(answer)
    return weigh(answer) + min(weigh(set(tokens_of(question))), _LONGEST_REQUEST)


def content_share(words: Sequence[str]) -> float:
    """The share of a text's tokens that are no function words; 0 of nothing."""
    return 1 - sum(map(_FUNCTION.__contains__, words)) / len(words) if words else 0.0


def copied_share(answer: str, question: str) -> float:
    """The share of an answer, in characters, that sentences and lines of the question make up word for word."""
    answer, question = answer[:_MOST_HELD], question[:_MOST_HELD]
    parts = {part for part in map(str.strip, _SENTENCE_END.split(question)) if len(part) >= _LEAST_COPIED}
    return min(1.0, sum(len(part) * answer.count(part) for part in parts if part in answer) / max(1, len(answer)))


def is_chinese(text: str) -> bool:
    """Whether at least a quarter of a text's first characters are Chinese."""
    start = text[:_LOOKED_AT]
    return not start.isascii() and len(_HAN.findall(start)) * _CHINESE_SHARE >= len(start)


def form_of(text: str, words: int, *, chinese: bool) -> Form:
    """The form of an answer; `short` is a label, a name or a phrase.

    Args:
        words: its tokens.
    """
    if words <= _SHORT_WORDS[chinese]:
        return "number" if _FIGURE.search(text) and not _LETTERS.search(text) else "short"
    if "```" in text:
        return "code"
    lines = text.split("\n")
    if any(line.lstrip().startswith(_CODE_STARTS) for line in lines):
        return "code"
    if len(lines) >= _LEAST_ITEMS and len(lines) - list(map(_ITEM.match, lines)).count(None) >= _LEAST_ITEMS:
        return "list"
    return "sentence" if words <= _SENTENCE_WORDS[chinese] else "text"


def _place(value: float, middle: float, spread: float) -> float:
    """0 to 1, by the logistic curve that is closest to a normal distribution (a factor of 1.7)."""
    return round(1 / (1 + math.exp(-1.7 * (value - middle) / spread)), _DIGITS)


def measure_substance(sample: Sample) -> tuple[SignalValue, ...]:
    """Form, information, density, copied share and fit of the last answer."""
    answer, question = sample.answer, last_question(sample)
    words = tokens_of(answer)
    if not words:
        return None, None, None, None, None
    total, chinese = len(words), is_chinese(answer)
    form = form_of(answer, total, chinese=chinese)
    fit = fit_of(wanted_of(question), total / _CHINESE_WORD if chinese else total, bare=form in ("number", "short"))
    return (
        form,
        _place(math.log1p(said(set(words), question, form)), *_INFORMATION[chinese, form]),
        _place(content_share(words), *_DENSITY[chinese, form]),
        round(copied_share(answer, question), _DIGITS),
        round(fit, _DIGITS),
    )


SUBSTANCE = Signal(
    name="substance",
    columns=(
        ("answer_form", pa.string()),
        ("information", pa.float64()),
        ("density", pa.float64()),
        ("copied", pa.float64()),
        ("fit", pa.float64()),
    ),
    measure=measure_substance,
    card=Card(
        meaning_en="The answer's form; how much and how densely it speaks beside public answers of that form and language; how "
        "much of it stands in the request; and whether it is as brief or as long as was asked for.",
        meaning_zh="回答的形式；与同语言、同形式的公开回答相比的信息量和信息密度；照搬题目的比例；以及详略是否符合要求。",
        range_en="number, short, sentence, list, code or text; the others 0 to 1; information and density 0.5 in the middle",
        range_zh="number、short、sentence、list、code 或 text；其余为 0 到 1，信息量与密度以 0.5 居中",
        misses_en="Whether what is said is true; requests that name a length in other words than the usual ones.",
        misses_zh="所说是否属实；用不常见的说法提出的长短要求。",
    ),
)
