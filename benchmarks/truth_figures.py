"""Figures of a decision beside labels, each with its 95 % interval: precision, recall, F1 and the area under the curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from builder.intervals import Z, wilson

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


_STEPS = np.round(np.arange(0.0, 1.0, 0.01), 2)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value between 0 and 1 with its 95 % interval; `nan` where nothing was counted."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return "   -             " if math.isnan(self.value) else f"{self.value:.3f} {self.low:.2f} to {self.high:.2f}"


def share(count: float, of: int) -> Figure:
    """A proportion with its interval by Wilson (1927), which holds for few rows and near 0 and 1; halves count too."""
    return Figure(count / of, *wilson(count, of)) if of else Figure(math.nan, math.nan, math.nan)


def area_under_curve(scores: Scores, same: Sequence[bool] | Flags) -> Figure:
    """The share of (same, different) couples in which the same one scores higher, ties half, by DeLong et al. (1988)."""
    labels = np.asarray(same, bool)
    above = scores[labels][:, None] - scores[~labels][None, :]
    wins = (above > 0) + (above == 0) / 2
    value = float(wins.mean())
    count, other = wins.shape
    variance = (
        wins.mean(1).var(ddof=1) / count + wins.mean(0).var(ddof=1) / other if min(count, other) > 1 else math.nan
    )
    half = Z * math.sqrt(variance)
    return Figure(value, max(0.0, value - half), min(1.0, value + half))


@dataclass(frozen=True, slots=True)
class Found:
    """What a decision found.

    Attributes:
        right: found and the same.
        found: all that was found.
        same: all that is the same.
    """

    right: int
    found: int
    same: int

    @classmethod
    def count(cls, found: Flags, same: Sequence[bool] | Flags) -> "Found":
        labels = np.asarray(same, bool)
        return cls(int((found & labels).sum()), int(found.sum()), int(labels.sum()))

    @property
    def precision(self) -> Figure:
        return share(self.right, self.found)

    @property
    def recall(self) -> Figure:
        return share(self.right, self.same)

    @property
    def f1(self) -> Figure:
        """2J/(1+J) of J, the right ones among all that are the same or found: a share, whose interval carries over."""
        both = share(self.right, self.found + self.same - self.right)
        return Figure(*(2 * value / (1 + value) for value in (both.value, both.low, both.high)))


def best_threshold(scores: Scores, same: Sequence[bool] | Flags) -> float:
    """The threshold, in steps of 0.01, that gives the highest F1 of what exceeds it; the highest among equals."""
    return float(max(_STEPS, key=lambda step: (np.nan_to_num(Found.count(scores > step, same).f1.value), step)))


def precise_threshold(scores: Scores, same: Sequence[bool] | Flags, wanted: float) -> float | None:
    """The lowest threshold, in steps of 0.01, from which on what exceeds it is precise enough; None where none is."""
    chosen = None
    for step in _STEPS[::-1]:
        counted = Found.count(scores > step, same)
        if counted.found and counted.right < wanted * counted.found:
            break
        if counted.found:
            chosen = float(step)
    return chosen
