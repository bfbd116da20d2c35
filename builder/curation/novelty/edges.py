"""Pairs of token sequences that exceed a threshold by ROUGE-L."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences


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
        there = np.flatnonzero(chosen[self.some])
        return Edges(self.some[there], self.others[there], self.scores[there])

    def __add__(self, more: "Edges") -> "Edges":
        return Edges(
            np.append(self.some, more.some), np.append(self.others, more.others), np.append(self.scores, more.scores)
        )


NO_EDGES = Edges(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def exceeding(sequences: TokenSequences, pairs: tuple[Numbers, Numbers], threshold: float, workers: int) -> Edges:
    """The pairs that exceed the threshold as `rouge_score` decides it; both ways."""
    some, others = pairs
    lcs = sequences.lcs(some, others, workers)
    # The operations of `builder.similarity.rouge_l` in its order, so that the floats are equal; an LCS of 0 gives none.
    precision, recall = lcs / sequences.sizes[others], lcs / sequences.sizes[some]
    with np.errstate(invalid="ignore"):
        scores = 2 * precision * recall / (precision + recall)
    above = np.flatnonzero(scores > threshold)
    some, others, scores = some[above], others[above], scores[above]
    return Edges(np.append(some, others), np.append(others, some), np.append(scores, scores))
