"""Signatures in columns, in order of their keys, in memory or in files."""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.signatures import Entries, Integers, Keys
from builder.curation.novelty.token_sequences import Mask

K = TypeVar("K", bound=np.generic)

# The last bits of a key, and the largest size that they can hold.
RANK_BITS = np.uint64(0x1FFFF)
LARGEST = 0xFFFF


@dataclass(frozen=True, slots=True)
class SignatureColumns:
    """Signatures in columns.

    Attributes:
        key: the last 17 bits are min(size, reach), both at most 65,535, then 0 where the signature serves to ask (it reaches
            its own sequence's size) and 1 where it does not.
        sequence: whose it is.
        reach: the largest size of a sequence that it can find.
    """

    key: Keys
    sequence: Integers
    reach: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, chosen: npt.NDArray[np.integer] | slice) -> "SignatureColumns":
        """Those chosen."""
        return SignatureColumns(self.key[chosen], self.sequence[chosen], self.reach[chosen])

    def of(self, chosen: Mask) -> "SignatureColumns":
        """Those of the sequences chosen."""
        return self.take(np.flatnonzero(chosen[self.sequence]))

    def asking(self) -> "npt.NDArray[np.int64]":
        """Where those are that serve to ask."""
        return np.flatnonzero(self.key & np.uint64(1) == 0)

    @staticmethod
    def made(entries: Entries, sizes: Integers) -> "SignatureColumns":
        """Those of signatures as they were made, in the same order."""
        reach, size = np.minimum(entries.reach, LARGEST), np.minimum(sizes[entries.sequence], LARGEST)
        rank = np.minimum(size, reach).astype(np.uint64) << np.uint64(1) | (reach < size)
        return SignatureColumns((entries.key & ~RANK_BITS) | rank, entries.sequence, reach.astype(np.uint16))

    @staticmethod
    def joined(parts: "list[SignatureColumns]") -> "SignatureColumns":
        """One after the other."""
        return SignatureColumns(
            np.concatenate([np.zeros(0, np.uint64), *(part.key for part in parts)]),
            np.concatenate([np.zeros(0, np.int32), *(part.sequence for part in parts)]),
            np.concatenate([np.zeros(0, np.uint16), *(part.reach for part in parts)]),
        )

    def ordered(self) -> "SignatureColumns":
        """In order of the keys."""
        return self.take(np.argsort(self.key))

    def shared(self, wanted: Mask | None) -> "SignatureColumns":
        """In order of the keys, without keys that only one signature has, or none of a wanted sequence."""
        order = np.argsort(self.key)
        key = self.key[order]
        first = np.flatnonzero(np.append(True, key[1:] ^ key[:-1] > RANK_BITS)[: len(key)])
        count = np.diff(first, append=len(key))
        kept = count > 1
        if len(first) and wanted is not None:
            kept &= np.logical_or.reduceat(wanted[self.sequence[order]], first)
        return self.take(order[np.repeat(kept, count)])


class SignatureFiles:
    """Columns of signatures by name, in a folder of its own.

    Args:
        parent: where the folder is made; None is the folder of temporary files.
    """

    def __init__(self, parent: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="signatures-", dir=parent)
        self._lock = Lock()

    def append(self, parts: dict[str, SignatureColumns]) -> None:
        """Add to each name its part; from any thread."""
        with self._lock:
            for name, part in parts.items():
                for column in fields(part):
                    with self._path(name, column.name).open("ab") as file:
                        getattr(part, column.name).tofile(file)

    def read(self, name: str) -> SignatureColumns:
        """All that was added to a name; nothing where it is new."""
        return SignatureColumns(
            _mapped(self._path(name, "key"), np.uint64),
            _mapped(self._path(name, "sequence"), np.int32),
            _mapped(self._path(name, "reach"), np.uint16),
        )

    def remove(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def _path(self, name: str, column: str) -> Path:
        return Path(self._folder.name) / f"{name}.{column}"


def _mapped(path: Path, kind: type[K]) -> npt.NDArray[K]:
    return np.memmap(path, kind, "r") if path.exists() and path.stat().st_size else np.zeros(0, kind)
