"""Which sequences are close to which, from signatures that are held in parts: in this process, or by the workers of a cluster.

    its share of the sequences → signatures to the parts that own their keys
    meetings of the signatures that a part owns → pairs to the parts that own them → LCS → edges to the one who asked

Of long sequences, whose meetings are counted, a part owns all signatures of some sequences, and those that ask go to all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

import numpy as np

from builder.config import Execution
from builder.curation.novelty.edges import Edges, exceeding
from builder.curation.novelty.meetings import (
    frequent_pairs,
    meetings_between,
    meetings_of,
    meetings_within,
    near_pairs,
    unpacked,
)
from builder.curation.novelty.signatures import Signatures
from builder.curation.novelty.signed import Signed
from builder.curation.novelty.token_sequences import Numbers, TokenSequences, distinct, mask
from builder.execution import Shards, shards
from builder.text import Thresholds

# So many sequences have their signatures made and passed on at once by each part.
_SIGNED_AT_ONCE = 1_000_000
# The signatures of so few sequences are fetched, and asked here: less than a second of work, beside many calls.
_FETCHED = 65_536
# Long sequences meet by chance, some thousand times each, and whichever way they are divided: so much each of it counts.
_CHANCE = 0.005

# Numbers of views: none is given twice.
_VIEWS = count(1)

# Those that find pairs with a short sequence in them, owned by key; those of long sequences, owned by sequence.
Both = tuple[Signed, Signed]


class Part:
    """One of so many, with the signatures that it owns.

    Args:
        sequences: all of them.
        signatures: of them.
        thresholds: what two of them must exceed.
        number: of this part, from 0.
        parts: how many there are.
        held: what each of them owns; None where it is made, received and put in order first.
    """

    def __init__(
        self,
        sequences: TokenSequences,
        signatures: Signatures,
        thresholds: Thresholds,
        number: int,
        parts: int,
        held: list[Both] | None = None,
    ) -> None:
        self._sequences, self._signatures, self._thresholds = sequences, signatures, thresholds
        self._number, self._parts = number, parts
        self._received: list[Both] = []
        # The signatures of all sequences under 0, and of some of them under numbers that `narrow` was given.
        self._views: dict[int, Both] = {} if held is None else {0: held[number]}

    def sign(self, start: int, stop: int) -> list[Both]:
        """The signatures of this part's share of some sequences, for their owners."""
        share = np.array_split(np.arange(start, stop), self._parts)[self._number]
        short, long = self._signatures.of(share), self._signatures.of_long(share)
        owned = short.divided(short.key >> np.uint64(32), self._parts), long.divided(long.sequence, self._parts)
        return list(zip(*owned, strict=True))

    def receive(self, *signed: Both) -> None:
        """Take signatures as their owner."""
        self._received.extend(signed)

    def order(self, among: Numbers | None) -> None:
        """Put all that were received in order, without those that no two sequences share, or none of `among`."""
        short, long = (Signed.joined(list(signed)) for signed in zip(*self._received, strict=True))
        self._received = []
        wanted = None if among is None else mask(among, len(self._signatures))
        self._views[0] = short.shared(wanted), long.ordered()

    def narrow(self, view: int, new: int, numbers: Numbers) -> None:
        """Hold the signatures of some sequences, out of those of a view, as a new one."""
        self._views[new] = self.fetch(view, numbers)

    def forget(self, view: int) -> None:
        """Hold it no longer."""
        del self._views[view]

    def fetch(self, view: int, numbers: Numbers) -> Both:
        """The signatures of some sequences."""
        chosen = mask(numbers, len(self._signatures))
        short, long = self._views[view]
        return short.of(chosen), long.of(chosen)

    def asking(self, view: int, some: Numbers, others: Numbers) -> Both:
        """The signatures of long sequences that ask: those of some, and those of others."""
        long = self._views[view][1]
        mine, theirs = (long.of(mask(numbers, len(self._signatures))).asking() for numbers in (some, others))
        return mine, theirs

    def meet(
        self, view: int, some: Numbers, others: Numbers, within: bool, most: float | None, asking: list[Both]
    ) -> list[Numbers] | list[None]:
        """The pairs that may be close, for their owners; None where finding them costs this part more than its share.

        Args:
            view: of which signatures.
            some, others, most: as for `Neighbours`.
            within: some meet one another as well; no other is among them.
            asking: what all parts gave for `asking`.
        """
        short, long = self._views[view]
        chosen, opposite = (mask(numbers, len(self._signatures)) for numbers in (some, others))
        among = short.of(chosen)
        near = [*meetings_between(among, short.of(opposite)), *([meetings_within(among)] if within else ())]
        mine, theirs = (Signed.joined([signed[side] for signed in asking]) for side in (0, 1))
        whole = long.of(chosen | opposite if within else opposite)
        frequent = [meetings_of(mine, whole), meetings_of(theirs, long.of(chosen))]
        cost = sum(met.size for met in near) + _CHANCE * sum(met.size for met in frequent)
        if most is not None and cost > most / self._parts:
            return [None] * self._parts
        found = [near_pairs(met, self._signatures) for met in near]
        found += [frequent_pairs(met, self._signatures) for met in frequent]
        pairs = distinct(np.concatenate(found))
        owner = ((pairs >> 32) + pairs) % self._parts
        return [pairs[owner == number] for number in range(self._parts)]

    def compare(self, *packed: Numbers | None) -> Edges | None:
        """The edges of pairs, as their owner; None where a part gave none."""
        pairs = [some for some in packed if some is not None]
        if len(pairs) < len(packed):
            return None
        return exceeding(self._sequences, unpacked(pairs), self._thresholds, 1)


