"""The second look at two texts that were found alike: does something tell that they ask for different things?

Encoders of every kind put "five tips" beside "ten tips", "contain" beside "do not contain" and "into French" beside "from
French". These differences are few and can be read from the words: numbers, negation, names, pairs of alternatives, and which
of two comes first.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from builder.curation.asking import POLITE, asks_about_words, divided, read_request
from builder.curation.contrasts import CHINESE_NEGATIONS, NEGATIONS
from builder.curation.numerals import CHINESE_NUMBER, ENGLISH_NUMBER, NO_NUMBERS, number_of
from builder.curation.word_order import alternatives, common, order_differs, says_little
from builder.text import normalise

_DIGITS = re.compile(r"(?:(?<![^\s(=])-)?\d+(?:[.,]\d+)*")
_QUOTED = re.compile("《([^《》]+)》|“([^“”]+)”|‘([^‘’]+)’|\"([^\"]+)\"|(?<!\\w)'([^']+)'(?!\\w)")
_CAPITALISED = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"'“‘])\b[A-Z][\w&+#-]*")
_LATIN_IN_CHINESE = re.compile(r"[A-Za-z][A-Za-z+#]*")
_NEGATION = re.compile(NEGATIONS)
_CHINESE_NEGATION = re.compile(CHINESE_NEGATIONS)
_STEM = 4  # letters that two forms of one word share
_LONGEST_PLACE = 3
# "Will you …" and "I was wondering" are politeness, "imagine you were" is no past.
_TIMES = {"did": "past", "was": "past", "were": "past", "will": "future", "should": "advice"}
_TIME = re.compile(r"(?<!i )(?<!you )\b(did|was|were|will(?! you\b)|should)(?:n't)?\b")
_ASCII_SYMBOL = re.compile(r"[#@\\_+<>=|]")
_SPOKEN = frozenset("°℃℉~∶～®™©")  # that a text says in words or leaves out as well
_WORD = re.compile(r"\w+")
_MARKED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_SENTENCE_ENDS = " .。!！?？\n\"'“”‘’「」"
_PER_TEXT = lru_cache(maxsize=4096)  # a text is held against many others
_SIGN = re.compile(r"(?<=[\w)])\s?([-+*/^=<>×÷%]+)\s?(?=[\w(-])|([$€£¥]|(?<=\d)!)")


def telling_difference(text: str, other: str, *, same_answer: bool = False) -> str | None:
    """What tells that two texts do not mean the same, or None.

    Texts that differ in one of these may still mean the same ("do not forget" and "remember"); such a pair is given up, since
    a row dropped wrongly is worse than one kept too many.

    Args:
        same_answer: both are answered alike, word for word and at length: then one word may be misspelt, or say the same.

    Returns:
        Such as `numbers: 5 / 10`, `negation`, `names: Austria / Australia`, `ascending / descending` or `order`.
    """
    checks = _CHECKS if not same_answer else [check for check in _CHECKS if check is not _one_place_differs]
    return next((found for check in checks if (found := check(text, other)) is not None), None)


def reordered(text: str, other: str) -> str | None:
    """The same of two texts of one `request_key`, which have the same words but for those that make no difference."""
    return next((found for check in _OF_SAME_WORDS if (found := check(text, other)) is not None), None)


def ordered_key(text: str) -> bytes:
    """64 bits that are equal for texts of the same words in the same order, with the same signs and symbols."""
    request = read_request(text)
    parts = (request.asked, request.given, _signs(text), sorted(_symbols(text)))
    said = "\0\0".join("\0".join(part) for part in parts)
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _given_differs(text: str, other: str) -> str | None:
    """One question about two contracts is two; where it is about words, marks and capitals count too."""
    if read_request(text).given != read_request(other).given:
        return "what it is applied to"
    if not (asks_about_words(text) or asks_about_words(other)):
        return None
    given = (divided(one)[1].strip(_SENTENCE_ENDS).split() for one in (text, other))
    return None if next(given) == next(given) else "what it is applied to"


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
    return _sets_differ(
        "quoted", *(frozenset(filter(None, sum(_QUOTED.findall(normalise(t)), ()))) for t in (text, other))
    )


def _time_differs(text: str, other: str) -> str | None:
    """Did, will and should are three; is and are go without saying."""
    some, others = ({_TIMES[word] for word in _TIME.findall(normalise(divided(one)[0]))} for one in (text, other))
    return None if some == others else "time"


def _symbols_differ(text: str, other: str) -> str | None:
    """C and C++, 😀 and 😭: what is neither a letter nor a digit nor punctuation, and is in no token."""
    some, others = _symbols(text), _symbols(other)
    if some == others:
        return None
    return f"symbols: {''.join(sorted(some - others)) or '–'} / {''.join(sorted(others - some)) or '–'}"


@_PER_TEXT
def _symbols(text: str) -> frozenset[str]:
    if text.isascii():
        return frozenset(_ASCII_SYMBOL.findall(text))
    return frozenset(sign for sign in normalise(text) if _is_symbol(sign))


def _is_symbol(sign: str) -> bool:
    return sign not in _SPOKEN and (sign in "#@\\_" or unicodedata.category(sign) in ("So", "Sm"))


def _marks_differ(text: str, other: str) -> str | None:
    """Words whose letters carry marks, of which tokens keep the rest: ma, má and mà are three."""
    if text.isascii() or other.isascii():
        return None
    words = (filter(_MARKED.search, _WORD.findall(normalise(one))) for one in (text, other))
    return _sets_differ("letters", *map(frozenset, words))


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
    some, others = alternatives(normalise(text)), alternatives(normalise(other))
    for number in some.keys() & others.keys():
        mine, theirs = some[number], others[number]
        if set(mine) - set(theirs) and set(theirs) - set(mine):
            return f"{(set(mine) - set(theirs)).pop()} / {(set(theirs) - set(mine)).pop()}"
    return None


def _one_place_differs(text: str, other: str) -> str | None:
    """Equal but for one place in the middle or at the end, where each has words of its own: "a poem about the sea / moon".

    At the beginning stand verbs such as explain and describe, which differ without making a difference.
    """
    some, others = _content(text), _content(other)
    before = common(some, others)
    after = common(some[before:][::-1], others[before:][::-1])
    mine, theirs = some[before : len(some) - after], others[before : len(others) - after]
    if not before or not mine or not theirs or max(len(mine), len(theirs)) > _LONGEST_PLACE:
        return None
    if any(a[:_STEM] == b[:_STEM] for a in mine for b in theirs):
        return None
    between = "" if any(not token.isascii() for token in (*mine, *theirs)) else " "
    return f"{between.join(mine)} / {between.join(theirs)}"


@_PER_TEXT
def _content(text: str) -> list[str]:
    return [word for word in read_request(text).asked if not says_little(word)]


def _signs_differ(text: str, other: str) -> str | None:
    """What is done with numbers: 3 + 5 and 3 - 5 have the same words, and so have 2 + 3 * 4 and 2 * 3 + 4."""
    some, others = _signs(text), _signs(other)
    if not some or not others or some == others:
        return None
    return _sets_differ("signs", frozenset(some), frozenset(others)) or "order of signs"


@_PER_TEXT
def _signs(text: str) -> list[str]:
    return [a or b for a, b in _SIGN.findall(normalise(text))]


_CHECKS: Sequence[Callable[[str, str], str | None]] = (
    _numbers_differ,
    _signs_differ,
    _given_differs,
    _symbols_differ,
    _marks_differ,
    _negation_differs,
    _quotes_differ,
    _names_differ,
    _contrast,
    order_differs,
    _one_place_differs,
)


# Of texts of the same words only these can differ.
_OF_SAME_WORDS: Sequence[Callable[[str, str], str | None]] = (
    _numbers_differ,
    _time_differs,
    _given_differs,
    _symbols_differ,
    _marks_differ,
    _signs_differ,
    _quotes_differ,
    order_differs,
)


@_PER_TEXT
def _numbers(text: str) -> frozenset[str]:
    """The numbers that a text names, as digits."""
    text = normalise(text)
    found = {match.replace(",", "") for match in _DIGITS.findall(text)}
    spelled = ENGLISH_NUMBER.findall(text) + CHINESE_NUMBER.findall(text)
    return frozenset(found | {number_of(word) for word in spelled if word not in NO_NUMBERS})


@_PER_TEXT
def _names(text: str) -> frozenset[str]:
    latin = _LATIN_IN_CHINESE if any("\u4e00" <= character <= "\u9fff" for character in text) else _CAPITALISED
    return frozenset(name.removesuffix("'s").casefold() for name in latin.findall(text)) - POLITE


def _initials(text: str) -> str:
    return "".join(
        word[0] for word in text.split() if word[0].isupper() and word not in ("Describe", "Explain")
    ).casefold()


def check_names() -> list[str]:
    """The names of the checks, such as `numbers_differ`, in their order."""
    return [check.__name__.strip("_") for check in _CHECKS]


def found_by_each(text: str, other: str) -> list[bool]:
    """For each check, in the order of `check_names`, whether it tells the texts apart."""
    return [check(text, other) is not None for check in _CHECKS]
