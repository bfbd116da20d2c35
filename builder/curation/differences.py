"""The second look at two texts that were found alike: does something tell that they ask for different things?

Encoders of every kind put "five tips" beside "ten tips", "contain" beside "do not contain" and "into French" beside "from
French". These differences are few and can be read from the words: numbers, negation, names, pairs of alternatives, and which
of two comes first.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from builder.curation.contrasts import (
    ALWAYS_SAID,
    ASKED_ALIKE,
    CHINESE_NEGATIONS,
    CLOSINGS,
    CONTRASTS,
    MEASURES,
    NEGATIONS,
    OPENINGS,
    SAID_ALIKE,
)
from builder.encoders.function_words import FUNCTION_CHARACTERS, FUNCTION_WORDS
from builder.text import normalise, tokenise

_DIGITS = re.compile(r"(?:(?<![^\s(=])-)?\d+(?:[.,]\d+)*")
_UNITS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ENGLISH = {
    **{word: value for value, word in enumerate(_UNITS.split(), 1)},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), 2)},
    **{word: value for value, word in enumerate(_ORDINALS.split(), 1)},
}
_ENGLISH_NUMBER = re.compile(rf"\b(?:{'|'.join(sorted(_ENGLISH, key=len, reverse=True))})\b")
_CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_CHINESE_NUMBER = re.compile(f"[{''.join(_CHINESE_DIGITS)}{''.join(_CHINESE_SCALES)}]+")
# "one" and 一 are articles as often as numbers, "second" is a unit of time too.
_NO_NUMBERS = frozenset({"one", "second", "first", "一"})
_QUOTED = re.compile("《([^《》]+)》|“([^“”]+)”|‘([^‘’]+)’|\"([^\"]+)\"|(?<!\\w)'([^']+)'(?!\\w)")
_CAPITALISED = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"'“‘])\b[A-Z][\w&+#-]*")
_LATIN_IN_CHINESE = re.compile(r"[A-Za-z][A-Za-z+#]*")
_NEGATION = re.compile(NEGATIONS)
_CHINESE_NEGATION = re.compile(CHINESE_NEGATIONS)
_FOR_ME = frozenset("帮给为替")
_OPENINGS, _CLOSINGS = (
    frozenset(tuple(tokenise(said)) for said in re.split(r"[|\n]", t)) - {()} for t in (OPENINGS, CLOSINGS)
)
_FIRST_ALIKE = {**ASKED_ALIKE, **SAID_ALIKE}
_POLITE = frozenset(word for said in _OPENINGS | _CLOSINGS for word in said)
_LONGEST_FIRST = range(6, 0, -1)
_LETTERS = frozenset("bcefghjklnopqruvwxyz")  # alone they name something; a and I are words, d, m, s and t endings
_MEASURES = frozenset("个条句篇首种项点份封道只张位名件段")
_STEM = 4  # letters that two forms of one word share
_LONGEST_PLACE = 3
_BESIDE = frozenset({"and", "or", "&", ",", "、", "/", "和", "与", "或", "及", "跟", "versus", "vs", "between"})
_WORD_OR_MARK = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CLOSE = 24  # characters between two things of which one becomes the other, or comes before it
_PARTED = 3  # neighbours that one phrase which moves takes from one another, at most
_PER_TEXT = lru_cache(maxsize=4096)  # a text is held against many others
_SIGN = re.compile(r"(?<=[\w)])\s?([-+*/^=<>×÷%!]+)\s?(?=[\w(-])|([$€£¥])")


def telling_difference(text: str, other: str) -> str | None:
    """What tells that two texts do not mean the same, or None.

    Texts that differ in one of these may still mean the same ("do not forget" and "remember"); such a pair is given up, since
    a row dropped wrongly is worse than one kept too many.

    Returns:
        Such as `numbers: 5 / 10`, `negation`, `names: Austria / Australia`, `ascending / descending` or `order`.
    """
    return next((found for check in _CHECKS if (found := check(text, other)) is not None), None)


def request_key(tokens: Sequence[str]) -> bytes:
    """64 bits that are equal for requests of the same words, whatever their order, politeness and articles.

    Words that ask for the same ("write", "compose") count as one. What one request says and the other does not makes two keys,
    and so do numbers and letters in another order: of thousands of lists to sort, each has its own. Requests which are alike by
    ROUGE-L and have one key are left to compare.

    Args:
        tokens: as `builder.text.tokenise` gives them.
    """
    said = _said(tokens)
    ordered = [token for token in said if token.isdigit() or (len(token) == 1 and token in _LETTERS)]
    return hashlib.blake2b(
        "\0".join([*sorted(said), *ordered]).encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()


def _said(tokens: Sequence[str]) -> list[str]:
    """What is asked, without what only asks for it: politeness, articles, 帮我; words that say the same as one word."""
    asked = _without_ends(tokens)
    said: list[str] = []
    for before, token, after in zip(["", *asked], asked, [*asked[1:], ""], strict=False):
        if token in ALWAYS_SAID or (token == "我" and before in _FOR_ME) or (token in _FOR_ME and after == "我"):
            continue
        if (token == "一" and (after in MEASURES or after == "下")) or (token == "下" and before == "一"):
            continue
        if token in MEASURES and SAID_ALIKE.get(before, before).isdigit():
            continue
        said.append((SAID_ALIKE if said else _FIRST_ALIKE).get(token, token))
    return said or list(tokens)


def _without_ends(tokens: Sequence[str]) -> Sequence[str]:
    """Without the politeness at both ends; a text that is nothing else keeps the last of it."""
    while found := next((n for n in _LONGEST_FIRST if n < len(tokens) and tuple(tokens[:n]) in _OPENINGS), 0):
        tokens = tokens[found:]
    while found := next((n for n in _LONGEST_FIRST if n < len(tokens) and tuple(tokens[-n:]) in _CLOSINGS), 0):
        tokens = tokens[:-found]
    return tokens


def _numbers_differ(text: str, other: str) -> str | None:
    return _sets_differ("numbers", _numbers(text), _numbers(other))


def _names_differ(text: str, other: str) -> str | None:
    some, others = _names(text), _names(other)
    folded = normalise(text), normalise(other)
    # What both say is no other name for being written large: AUSTRIA in capitals, a title.
    if all(name in folded[1] for name in some) and all(name in folded[0] for name in others):
        return None
    if {_initials(name) for name in (text, other)} & (some | others):  # "WHO" and "World Health Organization"
        return None
    return _sets_differ("names", some, others)


def _quotes_differ(text: str, other: str) -> str | None:
    return _sets_differ("quoted", *(frozenset(filter(None, sum(_QUOTED.findall(t), ()))) for t in (text, other)))


def _sets_differ(what: str, some: frozenset[str], others: frozenset[str]) -> str | None:
    """Only where both name something: a text may leave out what goes without saying."""
    if not some or not others or some == others:
        return None
    return f"{what}: {', '.join(sorted(some - others)) or '–'} / {', '.join(sorted(others - some)) or '–'}"


def _negation_differs(text: str, other: str) -> str | None:
    return "negation" if _negations(text) % 2 != _negations(other) % 2 else None


@_PER_TEXT
def _negations(text: str) -> int:
    folded = normalise(text)
    chinese = sum(1 for match in _CHINESE_NEGATION.finditer(folded) if match.group(1) is None)
    return chinese + len(_NEGATION.findall(folded))


def _contrast(text: str, other: str) -> str | None:
    """Of one set of alternatives, one text names what the other does not, and the other way round; or in another order."""
    some, others = _alternatives(normalise(text)), _alternatives(normalise(other))
    for number in some.keys() & others.keys():
        mine, theirs = some[number], others[number]
        if set(mine) - set(theirs) and set(theirs) - set(mine):
            return f"{(set(mine) - set(theirs)).pop()} / {(set(theirs) - set(mine)).pop()}"
    return None


def _order_differs(text: str, other: str) -> str | None:
    """Two things have changed places: "Celsius to Fahrenheit", "Fahrenheit to Celsius". A phrase that moved tells nothing."""
    folded = normalise(text), normalise(other)
    said = _asked(text), _asked(other)
    differs = (
        _named_in_other_order(*folded)
        or _numbers_in_other_order(*said)
        or _neighbours_changed(said, folded)
        or _moved(*said)
    )
    return "order" if differs else None


@_PER_TEXT
def _asked(text: str) -> list[str]:
    return _said(tokenise(text))


def _named_in_other_order(text: str, other: str) -> bool:
    """Both name the same alternatives of one set close together, such as two languages, and not in the same order."""
    some, others = _alternatives(text), _alternatives(other)
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


def _neighbours_changed(said: tuple[list[str], list[str]], texts: tuple[str, str]) -> bool:
    """Two words or characters side by side have changed places: "milk chocolate", "chocolate milk"; 蜜蜂, 蜂蜜."""
    some, others = said
    start = _common(some, others)
    mine, theirs = some[start : start + 2], others[start : start + 2]
    if (
        len(mine) < 2
        or mine != theirs[::-1]
        or some[start + 2 :] != others[start + 2 :]
        or any(map(_says_little, mine))
    ):
        return False
    return all(" ".join(two) in text or "".join(two) in text for two, text in zip((mine, theirs), texts, strict=True))


def _moved(some: Sequence[str], others: Sequence[str]) -> bool:
    """The same tokens, but two runs have changed places around what stands between them, or hardly two stay together."""
    if some == others or sorted(some) != sorted(others):
        return False
    before = _common(some, others)
    after = _common(some[before:][::-1], others[before:][::-1])
    mine, theirs = list(some[before : len(some) - after]), list(others[before : len(others) - after])
    for first in range(1, len(mine) - 1):
        if theirs[-first:] != mine[:first]:
            continue
        for last in range(1, len(mine) - first):
            between = mine[first : len(mine) - last]
            if theirs[:last] == mine[-last:] and theirs[last : len(mine) - first] == between:
                return not _is_beside(between)
    parted = (Counter(pairwise(some)) - Counter(pairwise(others))).total()
    return parted > _PARTED and 2 * parted > len(some)


def _is_beside(tokens: Sequence[str]) -> bool:
    return all(token in _BESIDE for token in tokens)


def _one_place_differs(text: str, other: str) -> str | None:
    """Equal but for one place in the middle or at the end, where each has words of its own: "a poem about the sea / moon".

    At the beginning stand verbs such as explain and describe, which differ without making a difference.
    """
    some, others = _content(text), _content(other)
    before = _common(some, others)
    after = _common(some[before:][::-1], others[before:][::-1])
    mine, theirs = some[before : len(some) - after], others[before : len(others) - after]
    if not before or not mine or not theirs or max(len(mine), len(theirs)) > _LONGEST_PLACE:
        return None
    if any(a[:_STEM] == b[:_STEM] for a in mine for b in theirs):
        return None
    between = "" if any(not token.isascii() for token in (*mine, *theirs)) else " "
    return f"{between.join(mine)} / {between.join(theirs)}"


@_PER_TEXT
def _content(text: str) -> list[str]:
    return [token for token in tokenise(text) if not _says_little(token)]


def _says_little(token: str) -> bool:
    """Function words, and numbers with their measure words, which `_numbers_differ` compares."""
    return (
        token in FUNCTION_WORDS
        or token in FUNCTION_CHARACTERS
        or token in _MEASURES
        or token.isdigit()
        or _ENGLISH_NUMBER.fullmatch(token) is not None
        or _CHINESE_NUMBER.fullmatch(token) is not None
    )


def _common(some: Sequence[str], others: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(some, others, strict=False)) if a != b), min(len(some), len(others)))


def _signs_differ(text: str, other: str) -> str | None:
    """What is done with numbers: 3 + 5 and 3 - 5 have the same words, and so have 2 + 3 * 4 and 2 * 3 + 4."""
    some, others = ([a or b for a, b in _SIGN.findall(normalise(t))] for t in (text, other))
    if not some or not others or some == others:
        return None
    return _sets_differ("signs", frozenset(some), frozenset(others)) or "order of signs"


_CHECKS: Sequence[Callable[[str, str], str | None]] = (
    _numbers_differ,
    _signs_differ,
    _negation_differs,
    _quotes_differ,
    _names_differ,
    _contrast,
    _order_differs,
    _one_place_differs,
)


@_PER_TEXT
def _numbers(text: str) -> frozenset[str]:
    """The numbers that a text names, as digits."""
    text = normalise(text)
    found = {match.replace(",", "") for match in _DIGITS.findall(text)}
    found |= {str(_ENGLISH[word]) for word in _ENGLISH_NUMBER.findall(text) if word not in _NO_NUMBERS}
    found |= {str(_chinese(run)) for run in _CHINESE_NUMBER.findall(text) if run not in _NO_NUMBERS}
    return frozenset(found)


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


@_PER_TEXT
def _names(text: str) -> frozenset[str]:
    latin = _LATIN_IN_CHINESE if any("\u4e00" <= character <= "\u9fff" for character in text) else _CAPITALISED
    return frozenset(name.removesuffix("'s").casefold() for name in latin.findall(text)) - _POLITE


def _initials(text: str) -> str:
    return "".join(
        word[0] for word in text.split() if word[0].isupper() and word not in ("Describe", "Explain")
    ).casefold()


@_PER_TEXT
def _alternatives(text: str) -> dict[int, tuple[str, ...]]:
    """By the number of the set, the alternatives that a folded text names; the first spelling stands for all."""
    found: dict[int, list[str]] = {}
    for number, alternatives in enumerate(_COMPILED):
        named = [name for name, pattern in alternatives if pattern.search(text)]
        if named:
            found[number] = named
    return {number: tuple(named) for number, named in found.items()}


def _compile(alternative: str) -> tuple[str, re.Pattern[str]]:
    spellings = alternative.split("|")
    words = [re.escape(word) for word in spellings if word.isascii()]
    chinese = [re.escape(word) for word in spellings if not word.isascii()]
    patterns = [rf"\b(?:{'|'.join(words)})(?:s|es|ed|ing)?\b"] * bool(words) + chinese
    return spellings[0], re.compile("|".join(patterns))


_COMPILED = [[_compile(alternative) for alternative in alternatives] for alternatives in CONTRASTS]
