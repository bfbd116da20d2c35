"""Which sequences are close to which, from signatures in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from builder.curation.novelty.edges import Edges, exceeding, exceeding_each
from builder.curation.novelty.meetings import Shapes, unpacked
from builder.curation.novelty.signature_index import Join, SignatureIndex
from builder.curation.novelty.token_sequences import Numbers, TokenSequences

# What the LCS of a pair in a table costs beside a meeting and what becomes of it: 10 to 65 ns beside 80 to 250.
_PAIRS_OF_A_MEETING = 4
_WORD = 64
# Long sequences meet by chance, some thousand times each, and whichever way they are divided: so much each of it counts.
_CHANCE = 0.005


@dataclass(frozen=True, slots=True)
class Table:
    """Some sequences and others of which every pair with a short one could be compared, in place of those that meet."""

    some: Numbers
    others: Numbers
    both: Numbers

    @staticmethod
    def of(some: Numbers, others: Numbers, shapes: Shapes) -> "Table":
        """That of two sets, which rise and may overlap."""
        some, others = (numbers[shapes.sizes[numbers] <= shapes.partner] for numbers in (some, others))
        return Table(some, others, np.intersect1d(some, others, assume_unique=True))

    def share(self, number: int, count: int) -> "Table":
        """That of a number, from 0, of so many shares."""
        return Table(self.some[number::count], self.others, self.both)

    def cost(self, shapes: Shapes) -> int:
        """In meetings."""
        words = [int((-(-shapes.sizes[numbers] // _WORD)).sum()) for numbers in (self.some, self.others)]
        return words[0] * words[1] // _PAIRS_OF_A_MEETING

    def edges(self, sequences: TokenSequences, shapes: Shapes, workers: int) -> Iterator[Edges]:
        """What exceeds the threshold, with a short sequence in each pair."""
        for found in exceeding_each(sequences, self.some, self.others, self.both, shapes.threshold, workers):
            yield found.where(np.minimum(shapes.sizes[found.some], shapes.sizes[found.others]) <= shapes.short)


def cost_of(short: int, long: int) -> int:
    """What so many meetings cost."""
    return short + int(_CHANCE * long)


class LocalNeighbours:
    """Those of an index in this process.

    Args:
        sequences: all of them.
        index: theirs.
        workers: threads.
    """

    parts = 1

    def __init__(self, sequences: TokenSequences, index: SignatureIndex, workers: int) -> None:
        self._sequences, self._index, self._workers = sequences, index, workers

    @staticmethod
    @contextmanager
    def opened(
        sequences: TokenSequences,
        threshold: float,
        *,
        among: Numbers | None,
        memory_limit: int | None,
        spill: Path | None,
        workers: int,
    ) -> "Iterator[LocalNeighbours]":
        """As `SignatureIndex.build` has them."""
        with SignatureIndex.build(
            sequences, threshold, among=among, memory_limit=memory_limit, spill=spill, workers=workers
        ) as index:
            yield LocalNeighbours(sequences, index, workers)

    def only(self, numbers: Numbers) -> "LocalNeighbours":
        return LocalNeighbours(self._sequences, self._index.only(numbers), self._workers)

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        join = self._index.join(some, others, self._index.asking(some, others))
        return self._edges(join, Table.of(some, others, self._index.shapes))

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        join = self._index.join(some, others, self._index.asking(some, others), within=True)
        table = Table.of(some, np.union1d(some, others), self._index.shapes)
        short, long = join.sizes
        if cost_of(min(short, table.cost(self._index.shapes)), long) > most:
            return None
        return self._edges(join, table)

    def _edges(self, join: Join, table: Table) -> Edges:
        shapes, found = self._index.shapes, self._index.frequent(join)
        in_table = join.sizes[0] > table.cost(shapes)
        if not in_table:
            found += self._index.near(join)
        edges = exceeding(self._sequences, unpacked(found), shapes.threshold, self._workers)
        return Edges.joined([edges, *table.edges(self._sequences, shapes, self._workers)]) if in_table else edges
