"""How hard an instruction is to read: Björnsson's LIX, and its counterpart for Chinese.

LIX (Björnsson, *Läsbarhet*, 1968) is words for each sentence plus the percentage of long words, of more than six letters. It
is made for pages; an instruction has ten words, of which three long ones say nothing. So twenty words of ordinary text, five of
them long, are counted in with the percentage. Chinese has no word spaces and hardly any long words; what makes it hard are long
clauses and rare characters. There the index is characters for each clause plus the percentage of characters outside level 1 of
GB 2312-80, its 3,755 most common ones (thirty ordinary characters counted in).
They are comparable within a language, not between two. Nothing is dropped by it: it is a number to look at.
"""

import re

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Signal, SignalValue, task_text

_LONG_WORD = 7
_ORDINARY_WORDS, _ORDINARY_LONG, _ORDINARY_CHARACTERS = 20, 5, 30
# More text than this is material, not an instruction; it would only cost time.
_LONGEST_TEXT = 4000
# Classes are written twice: `re` skips to a class faster than to a run of it.
_WORD = re.compile(r"[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<![.!?:;。！？：；])[.!?:;。！？：；]+(?=\s|$|[^\x00-\x7f])|\n+")
_HAN_RUN = re.compile("[\u4e00-\u9fff][\u4e00-\u9fff]*")
_CLAUSE_END = re.compile("[，。！？：；、,.!?:;\n]+")
# Level 1 of GB 2312 fills its rows 16 to 55: lead bytes B0 to D7.
_COMMON = frozenset(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFF)
    if (row, cell) < (0xD7, 0xFA)
)


def readability_index(text: str) -> float | None:
    """How hard a text is to read, from 0; None where it has no words.

    Args:
        text: an instruction; the first 4,000 characters count.
    """
    text = text[:_LONGEST_TEXT]
    characters = "" if text.isascii() else "".join(_HAN_RUN.findall(text))
    words = _WORD.findall(_HAN_RUN.sub(" ", text) if characters else text)
    if len(characters) > 2 * len(words):
        clauses = sum(1 for clause in _CLAUSE_END.split(text) if clause.strip())
        rare = sum(1 for character in characters if character not in _COMMON)
        return (len(characters) + len(words)) / max(1, clauses) + 100 * rare / (len(characters) + _ORDINARY_CHARACTERS)
    if not words:
        return None
    sentences = sum(1 for sentence in _SENTENCE_END.split(text) if sentence.strip())
    long_words = sum(1 for word in words if len(word) >= _LONG_WORD)
    share = (long_words + _ORDINARY_LONG) / (len(words) + _ORDINARY_WORDS)
    return len(words) / max(1, sentences) + 100 * share


def measure_readability(sample: Sample) -> tuple[SignalValue, ...]:
    """The index of the instruction, to one decimal."""
    index = readability_index(task_text(sample))
    return (None if index is None else round(index, 1),)


READABILITY = Signal(
    name="readability",
    columns=(("readability", pa.float64()),),
    measure=measure_readability,
    card=Card(
        meaning_en="How hard the instruction is to read: LIX for words, clause length and rare characters for Chinese.",
        meaning_zh="指令的阅读难度：西文用 LIX 指数，中文看分句长度与生僻字比例。",
        range_en="above 0, higher is harder; compare within one language",
        range_zh="大于 0，越高越难读；只宜在同一种语言内比较",
        misses_en="Terms that are short but hard, and sentences that are short but muddled.",
        misses_zh="字面简短却难懂的术语，以及句子短而意思含混的指令。",
    ),
)
