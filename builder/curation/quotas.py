"""Quotas: which rows to keep so that every cell of the mix has its share.

Rows on the same side of every quota are interchangeable and are taken in preference order. Turn by turn, rows are taken
of the group whose sides are furthest behind, so that all of them fill up together: taken in preference order alone, early
rows of one cell leave no room for the few that another one has.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Protocol

from builder.cells import Cell
from builder.schema import Check

TOLERANCE = 0.01  # half of the two points that are promised: the last rows need not be of one cell
_STEPS = 50  # how many turns a side takes to fill; more follow its share more closely


class MixRow(Protocol):
    """What quotas look at."""

    @property
    def row(self) -> int: ...
    @property
    def category(self) -> str | None: ...
    @property
    def language(self) -> str: ...
    @property
    def kind(self) -> str | None: ...


def hold_quotas(rows: Sequence[MixRow], shares: Mapping[str, float], target: int | None) -> dict[int, Check]:
    """Choose rows whose mix has the shares within `TOLERANCE`.

    Args:
        rows: in preference order.
        shares: of the kept rows, by cell.
        target: rows to keep, where there are enough; the shares are of as many. None is as many as the shares allow.

    Returns:
        The rows that are left out: `over_quota`, naming a side that is full, or `over_target`.
    """
    quotas = _Quotas(shares)
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in rows:
        groups[quotas.sides(row)].append(row.row)
    sizes = {sides: len(members) for sides, members in groups.items()}
    total = len(rows) if target is None else target
    while True:
        limits = quotas.limits(total)
        taken = _take(sizes, limits, total)
        kept = sum(taken.values())
        # Fewer rows allow fewer of each side, until both agree.
        if target is not None or kept == total:
            return _explain(groups, taken, limits, total)
        total = kept


class _Quotas:
    """The two sides of every quota: the cell, such as `code/zh 30%`, and all other rows, `not code/zh 70%`."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._cells: list[tuple[Cell, str, str]] = []
        self._shares: dict[str, float] = {}
        for name, share in shares.items():
            inside, others = f"{name} {100 * share:g}%", f"not {name} {100 - 100 * share:g}%"
            self._cells.append((Cell.parse(name), inside, others))
            self._shares |= {inside: share, others: 1 - share}

    def sides(self, row: MixRow) -> tuple[str, ...]:
        return tuple(
            inside if cell.holds(row.category, row.language, row.kind) else others
            for cell, inside, others in self._cells
        )

    def limits(self, total: int) -> dict[str, int]:
        """The most rows of each side. Rounded up: few rows could not be shared out at all."""
        # 1e-9: 0.29 × 100 is 28.999999999999996 in floating point.
        return {side: math.ceil((share + TOLERANCE) * total - 1e-9) for side, share in self._shares.items()}


def _take(sizes: Mapping[tuple[str, ...], int], limits: Mapping[str, int], total: int) -> Counter[tuple[str, ...]]:
    """How many rows to take of each group."""
    taken: Counter[tuple[str, ...]] = Counter()
    have: Counter[str] = Counter()
    open_groups = list(sizes)
    while open_groups and (left := total - taken.total()) > 0:
        room = {sides: min(limits[side] - have[side] for side in sides) for sides in open_groups}
        open_groups = [sides for sides in open_groups if room[sides] > 0 and taken[sides] < sizes[sides]]
        if not open_groups:
            break
        behind = max(open_groups, key=lambda sides: min((limits[side] - have[side]) / limits[side] for side in sides))
        step = max(1, min(limits[side] for side in behind) // _STEPS)
        step = min(step, left, room[behind], sizes[behind] - taken[behind])
        taken[behind] += step
        have.update(dict.fromkeys(behind, step))
    return taken


def _explain(
    groups: Mapping[tuple[str, ...], Sequence[int]],
    taken: Mapping[tuple[str, ...], int],
    limits: Mapping[str, int],
    total: int,
) -> dict[int, Check]:
    have: Counter[str] = Counter()
    for sides, members in taken.items():
        have.update(dict.fromkeys(sides, members))
    beyond: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    dropped: dict[int, Check] = {}
    left_out = sorted((row, sides) for sides, members in groups.items() for row in members[taken.get(sides, 0) :])
    for row, sides in left_out:
        full = next((side for side in sides if have[side] >= limits[side]), "")
        limit = limits[full] if full else total
        dropped[row] = Check(
            "over_quota" if full else "over_target", float(limit + next(beyond[full])), float(limit), evidence=full
        )
    return dropped
