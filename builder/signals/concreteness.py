"""How concrete an answer is: whether it gives examples, figures and steps.

The score is the mean of three parts, each 0 to 1: examples (two phrases or quotations that introduce or are one, or a block
of code, are full), figures (three numbers outside list marks are full) and steps (three list items or order words are full).
"""

import re
from itertools import islice

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Read, Signal, SignalValue

_EXAMPLES_EN = ("for example", "for instance", "such as", "e.g.", "including")
_EXAMPLES_ZH = ("例如", "比如", "譬如", "诸如", "举例", "例子", "为例", "包括")
_QUOTATION = re.compile(r"[“\"「《][^”\"」》\n]{2,200}[”\"」》]")
_LIST_MARK = re.compile(r"\s{0,12}(?:[-*•]\s|\(?\d{1,2}[.)、．）]|第?[一二三四五六七八九十]{1,3}[、.步是])")
_NUMBER = re.compile(r"\d\d*(?:[.,:/]\d+)*")  # `re` skips to a class faster than to a run of it
_ORDER_EN = ("first,", "firstly", "second,", "secondly", "third,", "next,", "then,", " then ", "finally", "lastly")
_ORDER_ZH = ("首先", "其次", "然后", "接着", "接下来", "最后", "第一步", "第二步", "第三步")
_CHINESE_SIGN = re.compile("[如例括首次后着接步]")  # one of them stands in every Chinese phrase
_ENOUGH_EXAMPLES, _ENOUGH_FIGURES, _ENOUGH_STEPS = 2, 3, 3


def concreteness(answer: str) -> float:
    """The score of an answer, 0 to 1.

    Args:
        answer: any text.
    """
    lines = answer.split("\n")
    marks = [_LIST_MARK.match(line) for line in lines]
    steps = len(lines) - marks.count(None)
    bare = (
        "\n".join(line[mark.end() :] if mark else line for line, mark in zip(lines, marks, strict=True))
        if steps
        else answer
    )
    figures = sum(1 for _ in islice(_NUMBER.finditer(bare), _ENOUGH_FIGURES))
    lower = bare.lower()
    chinese = not bare.isascii() and _CHINESE_SIGN.search(bare) is not None
    if steps < _ENOUGH_STEPS:
        steps = max(steps, _count(lower, _ORDER_EN), _count(bare, _ORDER_ZH) if chinese else 0)
    examples = _ENOUGH_EXAMPLES if "```" in answer else _count(lower, _EXAMPLES_EN)
    if examples < _ENOUGH_EXAMPLES:
        examples += (_count(bare, _EXAMPLES_ZH) if chinese else 0) + len(_QUOTATION.findall(bare))
    parts = (
        min(examples, _ENOUGH_EXAMPLES) / _ENOUGH_EXAMPLES,
        figures / _ENOUGH_FIGURES,
        min(steps, _ENOUGH_STEPS) / _ENOUGH_STEPS,
    )
    return round(sum(parts) / len(parts), 3)


def _count(text: str, phrases: tuple[str, ...]) -> int:
    return sum(map(text.count, phrases))


def measure_concreteness(sample: Sample) -> tuple[SignalValue, ...]:
    """The concreteness of the last answer."""
    return (concreteness(sample.answer),)


CONCRETENESS = Signal(
    name="concreteness",
    columns=(("concreteness", pa.float64()),),
    measure=measure_concreteness,
    card=Card(
        meaning_en="Whether the answer gives examples, figures and steps; each of the three counts a third.",
        meaning_zh="回答是否给出例子、数字和步骤；三者各占三分之一。",
        range_en="0 to 1; above 0.5 is concrete",
        range_zh="0 到 1；高于 0.5 为具体",
        misses_en="Concrete prose without numbers or lists: scenes, names, dialogue.",
        misses_zh="没有数字和列表的具体文字：场景、人名、对话。",
        precision=(Read("en", 49, 52), Read("zh", 45, 50)),
    ),
)
