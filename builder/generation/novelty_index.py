"""A growing index of texts that finds every earlier one above a threshold of ROUGE-L: novelty, one candidate at a time.

The scan of a whole dataset is `builder.curation.novelty.scanning`; both decide alike.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from builder.similarity import admissible_lengths, rouge_l
from builder.text import Thresholds, in_characters

# The largest length of each band of records: long records differ so much in length that one band would make short records
# of it cost as much as long ones; up to 64 tokens (nearly all instructions) a second band costs more than it saves.
_BANDS = tuple(int(64 * 1.4**i) for i in range(48))
# How many shared occurrences are counted beyond the fewest that decide: at 50,000 instructions 1 leaves 60 records a text
# to compare, 3 leaves 2; of long texts, which share many words by chance, a quarter of the overlap leaves none.
_COUNTED = 3
_COUNTED_SHARE = 4
_NEVER = 1 << 30
_UNKNOWN = 0
_SURROGATES = range(0xD800, 0xE000)
_LARGEST_CODE = 0x10FFFF

Encoded = str | tuple[int, ...]
Lengths = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.int64]


@lru_cache(maxsize=1 << 10)
def _least_by_length(m: int, threshold: float) -> Lengths:
    """`least_lcs` of m and each n from 0 to one above the largest admissible length; _NEVER where there is none."""
    low, high = admissible_lengths(m, threshold)
    least = np.full(high + 2, _NEVER, dtype=np.int32)
    n = np.arange(low, high + 1)
    lcs = np.maximum(1, (threshold * (m + n) / 2).astype(np.int64) - 1)
    for _ in range(4):
        precision, recall = lcs / n, lcs / m  # the operations of `rouge_l` in its order, so that the floats are equal
        lcs += ~(2 * precision * recall / (precision + recall) > threshold)
    least[low : high + 1] = np.where(lcs <= np.minimum(m, n), lcs, _NEVER)
    return least


@lru_cache(maxsize=1 << 12)
def _overlap(m: int, threshold: float, place: int) -> int:
    """The smallest of `_least_by_length` in a band."""
    return int(_least_by_length(m, threshold)[_BANDS[place - 1] + 1 if place else 0 : _BANDS[place] + 1].min())


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier record above the threshold: its row, the ROUGE-L F1, and the threshold."""

    row: int
    similarity: float
    threshold: float


