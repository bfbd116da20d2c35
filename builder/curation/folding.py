"""Contamination's own view of a text: what a copy keeps when its case, width, spacing, marks, script or letters are changed.

`builder.text` keeps traditional characters as they are, since 發 and 髮 are two words; a copy of a benchmark row in the other
script is a copy all the same, and here all characters that some conversion joins are one. So are letters of Latin, Cyrillic
and Greek that look alike, small or capital (with the Greek nu, which looks like a v and an N, those two are one as well): a
sentence some of whose letters are another alphabet's reads the same. Rows in Russian or Greek are held against Russian and
Greek as before, since hardly two letters of one alphabet become one.
"""

import functools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import opencc
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Places = NDArray[np.int64]

# From the standard's own traditional characters, Taiwan's and Hong Kong's to simplified ones, and back.
_CONVERSIONS = ("t2s", "tw2s", "hk2s", "s2t", "s2tw", "s2hk")
_IDEOGRAPHS = [*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000)]
_CODES = 0x30000
_WORD, _CJK, _OTHER = 1, 2, 3
# Letters and, below each, the Latin one that it looks like, small or capital (of Unicode's confusables, UTS 39, those that a
# reader takes for the letter).
_LATIN_OF = (
    ("авекмнорстухіјѕһԁԛԝѵӏ", "abekmhopctyxijshdqwvl"),
    ("αβεζηηικμννορτυυχωγϲϳ", "abezhnikmnvoptyuxwycj"),
    ("ıɑɡ", "iag"),
)
# As `builder.text.tokenise` splits: CJK one by one, Greek to Georgian and Ethiopic … by the word. Latin, Greek and Cyrillic
# letters make one word together, or a word would fall apart where a letter of it is exchanged.
_ALPHABETS_END = 0x0530
_CJK_RANGES = (
    (0x3005, 0x3005),
    (0x3007, 0x3007),
    (0x3040, 0x30FF),
    (0x3100, 0x312F),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xAC00, 0xD7AF),
    (0x20000, 0x2FFFF),
)
_OTHER_RANGE = (0x0370, 0x1CFF)


@dataclass(frozen=True, slots=True)
class Folded:
    """Texts one behind the other, without all that is neither letter nor digit.

    Attributes:
        codes: code points.
        starts, ends: for each text, where it begins and ends in `codes`.
        tokens: where each token begins in `codes`; a CJK character is one, a run of other letters and digits is one.
    """

    codes: Codes
    starts: Places
    ends: Places
    tokens: Places

    def text_at(self, place: int) -> int:
        """The number of the text that a code stands in."""
        return int(np.searchsorted(self.ends, place, "right"))

    def texts_at(self, places: Places) -> Places:
        """`text_at` of many places."""
        return np.searchsorted(self.ends, places, "right")

    def codes_of(self, text: int) -> Codes:
        """The codes of one text."""
        return self.codes[self.starts[text] : self.ends[text]]

    def count_tokens(self, start: int, end: int) -> int:
        """How many tokens begin from a place to before another."""
        return int(np.searchsorted(self.tokens, end) - np.searchsorted(self.tokens, start))


def fold(texts: Sequence[str]) -> Folded:
    """Fold texts; what a character becomes does not depend on the characters around it."""
    table = _table()
    raw = _raw_codes(texts)
    longer = table.grows[raw]
    if longer.any():
        texts = list(texts)
        for number in np.unique(np.cumsum(raw == 0)[longer]):
            texts[number] = texts[number].translate(table.longer)
        raw = _raw_codes(texts)
    unseen = table.unseen[raw]
    raw = raw[~unseen] if unseen.any() else raw
    codes = table.codes[raw]
    kinds = table.kinds[codes]
    there = kinds > 0
    begins = there.copy()
    begins[1:] &= (kinds[1:] == _CJK) | (kinds[1:] != kinds[:-1])
    place = np.cumsum(there, dtype=np.int64)
    ends = place[raw == 0]
    starts = np.concatenate([np.zeros(1, np.int64), ends])[:-1]
    return Folded(codes[there], starts, ends, place[begins] - 1)


