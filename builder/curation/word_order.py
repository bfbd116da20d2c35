"""Which of two comes first: the same words in another order may ask for something else.

"Celsius to Fahrenheit", "Fahrenheit to Celsius"          two requests
"List in two lines …", "… list in two lines"              one: a phrase that moved tells nothing
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from builder.curation.asking import read_request
from builder.curation.contrasts import CONTRASTS, NEGATIONS
from builder.curation.numerals import CHINESE_NUMBER, ENGLISH_NUMBER
from builder.text import FUNCTION_CHARACTERS, FUNCTION_WORDS, normalise, tokenise

_MEASURES = frozenset("个条句篇首种项点份封道只张位名件段")
_BESIDE = frozenset(
    {"and", "or", "&", ",", "、", "/", "和", "与", "或", "及", "跟", "又", "以", "versus", "vs", "between"}
)
_BECOMES = ("to", "into", "为", "成")
_WORD_OR_MARK = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CLOSE = 24  # characters between two things of which one becomes the other, or comes before it
_PARTED = 3  # neighbours that one phrase which moves takes from one another, at most
_NEGATION = re.compile(NEGATIONS)


def order_differs(text: str, other: str) -> str | None:
    """Two things have changed places: "Celsius to Fahrenheit", "Fahrenheit to Celsius". A phrase that moved tells nothing."""
    folded = normalise(text), normalise(other)
    said = read_request(text).asked, read_request(other).asked
    differs = (
        _named_in_other_order(*folded)
        or _numbers_in_other_order(*said)
        or _neighbours_changed(said, folded)
        or _sides_changed(*said)
        or _moved(*said)
        or _swapped(*(tokenise(one) for one in folded))
        or _negation_moved(*said)
    )
    return "order" if differs else None


@lru_cache(maxsize=4096)  # a text is held against many others
def alternatives(text: str) -> dict[int, tuple[str, ...]]:
    """By the number of the set, the alternatives that a folded text names; the first spelling stands for all."""
    found: dict[int, list[str]] = {}
    for number, spelled in enumerate(_COMPILED):
        named = [name for name, pattern in spelled if pattern.search(text)]
        if named:
            found[number] = named
    return {number: tuple(named) for number, named in found.items()}


def _compile(alternative: str) -> tuple[str, re.Pattern[str]]:
    spellings = alternative.split("|")
    words = [re.escape(word) for word in spellings if word.isascii()]
    chinese = [re.escape(word) for word in spellings if not word.isascii()]
    patterns = [rf"\b(?:{'|'.join(words)})(?:s|es|ed|ing)?\b"] * bool(words) + chinese
    return spellings[0], re.compile("|".join(patterns))


_COMPILED = [[_compile(one) for one in choices] for choices in CONTRASTS]


def _named_in_other_order(text: str, other: str) -> bool:
    """Both name the same alternatives of one set close together, such as two languages, and not in the same order."""
    some, others = alternatives(text), alternatives(other)
    for number in some.keys() & others.keys():
        if len(some[number]) < 2 or sorted(some[number]) != sorted(others[number]):
            continue
        mine, theirs = (_places(number, folded) for folded in (text, other))
        if [name for _, _, name in mine] != [name for _, _, name in theirs]:
            return all(_leads_on(folded, places) for folded, places in ((text, mine), (other, theirs)))
    return False


def _places(number: int, text: str) -> list[tuple[int, int, str]]:
    """Where the alternatives of a set stand first, each from and up to, in their order."""
    found = ((pattern.search(text), name) for name, pattern in _COMPILED[number])
    return sorted((match.start(), match.end(), name) for match, name in found if match)


def _leads_on(text: str, places: Sequence[tuple[int, int, str]]) -> bool:
    """Some two neighbours stand close to one another with more than an "and" between them."""
    between = [text[end:start] for (_, end, _), (start, _, _) in pairwise(places)]
    return any(len(gap) <= _CLOSE and not _is_beside(_WORD_OR_MARK.findall(gap)) for gap in between)


def _numbers_in_other_order(some: Sequence[str], others: Sequence[str]) -> bool:
    mine, theirs = ([token for token in tokens if token.isdigit()] for tokens in (some, others))
    return mine != theirs and sorted(mine) == sorted(theirs)


def _neighbours_changed(said: tuple[tuple[str, ...], tuple[str, ...]], texts: tuple[str, str]) -> bool:
    """Two words or characters side by side have changed places: "milk chocolate", "chocolate milk"; 蜜蜂, 蜂蜜."""
    some, others = said
    start = common(some, others)
    mine, theirs = some[start : start + 2], others[start : start + 2]
    if (
        len(mine) < 2
        or mine != theirs[::-1]
        or some[start + 2 :] != others[start + 2 :]
        or any(says_little(word) or word.endswith("ly") for word in mine)
    ):
        return False
    return all(" ".join(two) in text or "".join(two) in text for two, text in zip((mine, theirs), texts, strict=True))


def _swapped(some: Sequence[str], others: Sequence[str]) -> bool | None:
    """Whether two runs that have changed places make a difference, as in "the effect of sleep on mood"; None where none have."""
    if some == others or sorted(some) != sorted(others):
        return None
    before = common(some, others)
    after = common(some[before:][::-1], others[before:][::-1])
    mine, theirs = list(some[before : len(some) - after]), list(others[before : len(others) - after])
    for first in range(1, len(mine) - 1):
        if theirs[-first:] != mine[:first]:
            continue
        for last in range(1, len(mine) - first):
            between = mine[first : len(mine) - last]
            if theirs[:last] == mine[-last:] and theirs[last : len(mine) - first] == between:
                shared = common(
                    between, some[len(some) - after :]
                )  # "black tea and green tea", "green tea and black tea"
                return not _is_beside(between[shared:])
    return None


def _negation_moved(some: Sequence[str], others: Sequence[str]) -> bool:
    """What is denied is another: "a and not b", "not a and b"."""
    mine, theirs = (
        [after for word, after in pairwise(tokens) if word in "不没未无勿" or _NEGATION.fullmatch(word)]
        for tokens in (some, others)
    )
    return sorted(some) == sorted(others) and sorted(mine) != sorted(theirs)


def _moved(some: Sequence[str], others: Sequence[str]) -> bool:
    """The same tokens, but two runs have changed places around what stands between them, or hardly two stay together."""
    if some == others or sorted(some) != sorted(others):
        return False
    if (swapped := _swapped(some, others)) is not None:
        return swapped
    parted = (Counter(pairwise(some)) - Counter(pairwise(others))).total()
    return parted > _PARTED and 2 * parted > len(some)


def _sides_changed(some: Sequence[str], others: Sequence[str]) -> bool:
    """A kind of something becomes that, and the other way round: "a number to a binary number", 罗马数字转换为数字."""
    for word in _BECOMES if sorted(some) == sorted(others) else ():
        if some.count(word) == others.count(word) == 1:
            (mine, became), (theirs, become) = ((t[: t.index(word)], t[t.index(word) :]) for t in (some, others))
            if set(mine) & set(became) and set(theirs) & set(become) and sorted(mine) != sorted(theirs):
                return True
    return False


def _is_beside(tokens: Sequence[str]) -> bool:
    return all(token in _BESIDE for token in tokens)


def says_little(token: str) -> bool:
    """Function words, and numbers with their measure words, which `differences` compares."""
    return (
        token in FUNCTION_WORDS
        or token in FUNCTION_CHARACTERS
        or token in _MEASURES
        or token.isdigit()
        or ENGLISH_NUMBER.fullmatch(token) is not None
        or CHINESE_NUMBER.fullmatch(token) is not None
    )


def common(some: Sequence[str], others: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(some, others, strict=False)) if a != b), min(len(some), len(others)))
