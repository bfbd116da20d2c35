"""Pairs of token sequences that exceed a threshold by ROUGE-L."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences

# The LCS lengths of a table that is looked through at once: so many sequences by so many.
_ROWS, _COLUMNS = 512, 4_096
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Edges:
    """Each of `some` exceeds the threshold with the one of `others` beside it.

    Attributes:
        some, others: sequences, by number.
        scores: ROUGE-L F1.
    """

    some: Numbers
    others: Numbers
    scores: npt.NDArray[np.float64]

    def of(self, chosen: Mask) -> "Edges":
        """Those whose `some` is chosen."""
        return self.where(chosen[self.some])

    def where(self, chosen: Mask) -> "Edges":
        """Those at the places chosen."""
        there = np.flatnonzero(chosen)
        return Edges(self.some[there], self.others[there], self.scores[there])

    def __add__(self, more: "Edges") -> "Edges":
        return Edges.joined((self, more))

    @staticmethod
    def joined(parts: "Iterable[Edges]") -> "Edges":
        """All in one, in their order."""
        every = (NO_EDGES, *parts)
        return Edges(
            np.concatenate([part.some for part in every]),
            np.concatenate([part.others for part in every]),
            np.concatenate([part.scores for part in every]),
        )


NO_EDGES = Edges(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def exceeding(sequences: TokenSequences, pairs: tuple[Numbers, Numbers], threshold: float, workers: int) -> Edges:
    """The pairs that exceed the threshold as `rouge_score` decides it; both ways."""
    some, others = pairs
    return _decided(sequences, some, others, sequences.lcs(some, others, workers), threshold)


def exceeding_each(
    sequences: TokenSequences, some: Numbers, others: Numbers, both: Numbers, threshold: float, workers: int
) -> Iterator[Edges]:
    """The same of each of some sequences with each of others, in portions.

    Args:
        both: the sequences, rising, that are on either side, so that their pairs come twice; once is enough.
    """
    for first in _portions(some, _ROWS):
        for second in _portions(others, _COLUMNS):
            table = sequences.lcs_table(first, second, workers)
            sizes, opposite = sequences.sizes_of(first), sequences.sizes_of(second)
            sums = np.arange(1 + int(sizes.max() + opposite.max()))
            fewest = np.maximum(np.ceil(sums * (threshold / 2) - _SLACK), 1).astype(table.dtype)
            rows, columns = np.nonzero(table >= fewest[sizes[:, None] + opposite])
            a, b = first[rows], second[columns]
            once = np.flatnonzero((a < b) | (a > b) & ~(_among(a, both) & _among(b, both)))
            lcs = table[rows[once], columns[once]].astype(np.int64)
            yield _decided(sequences, a[once], b[once], lcs, threshold)


def _among(numbers: Numbers, rising: Numbers) -> Mask:
    found: Mask = (
        rising[np.minimum(np.searchsorted(rising, numbers), len(rising) - 1)] == numbers if len(rising) else numbers < 0
    )
    return found


def _portions(numbers: Numbers, count: int) -> list[Numbers]:
    return [numbers[start : start + count] for start in range(0, len(numbers), count)]


def _decided(sequences: TokenSequences, some: Numbers, others: Numbers, lcs: Numbers, threshold: float) -> Edges:
    # The operations of `builder.similarity.rouge_l` in its order, so that the floats are equal; an LCS of 0 gives none.
    precision, recall = lcs / sequences.sizes_of(others), lcs / sequences.sizes_of(some)
    with np.errstate(invalid="ignore"):
        scores = 2 * precision * recall / (precision + recall)
    above = np.flatnonzero(scores > threshold)
    some, others, scores = some[above], others[above], scores[above]
    return Edges(np.append(some, others), np.append(others, some), np.append(scores, scores))
