"""Steering by quotas: which cell of the mix the next job asks for.

The cell furthest behind: of every quota that it falls in (and of what every other quota leaves) some share of the rows is
still missing, and the least of these counts, since one full quota is enough for a row to be dropped.
"""

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from builder.cells import Cell, find_category, fold_category
from builder.config import Settings
from builder.recipes import RECIPES
from builder.schema import Kind

# Category, language and kind of a row; kind None where no quota names one.
MixCell = tuple[str, str, Kind | None]
# Rows that a cell is trusted to give before it was ever asked for, in rows: a few replies.
_PRIOR = 8.0
# A second category joins a job where at least this share of the first one's lack is missing in it too.
_ALSO_MISSING = 0.9
_CATEGORIES_PER_JOB = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the next job asks for: any of the categories, in one language, of one kind or of any."""

    categories: tuple[str, ...]
    language: str
    kind: Kind | None


class Steering:
    """Chooses cells for one dataset.

    Args:
        settings: its quotas, languages, recipes and target.
        categories: what can be asked for.
    """

    def __init__(self, settings: Settings, categories: Sequence[str]) -> None:
        quotas = {name: Cell.parse(name) for name in settings.balance.quotas}
        self._quotas = [(name, cell, settings.balance.quotas[name]) for name, cell in quotas.items()]
        growth = settings.growth
        weights = sum(growth.languages.values())
        shares = [(cell, share) for _, cell, share in self._quotas]
        if not any(cell.language for cell in quotas.values()):
            shares += [(Cell(language=name), weight / weights) for name, weight in growth.languages.items()]
        named = [cell.category for cell in quotas.values() if cell.category]
        kinds: list[Kind | None] = [None]
        dialogues = [RECIPES[name].gives_dialogues for name in growth.recipes]
        if any(cell.kind for cell in quotas.values()):
            kinds = [] if all(dialogues) else ["classification", "generation"]
            kinds += ["dialogue"] if any(dialogues) else []
        self.by_kind = kinds != [None]
        self._target = settings.target or 0
        self._rows_per_job = growth.tasks_per_request * growth.instances_per_task
        # A category that a quota names is spelt as there.
        spelt = dict.fromkeys(find_category(name, named) or name for name in (*categories, *named))
        self._spelling = {fold_category(name): name for name in spelt}
        self._cells: list[MixCell] = list(product(spelt, sorted(growth.languages), kinds))
        # Each quota has two sides, its rows and all others; a side without rows is nobody's.
        self._sides: list[tuple[float, frozenset[MixCell]]] = []
        for quota, share in shares:
            inside = frozenset(cell for cell in self._cells if quota.holds(*cell))
            sides = ((share, inside), (1 - share, frozenset(self._cells) - inside))
            self._sides += [(part, members) for part, members in sides if part > 1e-9 and members]
        self._sides_of = {
            cell: [place for place, (_, members) in enumerate(self._sides) if cell in members] for cell in self._cells
        }
        self._counted = [0] * len(self._sides)
        self._total = 0

    def cell_of(self, category: str | None, language: str, kind: Kind) -> MixCell:
        """The cell that a row counts in."""
        spelt = self._spelling.get(fold_category(category), category) if category else ""
        return (spelt, language, kind if self.by_kind else None)

    def choose(
        self,
        rng: random.Random,
        rows: Mapping[MixCell, int],
        asked: Mapping[MixCell, float],
        in_flight: Mapping[MixCell, float],
    ) -> Wanted:
        """Choose what is asked for next.

        Args:
            rng: decides between equals.
            rows: admitted so far.
            asked: rows that the jobs which gave them had asked for.
            in_flight: rows that jobs ask for which were not read yet.
        """
        hits = (sum(rows.values()) + _PRIOR) / (sum(asked.values()) + _PRIOR)
        have = Counter({cell: in_flight.get(cell, 0.0) * min(hits, 1.0) for cell in in_flight})
        have.update(rows)
        goal = max(self._target, sum(have.values()) + 1)
        missing = [self._missing(sum(have[cell] for cell in members), share * goal) for share, members in self._sides]
        scores = {cell: self._score(cell, missing, rows, asked) for cell in self._cells}
        by_category: Counter[tuple[str, str]] = Counter()
        for (category, language, _), count in have.items():
            by_category[category, language] += count
        ranked = sorted(self._cells, key=lambda cell: (-scores[cell], by_category[cell[:2]], rng.random()))
        first = ranked[0]
        near = [
            cell[0]
            for cell in ranked
            if cell[1:] == first[1:] and (cell == first or scores[cell] > _ALSO_MISSING * abs(scores[first]))
        ]
        return Wanted(tuple(near[:_CATEGORIES_PER_JOB]), first[1], first[2])

    def _missing(self, have: float, want: float) -> float:
        """The share of a side's rows that is missing, once half of what another job could bring is there."""
        missing = 1 - have / want
        return missing - max(0.0, min(missing, self._rows_per_job / want)) / 2

    def count(self, cell: MixCell) -> bool:
        """Count an admitted row; returns whether it brings the mix nearer to its quotas, beside those counted before."""
        self._total += 1
        goal = max(self._target, self._total)
        places = self._sides_of.get(cell, ())
        needed = all(self._counted[place] < self._sides[place][0] * goal for place in places)
        for place in places:
            self._counted[place] += 1
        return needed

    def shortfalls(self, rows: Mapping[MixCell, int]) -> list[str]:
        """The quotas that the rows do not fill, such as `mathematics/zh: 12 of 50`."""
        lines = []
        for name, quota, share in self._quotas:
            have = sum(count for cell, count in rows.items() if quota.holds(*cell))
            if have < (least := round(share * max(self._target, 1))):
                lines.append(f"{name}: {have} of {least}")
        return lines

    def _score(
        self, cell: MixCell, missing: Sequence[float], rows: Mapping[MixCell, int], asked: Mapping[MixCell, float]
    ) -> float:
        """The share still missing, less where asking for the cell brought little: another one is filled meanwhile."""
        least = min((missing[place] for place in self._sides_of[cell]), default=0.0)
        if least <= 0:
            return round(least, 9)
        yielded = (rows.get(cell, 0) + _PRIOR) / (asked.get(cell, 0.0) + _PRIOR)
        return round(least * min(1.0, yielded), 9)


def spread(categories: Collection[str], language: str, kind: Kind | None, rows: float) -> dict[MixCell, float]:
    """Rows that a job asks for, shared evenly among its cells."""
    return {(category, language, kind): rows / len(categories) for category in categories}
