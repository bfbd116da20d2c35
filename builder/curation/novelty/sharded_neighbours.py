"""The same neighbours where no one machine holds the signatures: shards that each own some, and pass on what they find.

    its share of the sequences → signatures to the owners of their keys
    meetings of the signatures that a shard owns → pairs to their owners → LCS → edges to the one who asked

Of long sequences, whose meetings are counted, a shard owns all signatures of some sequences, and those that ask go to all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from builder.config import Execution
from builder.cores import usable_cores
from builder.curation.novelty.edges import Edges, exceeding
from builder.curation.novelty.local_neighbours import LocalNeighbours, Table, cost_of
from builder.curation.novelty.meetings import Shapes, unpacked
from builder.curation.novelty.signature_columns import SignatureColumns
from builder.curation.novelty.signature_index import SignatureIndex, by_key, by_sequence, divided, portions
from builder.curation.novelty.signatures import Signatures
from builder.curation.novelty.token_sequences import Numbers, TokenSequences, distinct, mask
from builder.execution import Shards, shards

# So many sequences have their signatures made and passed on at once by each shard.
_SIGNED_AT_ONCE = 1_000_000
# The signatures of so few sequences are fetched, and asked here: less than a second of work, beside many calls.
_FETCHED = 65_536

Signed = tuple[SignatureColumns, SignatureColumns]


class Shard:
    """One of so many, with the signatures that it owns.

    Args:
        sequences: all of them.
        signatures: theirs.
        shapes: theirs.
        number: of this shard, from 0.
        count: of all shards.
    """

    def __init__(
        self, sequences: TokenSequences, signatures: Signatures, shapes: Shapes, number: int, count: int
    ) -> None:
        self._sequences, self._signatures, self._shapes = sequences, signatures, shapes
        self._number, self._count = number, count
        self._received: list[Signed] = []
        # The index of all sequences, then that of some of them, and so on.
        self._views: list[SignatureIndex] = []

    def sign(self, start: int, stop: int) -> list[Signed]:
        """The signatures of this shard's share of some sequences, for their owners."""
        share = np.array_split(np.arange(start, stop), self._count)[self._number]
        parts: list[list[Signed]] = [[] for _ in range(self._count)]
        for numbers in portions(share):
            short = SignatureColumns.made(self._signatures.of(numbers), self._shapes.sizes)
            long = SignatureColumns.made(self._signatures.of_long(numbers), self._shapes.sizes)
            owned = divided(short, by_key(short), self._count), divided(long, by_sequence(long), self._count)
            for part, signed in zip(parts, zip(*owned, strict=True), strict=True):
                part.append(signed)
        return [_joined(part) for part in parts]

    def receive(self, *signed: Signed) -> None:
        """Take signatures as their owner."""
        self._received.append(_joined(list(signed)))

    def order(self, among: Numbers | None) -> None:
        """Put all that were received in order, without those that no two sequences share, or none of `among`."""
        short, long = _joined(self._received)
        self._received = []
        wanted = None if among is None else mask(among, len(self._sequences))
        self._views = [SignatureIndex([short.shared(wanted)], [long.ordered()], self._shapes, 1)]

    def narrow(self, depth: int, numbers: Numbers) -> None:
        """Make the view of some sequences below that of a depth; it takes the place of an earlier one."""
        del self._views[depth + 1 :]
        self._views.append(self._views[depth].only(numbers))

    def fetch(self, depth: int, numbers: Numbers) -> Signed:
        """The signatures of some sequences."""
        chosen = mask(numbers, len(self._sequences))
        view = self._views[depth]
        return view.short[0].of(chosen), view.long[0].of(chosen)

    def ask(self, depth: int, some: Numbers, others: Numbers, within: bool) -> list[list[SignatureColumns]]:
        """Begin a join: the signatures of long sequences that ask, for every shard."""
        self._asked = self._views[depth], some, others, within
        return [self._views[depth].asking(some, others)] * self._count

    def meet(self, *asking: list[SignatureColumns]) -> tuple[int, int]:
        """Go on with it; gives how often signatures meet, as `Join.sizes`."""
        view, some, others, within = self._asked
        every = [SignatureColumns.joined(list(parts)) for parts in zip(*asking, strict=True)]
        self._join = view.join(some, others, every, within=within)
        return self._join.sizes

    def pair(self, in_table: bool) -> list[Numbers]:
        """End it: the pairs that met, for their owners; those with a short sequence only where no table gives them."""
        view = self._asked[0]
        packed = [*view.frequent(self._join), *([] if in_table else view.near(self._join))]
        pairs = distinct(np.concatenate([np.zeros(0, dtype=np.int64), *packed]))
        owner = ((pairs >> 32) + pairs) % self._count
        return [pairs[owner == number] for number in range(self._count)]

    def compare(self, *packed: Numbers) -> Edges:
        """The edges of pairs, as their owner."""
        return exceeding(self._sequences, unpacked(list(packed)), self._shapes.threshold, 1)

    def compare_each(self, table: Table) -> Edges:
        """The edges of this shard's share of a table."""
        share = table.share(self._number, self._count)
        return Edges.joined(share.edges(self._sequences, self._shapes, 1))


