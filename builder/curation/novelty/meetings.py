"""Where signatures meet, and the pairs of sequences that come of it.

A pair is found from its smaller side. A signature of the smaller sequence serves to ask where it reaches at least the
sequence's own size; it meets those of the same key that reach its size and are of a size that it reaches: one run of the
sorted keys. So a key that very many share costs what it meets, and no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from builder.curation.novelty.signatures import Signatures
from builder.curation.novelty.signed import LARGEST, RANK_BITS, Integers, Signed
from builder.curation.novelty.token_sequences import Numbers, distinct

_AT_ONCE = 2_000_000
# Meetings of long sequences are counted in an array of so many pairs at once, which stays in the cache; or by sorting, where
# they are fewer than one for so many pairs.
_COUNTERS, _SPARSE = 1 << 18, 16


@dataclass(frozen=True, slots=True)
class Meetings:
    """Signatures that ask, and for each the run of others that it meets.

    Attributes:
        asking, others: the signatures.
        first: where the run of each asking one begins.
        count: its length.
    """

    asking: Signed
    others: Signed
    first: Numbers
    count: Numbers

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.count.sum())

    def take(self, chosen: Numbers | slice) -> "Meetings":
        """Those of the asking ones chosen."""
        return Meetings(self.asking.take(chosen), self.others, self.first[chosen], self.count[chosen])

    def met(self) -> Integers:
        """The sequence met, for each meeting."""
        met: Integers = self.others.sequence[_runs(self.first, self.count)]
        return met

    def portions(self) -> "Iterator[Meetings]":
        """The same in parts of limited size."""
        ends = np.cumsum(self.count)
        start = done = 0
        while start < len(ends):
            stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            yield self.take(slice(start, stop))
            start, done = stop, int(ends[stop - 1])


def meetings_between(some: Signed, others: Signed) -> list[Meetings]:
    """Some signatures with others, asked from either side; those of one sequence meet as well where both have it."""
    sides = [(some, others)] if some is others else [(some, others), (others, some)]
    return [meetings_of(side.asking(), opposite) for side, opposite in sides]


def meetings_of(asking: Signed, others: Signed) -> Meetings:
    """Signatures that ask with others."""
    return _meetings(asking, others, np.searchsorted(others.key, asking.key))


def meetings_within(some: Signed) -> Meetings:
    """Signatures with one another, each two once."""
    places = some.places_asking()
    return _meetings(some.take(places), some, places + 1)


def _meetings(asking: Signed, others: Signed, first: Numbers) -> Meetings:
    beyond = (np.uint64(LARGEST) - asking.reach) << np.uint64(1)
    count = np.searchsorted(others.key, (asking.key | RANK_BITS) - beyond, side="right") - first
    met = np.flatnonzero(count > 0)
    return Meetings(asking.take(met), others, first[met], count[met])


def near_pairs(meetings: Meetings, signatures: Signatures) -> Numbers:
    """The pairs of sequences that meet and may share enough tokens, packed."""
    found = [np.zeros(0, dtype=np.int64)]
    for part in meetings.portions():
        some, others = part.asking.sequence, part.met()
        near = np.flatnonzero(signatures.near(some, others, part.count))
        found.append(distinct(_packed(np.repeat(some, part.count)[near], others[near])))
    return distinct(np.concatenate(found))


def frequent_pairs(meetings: Meetings, signatures: Signatures) -> Numbers:
    """The pairs of sequences that meet as often as two long ones that are close do, packed.

    Args:
        meetings: with all signatures that the sequences met have, since a pair's are counted together.
    """
    mine = distinct(meetings.asking.sequence.astype(np.int64))
    theirs = distinct(meetings.others.sequence.astype(np.int64))
    place = np.searchsorted(theirs, meetings.others.sequence)
    by_sequence = meetings.take(np.argsort(meetings.asking.sequence, kind="stable"))
    own = np.searchsorted(mine, by_sequence.asking.sequence)
    at_once = max(1, _COUNTERS // max(1, len(theirs)))
    found = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(mine), at_once):
        some = mine[start : start + at_once]
        turn = slice(*np.searchsorted(own, (start, start + at_once)))
        first, count = by_sequence.first[turn], by_sequence.count[turn]
        counter = np.repeat((own[turn] - start) * len(theirs), count) + place[_runs(first, count)]
        least = int(min(signatures.counted(some).min(), signatures.counted(theirs).min()))
        counters, times = _counted(counter, len(some) * len(theirs), least)
        a, b = some[counters // len(theirs)], theirs[counters % len(theirs)]
        often = times >= np.minimum(signatures.counted(a), signatures.counted(b))
        found.append(_packed(a[often], b[often]))
    return distinct(np.concatenate(found))


def _runs(first: Numbers, count: Numbers) -> Numbers:
    """The places of runs, one after the other."""
    places: Numbers = np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)
    return places


def _counted(numbers: Numbers, count: int, least: int) -> tuple[Numbers, Numbers]:
    """Of numbers below a count, those that occur at least so often, and how often."""
    if len(numbers) * _SPARSE < count:
        found, times = np.unique(numbers, return_counts=True)
        return found, times
    times = np.bincount(numbers, minlength=count)
    found = np.flatnonzero(times >= least)
    return found, times[found]


def unpacked(pairs: list[Numbers]) -> tuple[Numbers, Numbers]:
    """Each pair once: the sequences of smaller number, and beside them those of larger."""
    packed = distinct(np.concatenate([np.zeros(0, dtype=np.int64), *pairs]))
    return packed >> 32, packed & 0xFFFFFFFF


def _packed(some: Integers | Numbers, others: Integers | Numbers) -> Numbers:
    """Pairs in one number each, the smaller one first; none of a sequence with itself."""
    a, b = some.astype(np.int64), others.astype(np.int64)
    packed: Numbers = (np.minimum(a, b) << 32 | np.maximum(a, b))[a != b]
    return packed
