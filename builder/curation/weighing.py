"""Weights of quality's components, learnt from marks: of two rows, the one with the higher mark should have the higher score.

    marks, components  →  pairs of rows of one language and form  →  logistic regression on their differences  →  weights

Only weights of 0 or more are learnt, near those that are there: with few marks little moves. What is learnt is held against the
weights that are there and against the answer's length on rows that it was not learnt from (five parts, each left out once).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_PARTS = 5
_MOST_PAIRS = 5_000  # more say nothing new about a few hundred rows
_STRENGTH = 1.0  # of the pull to the weights that are there
_STEPS = 500
_DRAWS = 300  # of the bootstrap over rows
_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an order of rows agrees with their marks.

    Attributes:
        accuracy: the share of pairs whose better row is above the other; ties count half.
        low, high: its 95 % interval, by a bootstrap over rows.
        correlation: Spearman's, within a language and form, over all of them.
    """

    accuracy: float
    low: float
    high: float
    correlation: float


@dataclass(frozen=True, slots=True)
class Learnt:
    """Weights that were learnt, and how well rows that they were not learnt from are ordered.

    Attributes:
        weights: by component; those that say nothing about these rows stay as they were.
        rows, pairs: that were learnt from.
        learnt, current, length: the agreement of each order with the marks.
        gain: of accuracy over the current weights, with its 95 % interval.
    """

    weights: Mapping[str, float]
    rows: int
    pairs: int
    learnt: Agreement
    current: Agreement
    length: Agreement
    gain: tuple[float, float, float]

    @property
    def worth_using(self) -> bool:
        """Whether the gain is above chance."""
        return self.gain[1] > 0


def fit_weights(differences: Numbers, before: Numbers, counted: float = 1.0) -> Numbers:
    """Weights of 0 or more that say of most pairs which row is better: logistic regression, pulled to the weights before.

    Args:
        differences: shape (pairs, components): the better row's components minus the other's.
        before: the weights that are there.
        counted: how much a pair counts.
    """
    weights = before.astype(np.float64).copy()
    # The step that projected gradient descent may take: the curvature is nowhere greater.
    curvature = 0.25 * counted * float(np.linalg.norm(differences, 2)) ** 2 + _STRENGTH
    for _ in range(_STEPS):
        unsure = counted / (1.0 + np.exp(np.clip(differences @ weights, -30, 30)))
        weights = np.maximum(0.0, weights + (differences.T @ unsure - _STRENGTH * (weights - before)) / curvature)
    return weights


def learn_weights(
    components: Mapping[str, Numbers],
    current: Mapping[str, float],
    marks: Numbers,
    words: Numbers,
    cells: Sequence[object],
    seed: int,
) -> Learnt:
    """Learn weights, and try them on rows that they were not learnt from.

    Args:
        components: each one's value of every row, 0 to 1; NaN where it says nothing.
        current: the weights that are there.
        marks: of every row; only their order counts.
        words: of every row's answer.
        cells: of every row; only rows of one cell are held against each other.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    names = list(components)
    values = np.column_stack([_filled(components[name]) for name in names])
    before = np.array([current[name] for name in names])
    better, worse = _pairs(marks, cells, rng)
    part = rng.permutation(len(marks)) % _PARTS
    scores = np.zeros(len(marks))
    for number in range(_PARTS):
        inside = (part[better] != number) & (part[worse] != number)
        own = part == number
        scores[own] = values[own] @ _learn(values, better[inside], worse[inside], before)
    held_out = part[better] == part[worse]
    tried = better[held_out], worse[held_out]
    counts = rng.multinomial(len(marks), np.full(len(marks), 1 / len(marks)), size=_DRAWS)
    orders = {"learnt": scores, "current": values @ before, "length": words}
    right = {name: _right(order, *tried) for name, order in orders.items()}
    drawn = {name: _accuracies(right[name], *tried, counts) for name in orders}
    figures = {}
    for name, order in orders.items():
        low, high = (float(bound) for bound in np.percentile(drawn[name], [2.5, 97.5]))
        accuracy = float(right[name].mean()) if len(right[name]) else 0.5
        figures[name] = Agreement(accuracy, low, high, _correlation(order, marks, cells))
    gains = np.percentile(drawn["learnt"] - drawn["current"], [2.5, 97.5])
    learnt = _learn(values, better, worse, before)
    weights = {name: round(float(weight), _DIGITS) for name, weight in zip(names, learnt, strict=True)}
    gain = figures["learnt"].accuracy - figures["current"].accuracy
    return Learnt(weights, len(marks), len(better), **figures, gain=(gain, float(gains[0]), float(gains[1])))


def _filled(values: Numbers) -> Numbers:
    """Nothing to say is neither better nor worse than the others."""
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), known.mean() if len(known) else 0.0, values)


def _learn(values: Numbers, better: Places, worse: Places, before: Numbers) -> Numbers:
    rows = len(np.unique(np.concatenate([better, worse])))
    # Pairs share rows: all of them together know what the rows know.
    return fit_weights(values[better] - values[worse], before, rows / max(1, len(better)))


def _pairs(marks: Numbers, cells: Sequence[object], rng: np.random.Generator) -> tuple[Places, Places]:
    """The better and the worse row of each pair of one cell with different marks."""
    found = []
    for places in _grouped(cells):
        one, other = np.nonzero(marks[places][:, None] > marks[places][None, :])
        found.append(np.column_stack([places[one], places[other]]))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    if len(pairs) > _MOST_PAIRS:
        pairs = pairs[np.sort(rng.choice(len(pairs), _MOST_PAIRS, replace=False))]
    return pairs[:, 0], pairs[:, 1]


def _grouped(cells: Sequence[object]) -> list[Places]:
    """The places of each cell's rows."""
    groups: dict[object, list[int]] = {}
    for place, cell in enumerate(cells):
        groups.setdefault(cell, []).append(place)
    return [np.array(group, dtype=np.int64) for group in groups.values()]


def _right(order: Numbers, better: Places, worse: Places) -> Numbers:
    """1 for each pair whose better row is above the other, a half where they tie."""
    difference = np.round(order[better] - order[worse], 9)
    right: Numbers = (difference > 0) + 0.5 * (difference == 0)
    return right


def _accuracies(right: Numbers, better: Places, worse: Places, counts: npt.NDArray[np.int64]) -> Numbers:
    """The accuracy over each draw of rows, a row counting as often as it was drawn."""
    together = counts[:, better] * counts[:, worse]
    accuracies: Numbers = (together @ right) / np.maximum(1, together.sum(axis=1))
    return accuracies


def _correlation(order: Numbers, marks: Numbers, cells: Sequence[object]) -> float:
    """Spearman's correlation of places within cells."""
    places = np.zeros((2, len(marks)))
    for group in _grouped(cells):
        for line, values in enumerate((order, marks)):
            own = np.round(values[group], 9)
            below = np.searchsorted(np.sort(own), own, "left") + np.searchsorted(np.sort(own), own, "right")
            places[line, group] = below / len(group) - 1
    spread = float(np.sqrt((places[0] ** 2).sum() * (places[1] ** 2).sum()))
    return float((places[0] * places[1]).sum() / spread) if spread else 0.0
