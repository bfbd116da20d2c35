"""Which sequences may be close: their signatures, sorted in partitions by key, and joins of one set with another."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from builder.curation.novelty.meetings import (
    Meetings,
    Shapes,
    frequent_pairs,
    meetings_between,
    meetings_within,
    near_pairs,
    unpacked,
)
from builder.curation.novelty.signature_columns import SignatureColumns, SignatureFiles
from builder.curation.novelty.signatures import Entries, Signatures
from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences, mask

R = TypeVar("R")
T = TypeVar("T")

_SEQUENCES_AT_ONCE = 16_384
_ENTRIES_OF_A_PARTITION = 2_000_000
# Of one signature while the index is built, sorting included.
_BYTES = 48
# Long sequences meet by chance, some thousand times each, and whichever way they are divided: so much each of it counts.
_CHANCE = 0.005


class SignatureIndex:
    """The signatures of sequences; `build` makes one. Used as a context, it removes its files at the end.

    Args:
        short: partitions by key of the signatures that find pairs with a short sequence in them.
        long: of those that find pairs of long ones.
        shapes: of all sequences.
        workers: threads.
        files: that hold the partitions; None where memory does.
    """

    def __init__(
        self,
        short: list[SignatureColumns],
        long: list[SignatureColumns],
        shapes: Shapes,
        workers: int,
        files: SignatureFiles | None = None,
    ) -> None:
        self._short, self._long = short, long
        self._shapes = shapes
        self._workers = workers
        self._files = files

    @classmethod
    def build(
        cls,
        sequences: TokenSequences,
        threshold: float,
        *,
        among: Numbers | None = None,
        memory_limit: int | None = None,
        spill: Path | None = None,
        workers: int = 1,
    ) -> Self:
        """Make the signatures of all sequences, and leave out those that no two share.

        Args:
            sequences: what is compared.
            threshold: in (0, 1); of ROUGE-L F1.
            among: every pair that is asked for has one of these; None is all.
            memory_limit: bytes; signatures that take more than half of it go to files.
            spill: a folder for a folder of these files; None is that of temporary files.
            workers: threads.
        """
        signatures = Signatures(sequences, threshold, among)
        sizes = sequences.sizes.astype(np.int32)
        shapes = Shapes(sizes, sequences.classes(), signatures.counted(sizes), threshold)
        count = max(workers, -(-signatures.expected // _ENTRIES_OF_A_PARTITION))
        spilled = memory_limit is not None and signatures.expected * _BYTES > memory_limit / 2
        files = SignatureFiles(spill) if spilled else None
        wanted = None if among is None else mask(among, len(sequences))
        short = _partitions("short", signatures.of, shapes, count, wanted, files, workers)
        long = _partitions("long", signatures.of_long, shapes, count, wanted, files, workers)
        return cls(short, long, shapes, workers, files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._files is not None:
            self._files.remove()

    def only(self, numbers: Numbers) -> "SignatureIndex":
        """The index of some sequences; an index in files is given as it is, until a quarter of it is asked for."""
        if self._files is not None and len(numbers) * 4 > len(self._shapes.sizes):
            return self
        chosen = mask(numbers, len(self._shapes.sizes))
        short, long = (self._each(parts, lambda part: part.of(chosen)) for parts in (self._short, self._long))
        return SignatureIndex(short, long, self._shapes, self._workers)

    def pairs(self, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Pairs of one of some sequences and one of others that may be close, each once; the sets may overlap."""
        chosen, opposite = (mask(numbers, len(self._shapes.sizes)) for numbers in (some, others))

        def met(part: SignatureColumns) -> list[Meetings]:
            return meetings_between(part.of(chosen), part.of(opposite))

        def paired(part: SignatureColumns) -> Numbers:
            return np.concatenate([near_pairs(meetings, self._shapes) for meetings in met(part)])

        long = [meetings for found in self._each(self._long, met) for meetings in found]
        return unpacked([*self._each(self._short, paired), frequent_pairs(long, self._shapes)])

    def pairs_up_to(self, most: int, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers] | None:
        """Pairs of some sequences with one another and with others; None where that looks at more than `most`."""
        chosen, opposite = (mask(numbers, len(self._shapes.sizes)) for numbers in (some, others))

        def met(part: SignatureColumns) -> list[Meetings]:
            among = part.of(chosen)
            return [meetings_within(among), *meetings_between(among, part.of(opposite))]

        def met_long(part: SignatureColumns) -> list[Meetings]:
            # With all on one side every meeting of two that ask alike is counted for both.
            among = part.of(chosen)
            return [*meetings_between(among, among), *meetings_between(among, part.of(opposite))]

        short = [meetings for found in self._each(self._short, met) for meetings in found]
        long = [meetings for found in self._each(self._long, met_long) for meetings in found]
        if sum(part.size for part in short) + _CHANCE * sum(part.size for part in long) > most:
            return None
        near = self._each(short, lambda meetings: near_pairs(meetings, self._shapes))
        return unpacked([*near, frequent_pairs(long, self._shapes)])

    def _each(self, items: list[T], work: Callable[[T], R]) -> list[R]:
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(work, items))


def _partitions(
    name: str,
    made: Callable[[Numbers], Entries],
    shapes: Shapes,
    count: int,
    wanted: Mask | None,
    files: SignatureFiles | None,
    workers: int,
) -> list[SignatureColumns]:
    """Make signatures in portions, and sort them in so many partitions by key."""
    every = np.arange(len(shapes.sizes))

    def portion(start: int) -> list[SignatureColumns]:
        columns = SignatureColumns.made(made(every[start : start + _SEQUENCES_AT_ONCE]), shapes.sizes)
        own = (columns.key >> np.uint64(32)) % np.uint64(count)
        parts = [columns.take(np.flatnonzero(own == number)) for number in range(count)]
        if files is None:
            return parts
        files.append({f"{name}-{number}": part for number, part in enumerate(parts)})
        return []

    with ThreadPoolExecutor(workers) as pool:
        portions = list(pool.map(portion, range(0, len(every), _SEQUENCES_AT_ONCE)))

        def partition(number: int) -> SignatureColumns:
            if files is None:
                return SignatureColumns.joined([parts[number] for parts in portions]).shared(wanted)
            files.append({f"{name}-{number}-sorted": files.read(f"{name}-{number}").shared(wanted)})
            return files.read(f"{name}-{number}-sorted")

        return list(pool.map(partition, range(count)))
