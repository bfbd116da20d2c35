"""Runs of code points by their hash: computed for millions at once, looked up for a few nanoseconds each.

A hash is the polynomial of a run modulo 2⁶⁴, from running sums as Rabin and Karp's; whoever acts on equal hashes compares
the codes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2⁶⁴
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SLOTS_PER_GRAM = 32  # one in 32 lookups of what is not there goes on to the exact search


class Sums:
    """Running sums of codes × base^place, from which any run's hash follows.

    Args:
        codes: code points.
    """

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        self.codes = codes
        powers = _powers(_BASE, len(codes))
        self._sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * powers, out=self._sums[1:])
        self._inverse = _powers(_INVERSE, len(codes) + 1)

    def hashes(self, starts: Places, ends: Places) -> Hashes:
        """The hash of each run from a start to before an end."""
        mixed = (self._sums[ends] - self._sums[starts]) * self._inverse[starts] + (ends - starts).astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX
        hashes: Hashes = mixed ^ (mixed >> np.uint64(29))
        return hashes


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Grams:
    """Hashes and what each stands for.

    Attributes:
        hashes: ascending; one may come several times.
        places: of each, in the order given.
        slots: bits that say by a hash's first bits whether there may be such a hash.
    """

    hashes: Hashes
    places: Places
    slots: NDArray[np.uint8]


def index_grams(hashes: Hashes, places: Places, ends: Places | None = None, most: int = 0) -> Grams:
    """Make hashes searchable.

    Args:
        ends: where the texts end that the places are in: then each hash keeps its first place, and one that is in more
            than `most` texts is left out.
    """
    order = np.argsort(hashes, kind="stable")
    hashes, places = hashes[order], places[order]
    if ends is not None and len(hashes):
        texts = np.searchsorted(ends, places, "right")
        first = np.concatenate([[True], hashes[1:] != hashes[:-1]])
        other_text = first | np.concatenate([[True], texts[1:] != texts[:-1]])
        counts = np.add.reduceat(other_text, np.flatnonzero(first), dtype=np.int64)
        hashes, places = hashes[first][counts <= most], places[first][counts <= most]
    bits = max(10, int(len(hashes) * _SLOTS_PER_GRAM).bit_length())
    slots = np.zeros(2**bits, np.bool_)
    slots[hashes >> np.uint64(64 - bits)] = True
    return Grams(hashes, places, np.packbits(slots))


def locate(grams: Grams, hashes: Hashes) -> tuple[Places, Places]:
    """Which of the hashes are there, and the place of each; one that has several places comes several times."""
    bits = (len(grams.slots) * 8).bit_length() - 1
    slots = hashes >> np.uint64(64 - bits)
    bit = (np.uint64(7) - (slots & np.uint64(7))).astype(np.uint8)
    maybe = np.flatnonzero(grams.slots[slots >> np.uint64(3)] >> bit & 1)
    left = np.searchsorted(grams.hashes, hashes[maybe])
    there = left < len(grams.hashes)
    there[there] = grams.hashes[left[there]] == hashes[maybe[there]]
    maybe, left = maybe[there], left[there]
    counts = np.searchsorted(grams.hashes, hashes[maybe], "right") - left
    hits = np.repeat(maybe, counts)
    offsets = np.arange(len(hits)) - np.repeat(np.cumsum(counts) - counts, counts)
    return hits, grams.places[np.repeat(left, counts) + offsets]