def _joined(parts: list[Signed]) -> Signed:
    return SignatureColumns.joined([short for short, _ in parts]), SignatureColumns.joined([long for _, long in parts])


class ShardedNeighbours:
    """Those of shards.

    Args:
        sequences: all of them.
        shapes: theirs.
        on: the shards, each a `Shard`.
        depth: of the view in them that is asked.
    """

    def __init__(self, sequences: TokenSequences, shapes: Shapes, on: Shards, depth: int = 0) -> None:
        self._sequences, self._shapes, self._on, self._depth = sequences, shapes, on, depth

    @staticmethod
    @contextmanager
    def opened(
        sequences: TokenSequences, threshold: float, *, among: Numbers | None, execution: Execution
    ) -> "Iterator[ShardedNeighbours]":
        """Make the signatures of all sequences, in the memory of the workers.

        Args:
            sequences, threshold, among: as for `SignatureIndex.build`.
            execution: where the workers are, and how many.
        """
        signatures = Signatures(sequences, threshold, among)
        shapes = Shapes.of(sequences, signatures)
        with shards(partial(Shard, sequences, signatures, shapes), execution) as on:
            at_once = _SIGNED_AT_ONCE * len(on)
            for start in range(0, len(sequences), at_once):
                on.exchange("sign", "receive", start, min(start + at_once, len(sequences)))
            on.call("order", among)
            yield ShardedNeighbours(sequences, shapes, on)

    @property
    def parts(self) -> int:
        return len(self._on)

    def only(self, numbers: Numbers) -> "LocalNeighbours | ShardedNeighbours":
        if len(numbers) <= _FETCHED:
            short, long = zip(*self._on.call("fetch", self._depth, numbers), strict=True)
            workers = usable_cores()
            index = SignatureIndex(list(short), list(long), self._shapes, workers)
            return LocalNeighbours(self._sequences, index, workers)
        self._on.call("narrow", self._depth, numbers)
        return ShardedNeighbours(self._sequences, self._shapes, self._on, self._depth + 1)

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        meetings, _ = self._meet(some, others, within=False)
        return self._edges(meetings, Table.of(some, others, self._shapes))

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        meetings, long = self._meet(some, others, within=True)
        table = Table.of(some, np.union1d(some, others), self._shapes)
        if cost_of(min(meetings, table.cost(self._shapes)), long) > most:
            return None
        return self._edges(meetings, table)

    def _meet(self, some: Numbers, others: Numbers, *, within: bool) -> tuple[int, int]:
        sizes = self._on.exchange("ask", "meet", self._depth, some, others, within)
        return sum(short for short, _ in sizes), sum(long for _, long in sizes)

    def _edges(self, meetings: int, table: Table) -> Edges:
        in_table = meetings > table.cost(self._shapes)
        edges = self._on.exchange("pair", "compare", in_table)
        return Edges.joined([*edges, *(self._on.call("compare_each", table) if in_table else ())])
