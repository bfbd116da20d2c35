"""Quotas: which rows to keep so that every cell of the mix has its share.

Rows on the same side of every quota are interchangeable and are taken in preference order. Turn by turn, rows are taken
of the group whose sides are furthest behind, so that all of them fill up together: taken in preference order alone, early
rows of one cell leave no room for the few that another one has.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl

from builder.cells import Cell

TOLERANCE = 0.01  # half of the two points that are promised: the last rows need not be of one cell
_STEPS = 50  # how many turns a side takes to fill; more follow its share more closely


class MixProfile(Protocol):
    """What quotas look at."""

    @property
    def category(self) -> str | None: ...
    @property
    def language(self) -> str: ...
    @property
    def kind(self) -> str | None: ...


def hold_quotas(
    rows: pl.DataFrame, profiles: Sequence[MixProfile], shares: Mapping[str, float], target: int | None
) -> pl.DataFrame:
    """Choose rows whose mix has the shares within `TOLERANCE`.

    Args:
        rows: row and profile, a number of one of the profiles, in preference order.
        shares: of the kept rows, by cell.
        target: rows to keep, where there are enough; the shares are of as many. None is as many as the shares allow.

    Returns:
        The rows that are left out, as `number_beyond` gives them: `over_quota`, naming a side that is full, or `over_target`.
    """
    quotas = _Quotas(shares)
    sides = [quotas.sides(profile) for profile in profiles]
    numbers = {side: number for number, side in enumerate(dict.fromkeys(sides))}
    known = pl.DataFrame(
        {"profile": range(len(sides)), "sides": [numbers[side] for side in sides]},
        schema={"profile": pl.UInt32, "sides": pl.UInt32},
    )
    sided = rows.join(known, on="profile", how="left", maintain_order="left")
    named = list(numbers)
    sizes = {named[number]: size for number, size in sided.group_by("sides", maintain_order=True).len().iter_rows()}
    total = len(rows) if target is None else target
    while True:
        limits = quotas.limits(total)
        taken = _take(sizes, limits, total)
        kept = sum(taken.values())
        # Fewer rows allow fewer of each side, until both agree.
        if target is not None or kept == total:
            break
        total = kept
    explained = sided.join(_causes(named, taken, limits, total), on="sides", how="left", maintain_order="left")
    return number_beyond(explained.filter(pl.int_range(pl.len()).over("sides") >= pl.col("taken")).sort("row"))


def number_beyond(left_out: pl.DataFrame) -> pl.DataFrame:
    """Rows that are left out, each with the number that it would have been.

    Args:
        left_out: row, reason, threshold and evidence.

    Returns:
        Row, reason, value, threshold, evidence: of the rows with one reason and evidence the first has threshold + 1.
    """
    value = pl.col("threshold") + pl.int_range(1, pl.len() + 1).over("reason", "evidence")
    return left_out.select("row", "reason", value.alias("value"), "threshold", "evidence")


class _Quotas:
    """The two sides of every quota: the cell, such as `code/zh 30%`, and all other rows, `not code/zh 70%`."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._cells: list[tuple[Cell, str, str]] = []
        self._shares: dict[str, float] = {}
        for name, share in shares.items():
            inside, others = f"{name} {100 * share:g}%", f"not {name} {100 - 100 * share:g}%"
            self._cells.append((Cell.parse(name), inside, others))
            self._shares |= {inside: share, others: 1 - share}

    def sides(self, profile: MixProfile) -> tuple[str, ...]:
        return tuple(
            inside if cell.holds(profile.category, profile.language, profile.kind) else others
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


def _causes(
    named: Sequence[tuple[str, ...]], taken: Mapping[tuple[str, ...], int], limits: Mapping[str, int], total: int
) -> pl.DataFrame:
    """For the rows on the same sides of every quota: how many are taken, and why the others are not."""
    have = Counter[str]()
    for sides, number in taken.items():
        have.update(dict.fromkeys(sides, number))
    full = [next((side for side in sides if have[side] >= limits[side]), "") for sides in named]
    causes = [
        (
            number,
            taken.get(sides, 0),
            *(("over_quota", float(limits[side])) if side else ("over_target", float(total))),
            side,
        )
        for number, (sides, side) in enumerate(zip(named, full, strict=True))
    ]
    return pl.DataFrame(causes, schema=_CAUSES, orient="row")


_CAUSES = {
    "sides": pl.UInt32,
    "taken": pl.Int64,
    "reason": pl.String,
    "threshold": pl.Float64,
    "evidence": pl.String,
}
