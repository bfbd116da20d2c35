"""Signatures in columns, whose keys sort those that may meet next to each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.token_sequences import Mask, Numbers

Keys = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int32]

# The last bits of a key, and the largest size that they can hold.
RANK_BITS = np.uint64(0x1FFFF)
LARGEST = 0xFFFF


@dataclass(frozen=True, slots=True)
class Signed:
    """Signatures in columns.

    Attributes:
        key: a hash of the occurrences; the last 17 bits are min(size, reach), both at most 65,535, then 0 where the signature
            serves to ask (it reaches its own sequence's size) and 1 where it does not.
        sequence: whose it is.
        reach: the largest size of a sequence that it can find.
    """

    key: Keys
    sequence: Integers
    reach: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, chosen: npt.NDArray[np.integer] | slice) -> "Signed":
        """Those at the places chosen."""
        return Signed(self.key[chosen], self.sequence[chosen], self.reach[chosen])

    def of(self, chosen: Mask) -> "Signed":
        """Those of the sequences chosen."""
        return self.take(np.flatnonzero(chosen[self.sequence]))

    def asking(self) -> "Signed":
        """Those that serve to ask."""
        return self.take(self.places_asking())

    def places_asking(self) -> Numbers:
        """Where they are."""
        return np.flatnonzero(self.key & np.uint64(1) == 0)

    def divided(self, by: Keys | Integers, count: int) -> "list[Signed]":
        """In so many parts."""
        own = by % count
        return [self.take(np.flatnonzero(own == number)) for number in range(count)]

    def ordered(self) -> "Signed":
        """In order of the keys."""
        return self.take(np.argsort(self.key))

    def shared(self, wanted: Mask | None) -> "Signed":
        """In order of the keys, without keys that only one signature has, or none of a wanted sequence."""
        order = np.argsort(self.key)
        key = self.key[order]
        first = np.flatnonzero(np.append(True, key[1:] ^ key[:-1] > RANK_BITS)[: len(key)])
        count = np.diff(first, append=len(key))
        kept = count > 1
        if len(first) and wanted is not None:
            kept &= np.logical_or.reduceat(wanted[self.sequence[order]], first)
        return self.take(order[np.repeat(kept, count)])

    @staticmethod
    def joined(parts: "list[Signed]") -> "Signed":
        """One after the other."""
        return Signed(
            np.concatenate([np.zeros(0, np.uint64), *(part.key for part in parts)]),
            np.concatenate([np.zeros(0, np.int32), *(part.sequence for part in parts)]),
            np.concatenate([np.zeros(0, np.uint16), *(part.reach for part in parts)]),
        )