def _raw_codes(texts: Sequence[str]) -> Codes:
    """The texts' code points, each text followed by a 0."""
    joined = "".join(text.replace("\0", " ") + "\0" for text in texts)
    return np.minimum(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32), _CODES - 1)


def places_of(text: str) -> Places:
    """For each code of a text that is folded alone, the place in the text that it came from."""
    table = _table()
    raw = _raw_codes([text])[:-1]
    sizes = np.ones(len(raw), np.int64)
    for place in np.flatnonzero(table.grows[raw]):
        sizes[place] = len(table.longer[int(raw[place])])
    origins = np.repeat(np.arange(len(raw)), sizes)
    if len(origins) > len(raw):
        raw = _raw_codes([text.translate(table.longer)])[:-1]
    return origins[~table.unseen[raw] & (table.kinds[table.codes[raw]] > 0)]


@dataclass(frozen=True, slots=True)
class _Table:
    """By code point: what it becomes, of which kind that is, whether it is as if not there, and what becomes longer."""

    codes: Codes
    kinds: NDArray[np.uint8]
    unseen: NDArray[np.bool_]
    grows: NDArray[np.bool_]
    longer: Mapping[int, str]


@functools.cache
def _table() -> _Table:
    kinds = np.zeros(_CODES, np.uint8)
    for code in range(_CODES):
        kinds[code] = _kind(code)
    same = {**_joined_ideographs(), **_joined_letters()}
    codes = np.arange(_CODES, dtype=np.uint32)
    unseen = np.zeros(_CODES, np.bool_)
    longer: dict[int, str] = {}
    for code in range(_CODES):
        category = unicodedata.category(chr(code))
        # marks that stand on Latin letters, and what has no width: soft hyphens, joiners, byte order marks
        unseen[code] = category == "Cf" or 0x0300 <= code <= 0x036F
        folded = [same.get(piece, piece) for piece in _pieces(chr(code)) if kinds[piece]]
        if len(folded) > 1:
            longer[code] = "".join(map(chr, folded))
        elif folded:
            codes[code] = folded[0]
    grows = np.zeros(_CODES, np.bool_)
    grows[list(longer)] = True
    return _Table(codes, kinds, unseen, grows, longer)


def _kind(code: int) -> int:
    if any(first <= code <= last for first, last in _CJK_RANGES):
        return _CJK
    if code < _ALPHABETS_END:
        return _WORD if chr(code).isalnum() else 0
    other = _OTHER_RANGE[0] <= code <= _OTHER_RANGE[1] and unicodedata.category(chr(code))[0] in "LMN"
    return _OTHER if other else 0


def _pieces(character: str) -> list[int]:
    """Half-width, lower-case, Latin letters without their marks."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    letters = ((piece, ord(unicodedata.normalize("NFD", piece)[0])) for piece in plain)
    return [base if base < 0x0250 else ord(piece) for piece, base in letters]


def _joined_ideographs() -> dict[int, int]:
    """Ideograph → the first of all those that conversions between scripts join with it."""
    # one a line, so that no word decides how a character is converted
    text = "\n".join(map(chr, _IDEOGRAPHS))
    return _joined(
        (code, ord(converted))
        for name in _CONVERSIONS
        for code, converted in zip(_IDEOGRAPHS, opencc.OpenCC(name).convert(text).split("\n"), strict=True)
        if len(converted) == 1
    )


def _joined_letters() -> dict[int, int]:
    """Letter → the first of all those that look like it."""
    return _joined(pair for ours, latin in _LATIN_OF for pair in zip(map(ord, ours), map(ord, latin), strict=True))


def _joined(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Code point → the first of all those that pairs join with it, directly or through others."""
    parents: dict[int, int] = {}

    def first(code: int) -> int:
        while parents.setdefault(code, code) != code:
            code = parents[code]
        return code

    for pair in pairs:
        one, other = sorted(map(first, pair))
        parents[other] = one
    return {code: first(code) for code in parents if first(code) != code}
