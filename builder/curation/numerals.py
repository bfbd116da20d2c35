"""Numbers in words, in both languages, as digits."""

import re

_UNITS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth
seventeenth eighteenth nineteenth twentieth
"""
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ENGLISH = {
    **{word: value for value, word in enumerate(_UNITS.split(), 1)},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), 2)},
    **{word: value for value, word in enumerate(_ORDINALS.split(), 1)},
    **_SCALES,
}
NUMBER_WORDS = frozenset(_ENGLISH)
_NAMED = "|".join(sorted(_ENGLISH, key=len, reverse=True))
_SMALL = "|".join((*_UNITS.split(), *_TENS.split()))
# three hundred and forty-four; two numbers side by side are two, such as "five ten"
ENGLISH_NUMBER = re.compile(
    rf"\b(?:(?:{_SMALL})[ -](?:{'|'.join(_SCALES)})(?:[ -](?:and[ -])?(?:{_NAMED}))*|"
    rf"(?:{_TENS.replace(' ', '|')})-(?:{'|'.join(_UNITS.split()[:9])})|{_NAMED})\b"
)
_CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
CHINESE_NUMBER = re.compile(f"[{''.join(_CHINESE_DIGITS)}{''.join(_CHINESE_SCALES)}]+")
# "one" and 一 are articles as often as numbers, "second" is a unit of time too.
NO_NUMBERS = frozenset({"one", "second", "first", "一"})


def number_of(word: str) -> str:
    """The digits of what `ENGLISH_NUMBER` or `CHINESE_NUMBER` finds in a normalised text."""
    return str(_english(word) if word[0].isascii() else _chinese(word))


def _english(words: str) -> int:
    total, part = 0, 0
    for word in words.replace("-", " ").split():
        value = _ENGLISH.get(word, 0)
        if word == "hundred":
            part = (part or 1) * value
        elif word in _SCALES:
            total, part = total + (part or 1) * value, 0
        else:
            part += value
    return total + part


def _chinese(run: str) -> int:
    total, digit = 0, 0
    for character in run:
        if character in _CHINESE_DIGITS:
            digit = digit * 10 + _CHINESE_DIGITS[character] if digit and "十" not in run else _CHINESE_DIGITS[character]
        elif character == "万":
            total, digit = (total + digit) * 10_000, 0
        else:
            total, digit = total + (digit or 1) * _CHINESE_SCALES[character], 0
    return total + digit
