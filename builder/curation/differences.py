"""The second look at two texts that were found alike: does something tell that they ask for different things?

Encoders of every kind put "five tips" beside "ten tips", "contain" beside "do not contain" and "into French" beside "from
French". These differences are few and can be read from the words: numbers, negation, names, pairs of alternatives, and which
of two comes first.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from builder.curation.asking import POLITE, asks_about_words, divided, read_request
from builder.curation.contrasts import CHINESE_NEGATIONS, CONTRASTS, NEGATIONS
from builder.curation.numerals import CHINESE_NUMBER, ENGLISH_NUMBER, NO_NUMBERS, number_of
from builder.function_words import FUNCTION_CHARACTERS, FUNCTION_WORDS
from builder.text import normalise, tokenise

_DIGITS = re.compile(r"(?:(?<![^\s(=])-)?\d+(?:[.,]\d+)*")
_QUOTED = re.compile("《([^《》]+)》|“([^“”]+)”|‘([^‘’]+)’|\"([^\"]+)\"|(?<!\\w)'([^']+)'(?!\\w)")
_CAPITALISED = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"'“‘])\b[A-Z][\w&+#-]*")
_LATIN_IN_CHINESE = re.compile(r"[A-Za-z][A-Za-z+#]*")
_NEGATION = re.compile(NEGATIONS)
_CHINESE_NEGATION = re.compile(CHINESE_NEGATIONS)
_MEASURES = frozenset("个条句篇首种项点份封道只张位名件段")
_STEM = 4  # letters that two forms of one word share
_LONGEST_PLACE = 3
_BESIDE = frozenset(
    {"and", "or", "&", ",", "、", "/", "和", "与", "或", "及", "跟", "又", "以", "versus", "vs", "between"}
)
# "Will you …" and "I was wondering" are politeness, "imagine you were" is no past.
_TIMES = {"did": "past", "was": "past", "were": "past", "will": "future", "should": "advice"}
_TIME = re.compile(r"(?<!i )(?<!you )\b(did|was|were|will(?! you\b)|should)(?:n't)?\b")
_BECOMES = ("to", "into", "为", "成")
_WORD_OR_MARK = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_CLOSE = 24  # characters between two things of which one becomes the other, or comes before it
_PARTED = 3  # neighbours that one phrase which moves takes from one another, at most
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
        or _sides_changed(*said)
        or _moved(*said)
        or _swapped(*(tokenise(one) for one in folded))
        or _negation_moved(*said)
    )
    return "order" if differs else None


def _asked(text: str) -> tuple[str, ...]:
    return read_request(text).asked


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


def _neighbours_changed(said: tuple[tuple[str, ...], tuple[str, ...]], texts: tuple[str, str]) -> bool:
    """Two words or characters side by side have changed places: "milk chocolate", "chocolate milk"; 蜜蜂, 蜂蜜."""
    some, others = said
    start = _common(some, others)
    mine, theirs = some[start : start + 2], others[start : start + 2]
    if (
        len(mine) < 2
        or mine != theirs[::-1]
        or some[start + 2 :] != others[start + 2 :]
        or any(_says_little(word) or word.endswith("ly") for word in mine)
    ):
        return False
    return all(" ".join(two) in text or "".join(two) in text for two, text in zip((mine, theirs), texts, strict=True))


def _swapped(some: Sequence[str], others: Sequence[str]) -> bool | None:
    """Whether two runs that have changed places make a difference, as in "the effect of sleep on mood"; None where none have."""
    if some == others or sorted(some) != sorted(others):
        return None
    before = _common(some, others)
    after = _common(some[before:][::-1], others[before:][::-1])
    mine, theirs = list(some[before : len(some) - after]), list(others[before : len(others) - after])
    for first in range(1, len(mine) - 1):
        if theirs[-first:] != mine[:first]:
            continue
        for last in range(1, len(mine) - first):
            between = mine[first : len(mine) - last]
            if theirs[:last] == mine[-last:] and theirs[last : len(mine) - first] == between:
                shared = _common(
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
    return [word for word in read_request(text).asked if not _says_little(word)]


def _says_little(token: str) -> bool:
    """Function words, and numbers with their measure words, which `_numbers_differ` compares."""
    return (
        token in FUNCTION_WORDS
        or token in FUNCTION_CHARACTERS
        or token in _MEASURES
        or token.isdigit()
        or ENGLISH_NUMBER.fullmatch(token) is not None
        or CHINESE_NUMBER.fullmatch(token) is not None
    )


def _common(some: Sequence[str], others: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(some, others, strict=False)) if a != b), min(len(some), len(others)))


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
    _order_differs,
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
    _order_differs,
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


def check_names() -> list[str]:
    """The names of the checks, such as `numbers_differ`, in their order."""
    return [check.__name__.strip("_") for check in _CHECKS]


def found_by_each(text: str, other: str) -> list[bool]:
    """For each check, in the order of `check_names`, whether it tells the texts apart."""
    return [check(text, other) is not None for check in _CHECKS]
