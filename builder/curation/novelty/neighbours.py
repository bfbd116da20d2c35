"""Which sequences are close to which: asked again and again, wherever the signatures are."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from builder.config import Execution
from builder.curation.novelty.edges import Edges
from builder.curation.novelty.local_neighbours import LocalNeighbours
from builder.curation.novelty.sharded_neighbours import ShardedNeighbours
from builder.curation.novelty.token_sequences import Numbers, TokenSequences


class Neighbours(Protocol):
    """The close pairs among sequences; the answers depend on nothing but the sequences and the threshold."""

    @property
    def parts(self) -> int:
        """In how many the signatures are held."""

    def only(self, numbers: Numbers) -> "Neighbours":
        """The same of some sequences, the further questions being about them alone; used until this one is asked again."""

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        """Edges between some sequences and others, each pair once and both ways; the sets rise and may overlap."""

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        """Edges of some sequences with one another and with others, none of which is among them; None where it costs more.

        Args:
            most: meetings of signatures, or work that takes as long.
        """


def neighbours(
    sequences: TokenSequences,
    threshold: float,
    *,
    among: Numbers | None,
    memory_limit: int | None,
    spill: Path | None,
    workers: int,
    shards: Execution | None,
) -> "AbstractContextManager[Neighbours]":
    """Those of sequences.

    Args:
        sequences, threshold, among, memory_limit, spill, workers: as for `SignatureIndex.build`.
        shards: the workers that hold the signatures, in their memory; None is this process.
    """
    if shards is not None:
        return ShardedNeighbours.opened(sequences, threshold, among=among, execution=shards)
    return LocalNeighbours.opened(
        sequences, threshold, among=among, memory_limit=memory_limit, spill=spill, workers=workers
    )
