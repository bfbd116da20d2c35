"""Where signatures meet, and the pairs of sequences that come of it.

A pair is found from its smaller side. A signature of the smaller sequence serves to ask where it reaches at least the
sequence's own size; it meets those of the same key that reach its size and are of a size that it reaches: one run of the
sorted keys. So a key that very many share costs what it meets, and no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from builder.curation.novelty.signature_columns import LARGEST, RANK_BITS, SignatureColumns
from builder.curation.novelty.signatures import Integers
from builder.curation.novelty.token_sequences import Bits, Mask, Numbers, distinct

_AT_ONCE = 2_000_000
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is known of each sequence at a glance.

    Attributes:
        sizes: in tokens.
        classes: which of 64 classes its tokens are of.
        counted: how often a long sequence meets another that is close, or the other's number.
        threshold: that ROUGE-L F1 must exceed.
    """

    sizes: Integers
    classes: Bits
    counted: Integers
    threshold: float

    def near(self, some: Integers, others: Integers, count: Numbers) -> Mask:
        """Whether two sequences may share enough tokens: of a class that only one has, the other lacks a token at least.

        Args:
            some: sequences, each for `count` of others.
            others: all theirs, one after the other.
        """
        size, classes = np.repeat(self.sizes[some], count), np.repeat(self.classes[some], count)
        other_size, other_classes = self.sizes[others], self.classes[others]
        shared = np.minimum(
            size - np.bitwise_count(classes & ~other_classes), other_size - np.bitwise_count(other_classes & ~classes)
        )
        enough: Mask = 2 * shared > (self.threshold - _SLACK) * (size + other_size)
        return enough


@dataclass(frozen=True, slots=True)
class Meetings:
    """Signatures that ask, and for each the run of others that it meets.

    Attributes:
        asking, others: the signatures.
        first: where the run of each asking one begins.
        count: its length.
    """

    asking: SignatureColumns
    others: SignatureColumns
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
        places = np.arange(self.size) + np.repeat(self.first - np.cumsum(self.count) + self.count, self.count)
        met: Integers = self.others.sequence[places]
        return met

    def portions(self) -> "Iterator[Meetings]":
        """The same in parts of limited size."""
        ends = np.cumsum(self.count)
        start = done = 0
        while start < len(ends):
            stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            yield self.take(slice(start, stop))
            start, done = stop, int(ends[stop - 1])


def meetings_between(some: SignatureColumns, others: SignatureColumns) -> list[Meetings]:
    """Some signatures with others, asked from either side; those of one sequence meet as well where both have it."""
    sides = [(some, others)] if some is others else [(some, others), (others, some)]
    found = []
    for side, opposite in sides:
        asking = side.take(side.asking())
        found.append(_meetings(asking, opposite, np.searchsorted(opposite.key, asking.key)))
    return found


def meetings_within(some: SignatureColumns) -> Meetings:
    """Signatures with one another, each two once."""
    places = some.asking()
    return _meetings(some.take(places), some, places + 1)


def _meetings(asking: SignatureColumns, others: SignatureColumns, first: Numbers) -> Meetings:
    beyond = (np.uint64(LARGEST) - asking.reach) << np.uint64(1)
    count = np.searchsorted(others.key, (asking.key | RANK_BITS) - beyond, side="right") - first
    met = np.flatnonzero(count > 0)
    return Meetings(asking.take(met), others, first[met], count[met])


def near_pairs(meetings: Meetings, shapes: Shapes) -> Numbers:
    """The pairs of sequences that meet and may share enough tokens, packed."""
    found = [np.zeros(0, dtype=np.int64)]
    for part in meetings.portions():
        some, others = part.asking.sequence, part.met()
        near = np.flatnonzero(shapes.near(some, others, part.count))
        found.append(distinct(_packed(np.repeat(some, part.count)[near], others[near])))
    return distinct(np.concatenate(found))


def frequent_pairs(meetings: list[Meetings], shapes: Shapes) -> Numbers:
    """The pairs of sequences that meet as often as two long ones that are close do, packed.

    Args:
        meetings: all of the sequences that ask in them, since a pair's are counted together.
    """
    by_sequence = [part.take(np.argsort(part.asking.sequence, kind="stable")) for part in meetings]
    found = [np.zeros(0, dtype=np.int64)]
    low = -1
    for high in _turns(by_sequence):
        packed = []
        for part in by_sequence:
            start, stop = np.searchsorted(part.asking.sequence, (low, high), side="right")
            turn = part.take(slice(start, stop))
            packed.append(_packed(np.repeat(turn.asking.sequence, turn.count), turn.met()))
        found.append(_frequent(np.sort(np.concatenate(packed)), shapes))
        low = high
    return distinct(np.concatenate(found))


def unpacked(pairs: list[Numbers]) -> tuple[Numbers, Numbers]:
    """Each pair once: the sequences of smaller number, and beside them those of larger."""
    packed = distinct(np.concatenate([np.zeros(0, dtype=np.int64), *pairs]))
    return packed >> 32, packed & 0xFFFFFFFF


def _packed(some: Integers, others: Integers) -> Numbers:
    """Pairs in one number each, the smaller one first; none of a sequence with itself."""
    a, b = some.astype(np.int64), others.astype(np.int64)
    packed: Numbers = (np.minimum(a, b) << 32 | np.maximum(a, b))[a != b]
    return packed


def _turns(meetings: list[Meetings]) -> list[int]:
    """The last sequence of each turn, so that a turn has a limited number of meetings and the whole of each that asks."""
    sequence = np.concatenate([np.zeros(0, np.int32), *(part.asking.sequence for part in meetings)])
    count = np.concatenate([np.zeros(0, np.int64), *(part.count for part in meetings)])
    order = np.argsort(sequence, kind="stable")
    sequence, turn = sequence[order], np.cumsum(count[order]) // _AT_ONCE
    last = np.flatnonzero(sequence != np.append(sequence[1:], -1))
    ends = last[turn[last] != np.append(turn[last[1:]], -1)]
    turns: list[int] = sequence[ends].tolist()
    return turns


def _frequent(packed: Numbers, shapes: Shapes) -> Numbers:
    first = np.flatnonzero(np.append(True, packed[1:] != packed[:-1])[: len(packed)])
    a, b = packed[first] >> 32, packed[first] & 0xFFFFFFFF
    enough = np.diff(first, append=len(packed)) >= np.minimum(shapes.counted[a], shapes.counted[b])
    pairs: Numbers = packed[first[enough]]
    return pairs
