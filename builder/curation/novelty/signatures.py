"""Signatures of token sequences: two sequences whose LCS can exceed a threshold share at least one.

The occurrences of a sequence (the first "the", the second "the", …) are put into one order for all, rarest first. If two
sequences of m and n tokens must share `a` occurrences, then for each k <= a the k rarest that they share lie in the first
m - a + k of the one and n - a + k of the other (prefix filtering: Chaudhuri, Ganti and Kaushik 2006; Xiao et al. 2008). So a
signature is k occurrences and the position of the last of them.

Where one of the two is short, k is 1 for rare occurrences, and frequent ones are extended by each that may follow to k = 2. Long
sequences share single occurrences by chance, and have too many pairs of them: among themselves they have signatures of one
occurrence, and the k-th rarest that two share is reached by k of them (Sarawagi and Kirpal 2004).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.signed import LARGEST, RANK_BITS, Integers, Keys, Signed
from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences

Weights = npt.NDArray[np.float64]

# Bounds on sizes are computed in floats; so much slack can only add candidates.
_SLACK = 1e-9
# An occurrence that f sequences have makes up to f²/2 pairs meet; extending it takes some signatures more. To make and sort a
# signature takes as long as looking at this many pairs that meet (0.5 µs and 0.07 µs; few of the f²/2 are of sizes that meet).
_PAIRS_PER_SIGNATURE = 16
_SAMPLE = 65_536
# So many sequences have their signatures made at once.
_AT_ONCE = 16_384
# In tokens. Up to so many, few share more than one rare token by chance.
_SHORT = 48
# A long sequence counts one shared signature for each so many of its tokens.
_TOKENS_OF_A_COUNT = 12
# SplitMix64's (Steele, Lea and Flood 2014). Equal keys of different occurrences only add candidates.
_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Signatures:
    """Makes the signatures of sequences; they are the same in whatever portions they are asked for.

    Args:
        sequences: all that are to be compared.
        threshold: in (0, 1); ROUGE-L F1 must exceed it.
        among: every pair that is looked for has one of these; None is all.
    """

    def __init__(self, sequences: TokenSequences, threshold: float, among: Numbers | None = None) -> None:
        self._sequences, self._threshold = sequences, threshold
        self._classes, self._sizes = sequences.classes(), sequences.sizes.astype(np.int32)
        # The largest size of which a pair needs one sequence to be found by one signature, and that of the other one.
        self._short, self._partner = _SHORT, int(_SHORT * (2 - threshold) / threshold + _SLACK)
        longest = int(self._sizes.max(initial=0))
        sizes = np.arange(longest + longest // _TOKENS_OF_A_COUNT + 3)
        # By size: the smallest and the largest size of a sequence that may be close enough, and the fewest tokens shared.
        self._smallest = np.ceil(sizes * (threshold / (2 - threshold)) - _SLACK).astype(np.int32)
        self._largest = _whole(sizes * ((2 - threshold) / threshold))
        self._fewest = np.maximum(np.ceil(threshold * (sizes + self._smallest) / 2 - _SLACK), 1).astype(np.int32)
        # By the number of tokens shared: the largest sum of two sizes for which they may be enough.
        self._sums = _whole(2 * sizes / threshold)
        self._partners = np.where(sizes > self._short, np.minimum(self._largest, self._short), self._largest)
        self._counts = np.clip(sizes // _TOKENS_OF_A_COUNT, 1, self._fewest).astype(np.int32)
        self._shared = sequences.frequencies > 1
        if among is not None:
            self._shared &= np.bincount(sequences.gather(among)[0], minlength=len(sequences.frequencies)) > 0
        every = np.arange(len(sequences))
        self._extended = self._sampled(every, every if among is None else among)

    def __len__(self) -> int:
        """How many sequences there are."""
        return len(self._sizes)

    def of(self, numbers: Numbers) -> Signed:
        """The signatures of some sequences that find pairs with a short one in them; numbers rise."""
        return Signed.joined([self._signed(self._short_of(portion)) for portion in _portions(numbers)])

    def of_long(self, numbers: Numbers) -> Signed:
        """The signatures of some sequences that find pairs of long ones: those that share `counted` of them; numbers rise."""
        return Signed.joined([self._signed(self._long_of(portion)) for portion in _portions(numbers)])

    def counted(self, numbers: Numbers) -> Integers:
        """How many signatures each of some long sequences shares with one that is close, or the other's number of them."""
        return self._counts[self._sizes[numbers]]

    def near(self, some: Integers, others: Integers, count: Numbers) -> Mask:
        """Whether two sequences may share enough tokens: of a class that only one has, the other lacks a token at least.

        Args:
            some: sequences, each for `count` of others.
            others: all theirs, one after the other.
        """
        size, classes = np.repeat(self._sizes[some], count), np.repeat(self._classes[some], count)
        other_size, other_classes = self._sizes[others], self._classes[others]
        shared = np.minimum(
            size - np.bitwise_count(classes & ~other_classes), other_size - np.bitwise_count(other_classes & ~classes)
        )
        enough: Mask = 2 * shared > (self._threshold - _SLACK) * (size + other_size)
        return enough

    def _short_of(self, numbers: Numbers) -> "_Entries":
        ordered = self._ordered(numbers, 0, self._partner)
        single = self._single(ordered)
        extended = self._extended[ordered.codes[ordered.places(single)]]
        return ordered.named([single.take(~extended), *self._longer(ordered, single.take(extended))])

    def _long_of(self, numbers: Numbers) -> "_Entries":
        ordered = self._ordered(numbers, self._short + 1, len(self._largest))
        inside = (
            ordered.last <= (ordered.sizes - self._fewest[ordered.sizes] + self._counts[ordered.sizes])[ordered.local]
        )
        places = np.flatnonzero(inside & self._shared[ordered.codes])
        local, last = ordered.local[places], ordered.last[places]
        sizes = ordered.sizes[local]
        reach = np.minimum(self._sums[sizes - last + self._counts[sizes]] - sizes, self._largest[sizes])
        entries = _Entries(_mix(ordered.hashes[places]), local, last, reach)
        return ordered.named([self._within_reach(ordered, entries.take(reach > self._short))])

    def _signed(self, entries: "_Entries") -> Signed:
        reach = np.minimum(entries.reach, LARGEST)
        size = np.minimum(self._sizes[entries.sequence], LARGEST)
        rank = np.minimum(size, reach).astype(np.uint64) << np.uint64(1) | (reach < size)
        return Signed((entries.key & ~RANK_BITS) | rank, entries.sequence, reach.astype(np.uint16))

    def _ordered(self, numbers: Numbers, smallest: int, largest: int) -> "_Ordered":
        sizes = self._sizes[numbers]
        return _Ordered(self._sequences, numbers[(sizes >= smallest) & (sizes <= largest)])

    def _sampled(self, every: Numbers, among: Numbers) -> Mask:
        """Which tokens are extended, judged from samples: any choice finds the same pairs."""
        step = max(1, -(-len(every) // _SAMPLE))
        holders, longer = self._found(every[::step])
        asking: Weights = holders * (step / 2)
        if len(among) < len(every):
            other_step = max(1, -(-len(among) // _SAMPLE))
            asking = self._found(among[::other_step])[0] * other_step
        extended: Mask = holders * asking > _PAIRS_PER_SIGNATURE * longer
        return extended

    def _found(self, numbers: Numbers) -> tuple[Weights, Weights]:
        """For each token, how many signatures of one occurrence end with it, and how many of two begin with it."""
        ordered = self._ordered(numbers, 0, self._partner)
        single = self._single(ordered)
        codes, tokens = ordered.codes[ordered.places(single)], len(self._sequences.frequencies)
        longer = np.bincount(codes, weights=self._room(ordered, single), minlength=tokens)
        return np.bincount(codes, minlength=tokens).astype(np.float64), longer.astype(np.float64)

    def _single(self, ordered: "_Ordered") -> "_Entries":
        inside = ordered.last <= (ordered.sizes - self._fewest[ordered.sizes] + 1)[ordered.local]
        places = np.flatnonzero(inside & self._shared[ordered.codes])
        local, last = ordered.local[places], ordered.last[places]
        reach = self._reach(ordered, local, last, 1)
        return self._within_reach(ordered, _Entries(_mix(ordered.hashes[places]), local, last, reach))

    def _longer(self, ordered: "_Ordered", entries: "_Entries") -> "list[_Entries]":
        """Those with one occurrence more, and the given ones for sequences that need not share a second."""
        enough = self._sums[1] - ordered.sizes[entries.sequence]
        same = replace(entries, reach=np.minimum(entries.reach, enough))
        room = self._room(ordered, entries)
        which = np.repeat(np.arange(len(room), dtype=np.int32), room)
        further = np.arange(len(which), dtype=np.int32) - np.repeat((np.cumsum(room) - room).astype(np.int32), room)
        local, last = entries.sequence[which], entries.last[which] + further + np.int32(1)
        reach = self._reach(ordered, local, last, 2)
        places = ordered.starts[local] + last - 1
        inside = np.flatnonzero((reach >= self._smallest[ordered.sizes[local]]) & self._shared[ordered.codes[places]])
        local, last = local[inside], last[inside]
        key = _mix(entries.key[which[inside]] + ordered.hashes[places[inside]])
        return [self._within_reach(ordered, same), _Entries(key, local, last, reach[inside])]

    def _room(self, ordered: "_Ordered", entries: "_Entries") -> Integers:
        """How many positions after the last one of each may hold the next shared occurrence."""
        sizes = ordered.sizes[entries.sequence]
        limit = np.minimum(sizes, sizes - self._fewest[sizes] + 2)
        room: Integers = np.maximum(limit - entries.last, 0)
        return room

    def _reach(self, ordered: "_Ordered", local: Integers, last: Integers, occurrences: int) -> Integers:
        sizes = ordered.sizes[local]
        reach: Integers = np.minimum(self._sums[sizes - last + occurrences] - sizes, self._partners[sizes])
        return reach

    def _within_reach(self, ordered: "_Ordered", entries: "_Entries") -> "_Entries":
        return entries.take(np.flatnonzero(entries.reach >= self._smallest[ordered.sizes[entries.sequence]]))


@dataclass(frozen=True, slots=True)
class _Entries:
    """Signatures as they are made.

    Attributes:
        key: hash of the occurrences.
        sequence: whose they are.
        last: the position of the last of them in the sequence's order, from 1.
        reach: the largest size of a sequence that is to be found by this.
    """

    key: Keys
    sequence: Integers
    last: Integers
    reach: Integers

    def take(self, chosen: Mask | Numbers) -> "_Entries":
        """Those chosen."""
        return _Entries(*(getattr(self, field.name)[chosen] for field in fields(self)))


class _Ordered:
    """The occurrences of some sequences, rarest first; a sequence goes by its place among them."""

    def __init__(self, sequences: TokenSequences, numbers: Numbers) -> None:
        self.numbers = numbers.astype(np.int32)
        codes, self.starts = sequences.gather(numbers)
        self.sizes = np.diff(self.starts).astype(np.int32)
        self.local = np.repeat(np.arange(len(numbers), dtype=np.int32), self.sizes)
        # Tokens are numbered by falling frequency: turned round, the rarest come first. Each sequence stays in its place.
        turned = self.local.astype(np.uint64) << np.uint64(32) | (np.uint64(0xFFFFFFFF) - codes)
        turned.sort()
        self.codes = np.uint32(0xFFFFFFFF) - turned.astype(np.uint32)
        place = np.arange(len(turned), dtype=np.int64)
        self.last = (place - self.starts[self.local] + 1).astype(np.int32)
        same = np.flatnonzero(turned[1:] == turned[:-1]) + 1
        earlier = np.zeros(len(turned), dtype=np.uint64)
        new = np.ones(len(turned), dtype=bool)
        new[same] = False
        earlier[same] = same - np.maximum.accumulate(np.where(new, place, 0))[same]
        self.hashes = _mix(earlier << np.uint64(32) | self.codes)

    def places(self, single: "_Entries") -> Numbers:
        """Where the last occurrence of each is."""
        return self.starts[single.sequence] + single.last - 1

    def named(self, parts: list[_Entries]) -> "_Entries":
        """All parts in one, with the sequences' own numbers."""
        columns = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Entries))
        whole = _Entries(*columns)
        return replace(whole, sequence=self.numbers[whole.sequence])


def _portions(numbers: Numbers) -> Iterator[Numbers]:
    return (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))


def _whole(values: npt.NDArray[np.floating]) -> Integers:
    whole: Integers = np.minimum(values + _SLACK, 1 << 30).astype(np.int32)
    return whole


def _mix(values: Keys) -> Keys:
    mixed = (values + _STEP) * _MIX
    return mixed ^ mixed >> np.uint64(31)
