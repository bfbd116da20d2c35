"""Pairs of token sequences that exceed their threshold by ROUGE-L."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences
from builder.text import Thresholds


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

    def where(self, chosen: Mask) -> "Edges":
        """Those at the places chosen."""
        there = np.flatnonzero(chosen)
        return Edges(self.some[there], self.others[there], self.scores[there])

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


def exceeding(sequences: TokenSequences, pairs: tuple[Numbers, Numbers], thresholds: Thresholds, workers: int) -> Edges:
    """The pairs that exceed their threshold as `rouge_score` decides it; both ways."""
    some, others = pairs
    lcs = sequences.lcs(some, others, workers)
    # The operations of `builder.similarity.rouge_l` in its order, so that the floats are equal; an LCS of 0 gives none.
    precision, recall = lcs / sequences.sizes_of(others), lcs / sequences.sizes_of(some)
    with np.errstate(invalid="ignore"):
        scores = 2 * precision * recall / (precision + recall)
    modes = np.where(sequences.in_characters, 1, 0)
    needed = np.array([[thresholds.of(bool(one), bool(other)) for other in (0, 1)] for one in (0, 1)])
    above = np.flatnonzero(scores > needed[modes[some], modes[others]])
    some, others, scores = some[above], others[above], scores[above]
    return Edges(np.append(some, others), np.append(others, some), np.append(scores, scores))
