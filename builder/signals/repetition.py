"""How much of an answer says again what it said before: loops such as 好的好的好的 or one sentence ten times."""

from operator import ne
from string import ascii_lowercase

import pyarrow as pa

from builder.schema import Sample
from builder.signals.signal import Card, Signal, SignalValue, tokens_of

# 20 tokens hold 17 4-grams. In shorter answers a refrain ("Row, row, row your boat") already weighs as much as a loop.
_GRAM = 4
_SHORTEST = 17
_LETTERS = frozenset(ascii_lowercase)


def repetition_share(text: str) -> float:
    """The share of a text's 4-grams that repeat an earlier one, 0 to 1.

    Only 4-grams with at least one word count (a CJK character, or two letters or more): rows of figures, bits, dice or
    noughts and crosses repeat by nature. 0 where fewer than 17 4-grams count.
    """
    tokens = tokens_of(text)
    count = len(tokens) - _GRAM + 1
    if count < _SHORTEST:
        return 0.0
    distinct = set(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
    if len(distinct) == count:
        return 0.0
    # A byte for each token, 1 for a word: most answers have a figure or two, hardly any has four in a row.
    words = bytes(map(ne, map(str.isalpha, tokens), map(_LETTERS.__contains__, tokens)))
    if bytes(_GRAM) in words:
        grams = enumerate(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
        worded = [gram for place, gram in grams if any(words[place : place + _GRAM])]
        count, distinct = len(worded), set(worded)
    return 1 - len(distinct) / count if count >= _SHORTEST else 0.0


def measure_repetition(sample: Sample) -> tuple[SignalValue, ...]:
    """The repetition of the last answer."""
    return (repetition_share(sample.answer),)


REPETITION = Signal(
    name="repetition",
    columns=(("repetition", pa.float64()),),
    measure=measure_repetition,
    card=Card(
        meaning_en="Share of the answer's runs of four words that occurred before in it; loops come close to 1.",
        meaning_zh="回答中重复出现的四词片段所占比例；原地循环的回答接近 1。",
        range_en="0 to 1; 0 for short answers",
        range_zh="0 到 1；短回答为 0",
        misses_en="Answers of fewer than 20 words, and sentences that say the same in other words.",
        misses_zh="不足 20 个词的回答，以及换一种说法的重复。",
    ),
)
