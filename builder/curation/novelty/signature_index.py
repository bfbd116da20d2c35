"""Which sequences may be close: their signatures, sorted in partitions, and joins of one set with another."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from builder.curation.novelty.meetings import (
    Meetings,
    Shapes,
    frequent_pairs,
    meetings_between,
    meetings_of,
    meetings_within,
    near_pairs,
    unpacked,
)
from builder.curation.novelty.signature_columns import SignatureColumns, SignatureFiles
from builder.curation.novelty.signatures import Entries, Integers, Keys, Signatures
from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences, mask

R = TypeVar("R")
T = TypeVar("T")

_SEQUENCES_AT_ONCE = 16_384
_ENTRIES_OF_A_PARTITION = 2_000_000
# Every partition of long sequences is asked by all, so that they are fewer, and larger by this.
_LONG = 4
# Of one signature while the index is built, sorting included.
_BYTES = 48


class SignatureIndex:
    """The signatures of sequences; `build` makes one. Used as a context, it removes its files at the end.

    Args:
        short: partitions by key of the signatures that find pairs with a short sequence in them.
        long: partitions by sequence of those that find pairs of long ones, since a pair's meetings are counted.
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
        self.short, self.long = short, long
        self.shapes = shapes
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
        shapes = Shapes.of(sequences, signatures)
        spilled = memory_limit is not None and signatures.expected * _BYTES > memory_limit / 2
        files = SignatureFiles(spill) if spilled else None
        making = _Making(shapes, None if among is None else mask(among, len(sequences)), files, workers)
        count = max(workers, -(-signatures.expected // _ENTRIES_OF_A_PARTITION))
        short = making.partitions("short", signatures.of, by_key, count)
        count = max(workers, -(-signatures.expected // (_LONG * _ENTRIES_OF_A_PARTITION)))
        long = making.partitions("long", signatures.of_long, by_sequence, count)
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
        if self._files is not None and len(numbers) * 4 > len(self.shapes.sizes):
            return self
        chosen = mask(numbers, len(self.shapes.sizes))
        short, long = (self._each(parts, lambda part: part.of(chosen)) for parts in (self.short, self.long))
        return SignatureIndex(short, long, self.shapes, self._workers)

    def pairs(self, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Pairs of one of some sequences and one of others that may be close, each once; the sets may overlap."""
        join = self.join(some, others, self.asking(some, others))
        return unpacked([*self.near(join), *self.frequent(join)])

    def asking(self, some: Numbers, others: Numbers) -> list[SignatureColumns]:
        """The signatures of long sequences that ask: those of some sequences, and those of others."""
        return [self._asking(numbers) for numbers in (some, others)]

    def join(
        self, some: Numbers, others: Numbers, asking: Sequence[SignatureColumns], *, within: bool = False
    ) -> "Join":
        """Where some sequences meet others.

        Args:
            some, others: sequences.
            asking: the signatures of all long ones of them that ask, as `asking` gives them.
            within: some meet one another as well; no other is among them.
        """
        chosen, opposite = (mask(numbers, len(self.shapes.sizes)) for numbers in (some, others))
        theirs = chosen | opposite if within else opposite

        def met(part: SignatureColumns) -> list[Meetings]:
            among = part.of(chosen)
            found = meetings_between(among, part.of(opposite))
            return [meetings_within(among), *found] if within else found

        def met_long(part: SignatureColumns) -> list[Meetings]:
            mine, others = asking
            return [meetings_of(mine, part.of(theirs)), meetings_of(others, part.of(chosen))]

        short, long = self._each(self.short, met), self._each(self.long, met_long)
        return Join([found for part in short for found in part], [found for part in long for found in part])

    def near(self, join: "Join") -> list[Numbers]:
        """The pairs with a short sequence in them, packed."""
        return self._each(join.short, lambda meetings: near_pairs(meetings, self.shapes))

    def frequent(self, join: "Join") -> list[Numbers]:
        """The pairs of long sequences, packed."""
        return self._each(join.long, lambda meetings: frequent_pairs(meetings, self.shapes))

    def _asking(self, numbers: Numbers) -> SignatureColumns:
        chosen = mask(numbers, len(self.shapes.sizes))
        parts = self._each(self.long, lambda part: part.of(chosen))
        return SignatureColumns.joined([part.take(part.asking()) for part in parts])

    def _each(self, items: list[T], work: Callable[[T], R]) -> list[R]:
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(work, items))


@dataclass(frozen=True, slots=True)
class Join:
    """Where the signatures of two sets of sequences meet.

    Attributes:
        short: those that find pairs with a short sequence in them.
        long: those that find pairs of long ones.
    """

    short: list[Meetings]
    long: list[Meetings]

    @property
    def sizes(self) -> tuple[int, int]:
        """How many meetings there are of either kind."""
        return sum(part.size for part in self.short), sum(part.size for part in self.long)


def by_key(columns: SignatureColumns) -> Keys:
    """What signatures of pairs with a short sequence are divided by."""
    return columns.key >> np.uint64(32)


def by_sequence(columns: SignatureColumns) -> Integers:
    """What signatures of pairs of long sequences are divided by."""
    return columns.sequence


def divided(columns: SignatureColumns, by: Keys | Integers, count: int) -> list[SignatureColumns]:
    """Signatures in so many parts."""
    own = by % count
    return [columns.take(np.flatnonzero(own == number)) for number in range(count)]


def portions(numbers: Numbers) -> list[Numbers]:
    """Sequences in portions whose signatures are made at once."""
    return [numbers[start : start + _SEQUENCES_AT_ONCE] for start in range(0, len(numbers), _SEQUENCES_AT_ONCE)]


class _Making:
    """Makes signatures in portions, and sorts them in partitions."""

    def __init__(self, shapes: Shapes, wanted: Mask | None, files: SignatureFiles | None, workers: int) -> None:
        self._shapes, self._wanted, self._files, self._workers = shapes, wanted, files, workers

    def partitions(
        self,
        name: str,
        made: Callable[[Numbers], Entries],
        by: Callable[[SignatureColumns], Keys | Integers],
        count: int,
    ) -> list[SignatureColumns]:
        """So many partitions; without signatures that no two share where all of a key are in one."""

        def portion(numbers: Numbers) -> list[SignatureColumns]:
            columns = SignatureColumns.made(made(numbers), self._shapes.sizes)
            parts = divided(columns, by(columns), count)
            if self._files is None:
                return parts
            self._files.append({f"{name}-{number}": part for number, part in enumerate(parts)})
            return []

        def ordered(columns: SignatureColumns) -> SignatureColumns:
            return columns.shared(self._wanted) if by is by_key else columns.ordered()

        with ThreadPoolExecutor(self._workers) as pool:
            parted = list(pool.map(portion, portions(np.arange(len(self._shapes.sizes)))))

            def partition(number: int) -> SignatureColumns:
                if self._files is None:
                    return ordered(SignatureColumns.joined([parts[number] for parts in parted]))
                self._files.append({f"{name}-{number}-sorted": ordered(self._files.read(f"{name}-{number}"))})
                return self._files.read(f"{name}-{number}-sorted")

            return list(pool.map(partition, range(count)))