class Neighbours:
    """The close pairs among sequences; the answers depend on nothing but the sequences and the thresholds.

    Args:
        made: makes a `Part` of a number, of so many.
        on: the parts.
        view: of the signatures in them that are asked.
        fetched: whether these are few enough to be in this process.
    """

    def __init__(self, made: "partial[Part]", on: Shards, view: int = 0, *, fetched: bool = False) -> None:
        self._made, self._on, self._view, self._fetched = made, on, view, fetched

    @property
    def parts(self) -> int:
        """In how many the signatures are held."""
        return len(self._on)

    @contextmanager
    def only(self, numbers: Numbers) -> "Iterator[Neighbours]":
        """The same of some sequences, the questions being about them alone."""
        if len(numbers) <= _FETCHED and not self._fetched:
            held = self._on.call("fetch", self._view, numbers)
            with shards(partial(self._made, held=held), Execution(workers=len(held))) as here:
                yield Neighbours(self._made, here, fetched=True)
            return
        view = next(_VIEWS)
        self._on.call("narrow", self._view, view, numbers)
        try:
            yield Neighbours(self._made, self._on, view, fetched=self._fetched)
        finally:
            self._on.call("forget", view)

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        """Edges between some sequences and others, each pair once and both ways; the sets rise and may overlap."""
        found = self._asked(some, others, within=False, most=None)
        assert found is not None
        return found

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        """Edges of some sequences with one another and with others, none of which is among them; None where it costs more.

        Args:
            most: meetings of signatures, or work that takes as long.
        """
        return self._asked(some, others, within=True, most=most)

    def _asked(self, some: Numbers, others: Numbers, *, within: bool, most: int | None) -> Edges | None:
        asking = self._on.call("asking", self._view, some, others)
        edges = self._on.exchange("meet", "compare", self._view, some, others, within, most, asking)
        return None if any(found is None for found in edges) else Edges.joined(edges)


@contextmanager
def neighbours(
    sequences: TokenSequences, thresholds: Thresholds, execution: Execution, among: Numbers | None = None
) -> Iterator[Neighbours]:
    """Those of sequences.

    Args:
        sequences: what is compared.
        thresholds: of ROUGE-L F1; below 1 for one kind of texts at least.
        execution: where the signatures are, and in how many parts.
        among: every pair that is asked for has one of these; None is all.
    """
    made = partial(Part, sequences, Signatures(sequences, thresholds.least, among), thresholds)
    with shards(made, execution) as on:
        at_once = _SIGNED_AT_ONCE * len(on)
        for start in range(0, len(sequences), at_once):
            on.exchange("sign", "receive", start, min(start + at_once, len(sequences)))
        on.call("order", among)
        yield Neighbours(made, on)