class _Band:
    """Records of similar length, numbered from 0, and for each token occurrence the numbers of those that have it."""

    def __init__(self) -> None:
        self.records: list[Encoded] = []
        self._lengths = array("I")
        self._rows = array("q")
        self._groups: list[str] = []
        self._repeats: dict[int, list[tuple[int, str]]] = {}
        self._having: dict[int, array[int]] = {}

    def add(self, encoded: Encoded, occurrences: Iterable[int], row: int, group: str) -> int:
        """Add a record and return its number."""
        number = len(self.records)
        self.records.append(encoded)
        self._lengths.append(len(encoded))
        self._rows.append(row)
        self._groups.append(group)
        for occurrence in occurrences:
            having = self._having.get(occurrence)
            if having is None:
                self._having[occurrence] = array("I", (number,))
            else:
                having.append(number)
        return number

    def repeat(self, number: int, row: int, group: str) -> None:
        """Add a row whose text is that of a record."""
        self._repeats.setdefault(number, []).append((row, group))

    def first_row(self, number: int, group: str | None) -> int | None:
        """The lowest row with a record's text outside `group`."""
        rows = [(self._rows[number], self._groups[number]), *self._repeats.get(number, ())]
        return min((row for row, owner in rows if owner != group), default=None)

    def exceeding(self, encoded: Encoded, rarest: Sequence[int], least: Lengths, overlap: int) -> list[tuple[int, int]]:
        """All records above the threshold, each as (number, LCS length).

        Args:
            encoded: the text.
            rarest: its occurrences that any record has, rarest first.
            least: the LCS length needed for each length of record.
            overlap: the smallest of `least` in this band.
        """
        if len(rarest) < overlap:
            return []
        skipped = max(0, overlap - max(_COUNTED, overlap // _COUNTED_SHARE))
        lists = list(filter(None, map(self._having.get, rarest[: len(rarest) - skipped])))
        if len(lists) < overlap - skipped:
            return []
        ids = np.frombuffer(b"".join(lists), dtype=np.uint32)
        # Of the occurrences that two texts share, at most `skipped` are not counted; an LCS is no longer than their number.
        numbers, counts = _count(ids, overlap - skipped, len(self.records))
        if not len(numbers):
            return []
        needed = least[np.minimum(np.frombuffer(self._lengths, dtype=np.uint32)[numbers], len(least) - 1)]
        possible = counts >= needed - skipped
        numbers, needed = numbers[possible], needed[possible]
        if not len(numbers):
            return []
        texts = [self.records[number] for number in numbers.tolist()]
        lcs = process.cdist([encoded], texts, scorer=LCSseq.similarity, score_cutoff=overlap, dtype=np.int32)[0]
        above = lcs >= needed
        return list(zip(numbers[above].tolist(), lcs[above].tolist(), strict=True))


def _count(ids: npt.NDArray[np.uint32], at_least: int, size: int) -> tuple[Numbers, Numbers]:
    """The numbers below `size` that occur at least so often, and how often."""
    if len(ids) > size:
        all_counts = np.bincount(ids)
        often = np.flatnonzero(all_counts >= at_least)
        return often, all_counts[often]
    ids = np.sort(ids)
    kept = ids[at_least - 1 :]
    kept = kept[kept == ids[: len(kept)]].astype(np.int64)  # a number is here once for each time beyond at_least - 1
    if not len(kept):
        return kept, kept
    last = np.append(np.flatnonzero(kept[1:] != kept[:-1]), len(kept) - 1)
    counts = last + at_least
    counts[1:] -= last[:-1] + 1
    return kept[last], counts


class NoveltyIndex:
    """Finds the earlier record most similar to a text, among those above the threshold; exact, never approximate.

    Repeated tokens count as different occurrences (the first "the", the second "the"), so that the occurrences two texts
    share are at least as many as their LCS. For each occurrence the records that have it are listed. A text looks up its
    rarest occurrences, leaving out the s most frequent ones: a record with an LCS of L shares at least L - s of those looked
    up, whatever the order. Counting the lists leaves few records, whose LCS is computed (the T-occurrence problem and
    DivideSkip: Sarawagi and Kirpal 2004; Li, Lu and Lu 2008).

    Args:
        thresholds: that ROUGE-L F1 of a match exceeds.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self._size = 0
        self._codes: dict[str, int] = {}
        self._frequencies: dict[int, int] = {}
        self._by_text: dict[Encoded, int] = {}
        # By whether the texts are in characters, and by length.
        self._bands: dict[tuple[bool, int], _Band] = {}

    def __len__(self) -> int:
        return self._size

    def add(self, row: int, tokens: Sequence[str], group: str) -> None:
        """Add a record; `group` is its task, whose members never match one another."""
        known = self._codes
        codes = [known.get(token) or known.setdefault(token, _code(len(known))) for token in tokens]
        encoded = _encode(codes)
        band = self._bands.setdefault((in_characters(tokens), _band(len(codes))), _Band())
        self._size += 1
        same = self._by_text.get(encoded)
        if same is not None:
            band.repeat(same, row, group)
            return
        occurrences = _occurrences(codes)
        for occurrence in occurrences:
            self._frequencies[occurrence] = self._frequencies.get(occurrence, 0) + 1
        self._by_text[encoded] = band.add(encoded, occurrences, row, group)

    def match(self, tokens: Sequence[str], group: str | None = None) -> Match | None:
        """The most similar earlier record above the threshold outside `group`; among equals the lowest row."""
        length, mode = len(tokens), in_characters(tokens)
        if not length or self.thresholds.least >= 1:
            return None
        codes = [self._codes.get(token, _UNKNOWN) for token in tokens]
        encoded = _encode(codes)
        same, threshold = self._by_text.get(encoded), self.thresholds.of(mode, mode)
        if same is not None and threshold < 1:
            row = self._bands[mode, _band(length)].first_row(same, group)
            if row is not None:
                return Match(row, 1.0, threshold)
        rarest = [occurrence for occurrence in _occurrences(codes) if occurrence in self._frequencies]
        rarest.sort(key=self._frequencies.__getitem__)
        found = [match for other in (False, True) for match in self._matches(encoded, rarest, mode, other, group)]
        return max(found, key=lambda match: (match.similarity, -match.row), default=None)

    def _matches(
        self, encoded: Encoded, rarest: Sequence[int], mode: bool, other: bool, group: str | None
    ) -> Iterator[Match]:
        """All of a text among the records in characters, or among those in words.

        Args:
            encoded, rarest, group: as for `_Band`.
            mode: whether the text is in characters.
            other: whether the records are.
        """
        length, threshold = len(encoded), self.thresholds.of(mode, other)
        if threshold >= 1:
            return
        least = _least_by_length(length, threshold)
        low, high = admissible_lengths(length, threshold)
        for place in range(_band(low), _band(high) + 1):
            band = self._bands.get((other, place))
            if band is None:
                continue
            for number, lcs in band.exceeding(encoded, rarest, least, _overlap(length, threshold, place)):
                row = band.first_row(number, group)
                if row is not None:
                    yield Match(row, rouge_l(lcs, length, len(band.records[number])), threshold)


def _band(length: int) -> int:
    return bisect_left(_BANDS, length)


def _occurrences(codes: Sequence[int]) -> Sequence[int]:
    """A number for each occurrence: the token's code, with how often it came before in the upper bits."""
    if len(set(codes)) == len(codes):
        return codes
    before: dict[int, int] = {}
    numbered: list[int] = []
    for code in codes:
        count = before.get(code, 0)
        before[code] = count + 1
        numbered.append(code | count << 32 if count else code)
    return numbered


def _encode(codes: Sequence[int]) -> Encoded:
    """One character for each distinct token, which makes the LCS bit-parallel; numbers once characters run out."""
    if codes and max(codes) > _LARGEST_CODE:
        return tuple(codes)
    return "".join(map(chr, codes))


def _code(number: int) -> int:
    number += 1  # 0 is for tokens that no record has
    return number if number < _SURROGATES.start else number + len(_SURROGATES)
