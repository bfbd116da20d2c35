"""The mix of the kept rows over category, language and kind: caps, quotas, a largest share, floors, and the target.

Caps and quotas come first, then the largest share, the target and the floors; within these, rows are taken in preference
order.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from builder.cells import LANGUAGES, Cell
from builder.config import CATEGORIES, Balance
from builder.curation.difficulty import LEVEL, LEVELS
from builder.curation.quotas import hold_quotas
from builder.errors import UsageError, nearest
from builder.notes import Note
from builder.schema import Check

UNCATEGORISED = "uncategorised"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that passed everything before.

    Attributes:
        category: None counts as `uncategorised`.
        kind: as in `builder.schema.Sample`.
        difficulty: easy, medium, hard, or None where nothing is known of it.
        quality: of the row, higher is better; the order in which rows are given already reflects it.
    """

    row: int
    category: str | None
    language: str
    quality: float
    task_id: str
    kind: str | None = None
    difficulty: str | None = None

    @property
    def cell(self) -> str:
        """Such as `mathematics/en`."""
        return f"{self.category or UNCATEGORISED}/{self.language}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The names under which caps and floors apply: its cell, its category, its language, and each with its difficulty."""
        names = self.cell, self.category or UNCATEGORISED, self.language
        if self.difficulty is None:
            return names
        return *names, self.difficulty, *(f"{name}/{self.difficulty}" for name in names)


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """The rows that the mix has no place for, and what could not be had."""

    dropped: dict[int, Check]
    warnings: list[Note]


def balance(rows: Sequence[Candidate], settings: Balance, target: int | None) -> BalanceResult:
    """Choose the rows that are kept.

    Exactly `target` rows are kept when caps, quotas and the largest share leave that many. The largest share holds for the rows
    that are kept: no cell has more than floor(max_share × kept). It cannot hold with fewer than 1 / max_share cells; it is
    then left aside, with a warning. Where only the target's rounding stands in the way (3 rows over 4 cells at 0.3), the
    target wins, with a warning.

    Args:
        rows: in preference order, best first.
        settings: quotas, caps and floors by cell, and the largest share of a category in a language.
        target: rows to keep; None is all that the caps allow.

    Raises:
        UsageError: a quota, a cap or a floor names no category and language; every such name is reported.
    """
    check_names(settings, rows)
    over_quota: dict[int, Check] = {}
    if settings.quotas:
        capped = _choose(rows, Balance(caps=settings.caps), None, None)
        over_quota = hold_quotas([row for row in rows if row.row in capped], settings.quotas, target)
        rows = [row for row in rows if row.row not in over_quota]
    limit, warnings = _cell_limit(rows, settings, target)
    chosen = _choose(rows, settings, limit, target)
    counts = Counter(group for row in rows if row.row in chosen for group in row.groups)
    warnings += _floor_warnings(settings, counts)
    return BalanceResult(over_quota | _explain(rows, chosen, counts, settings, limit, target), warnings)


@dataclass(frozen=True, slots=True)
class BalancedRows:
    """As `BalanceResult`, in columns: row, reason, value, threshold, evidence."""

    dropped: pl.DataFrame
    warnings: list[Note]


def balance_rows(rows: pl.DataFrame, settings: Balance, target: int | None) -> BalancedRows:
    """`balance` for many rows.

    Args:
        rows: row, category, language, quality, task_id, kind and difficulty_level, in preference order.
    """
    if settings.max_share >= 1 and not (settings.caps or settings.floors or settings.quotas):
        beyond = rows.slice(len(rows) if target is None else target).with_row_index("place", offset=(target or 0) + 1)
        return BalancedRows(
            beyond.select(
                "row", reason=pl.lit("over_target"), value="place", threshold=pl.lit(target), evidence=pl.lit("")
            ),
            [],
        )
    columns = rows.select("row", "category", "language", "quality", "task_id", "kind", LEVEL)
    result = balance([Candidate(*row) for row in columns.iter_rows()], settings, target)
    dropped = [(row, c.reason, c.value, c.threshold, c.evidence) for row, c in result.dropped.items()]
    schema = ["row", "reason", "value", "threshold", "evidence"]
    return BalancedRows(pl.DataFrame(dropped, schema=schema, orient="row", infer_schema_length=None), result.warnings)


def _cell_limit(rows: Sequence[Candidate], settings: Balance, target: int | None) -> tuple[int | None, list[Note]]:
    """The most rows of one cell, or None for no limit."""
    if settings.max_share >= 1 or not rows:
        return None, []
    limit, reached = _share_fixpoint(rows, settings)
    if reached == 0:
        cells = len({row.cell for row in rows})
        return None, [_share_cannot_hold(settings.max_share, cells)]
    if target is None or reached <= target:
        return limit, []
    exact = least = _share_of(settings.max_share, target)
    while least < limit and len(_choose(rows, settings, least, target)) < target:
        least += 1
    return least, [_share_rounded(settings.max_share, target, least)] if least > exact else []


def _share_fixpoint(rows: Sequence[Candidate], settings: Balance) -> tuple[int, int]:
    """The limit of a cell, and how many rows it leaves: fewer rows allow fewer in each cell, until both agree."""
    sizes = Counter(row.cell for row in rows)
    total = len(rows)
    while total:
        limit = _share_of(settings.max_share, total)
        if settings.caps:
            kept = len(_choose(rows, settings, limit, None))
        else:
            kept = sum(min(size, limit) for size in sizes.values())
        if kept >= total:
            return limit, kept
        total = kept
    return 0, 0


def _share_of(share: float, total: int) -> int:
    # 0.29 × 100 is 28.999999999999996 in floating point.
    return math.floor(share * total + 1e-9)


def _choose(rows: Sequence[Candidate], settings: Balance, limit: int | None, target: int | None) -> set[int]:
    """Rows that fill a floor first, then the others, each in preference order."""
    counts: Counter[str] = Counter()
    chosen: set[int] = set()
    most = len(rows) if target is None else target
    for to_floors in (True, False) if settings.floors else (False,):
        for row in rows:
            if len(chosen) == most:
                return chosen
            wanted = not to_floors or any(counts[group] < settings.floors.get(group, 0) for group in row.groups)
            if row.row not in chosen and wanted and _full_group(row, counts, settings, limit) is None:
                chosen.add(row.row)
                counts.update(row.groups)
    return chosen


def _full_group(row: Candidate, counts: Counter[str], settings: Balance, limit: int | None) -> tuple[str, int] | None:
    """The group that has no place left for a row, with its size, or None."""
    for group in row.groups:
        cap = settings.caps.get(group)
        if cap is not None and counts[group] >= cap:
            return group, cap
    if limit is not None and counts[row.cell] >= limit:
        return f"{row.cell}, max_share", limit
    return None


def _explain(
    rows: Sequence[Candidate],
    chosen: set[int],
    counts: Counter[str],
    settings: Balance,
    limit: int | None,
    target: int | None,
) -> dict[int, Check]:
    """For each row that is left out what was full, and which number it would have been."""
    beyond: Counter[str] = Counter()
    dropped: dict[int, Check] = {}
    for row in rows:
        if row.row in chosen:
            continue
        full = _full_group(row, counts, settings, limit)
        group, size = full if full is not None else ("target", target or 0)
        beyond[group] += 1
        reason, evidence = ("over_cap", group) if full is not None else ("over_target", "")
        dropped[row.row] = Check(reason, float(size + beyond[group]), float(size), evidence=evidence)
    return dropped


def check_names(settings: Balance, rows: Iterable[Candidate] = (), categories: Iterable[str] = ()) -> None:
    """Raise UsageError where a cell of the settings cannot be.

    Args:
        rows: their categories and languages are valid too.
        categories: more valid ones.
    """
    categories = [*dict.fromkeys((*CATEGORIES, *categories, UNCATEGORISED))]
    languages = [*LANGUAGES]
    for row in rows:
        if row.category and row.category not in categories:
            categories.append(row.category)
        if row.language not in languages:
            languages.append(row.language)
    valid = {*categories, *languages, *(f"{category}/{language}" for category in categories for language in languages)}
    valid |= {*LEVELS, *(f"{name}/{level}" for name in valid for level in LEVELS)}
    mistakes = [
        f"  - balance.{section}: no such cell {name!r}{nearest(name, valid)}"
        for section, names in (("caps", settings.caps), ("floors", settings.floors))
        for name in names
        if name not in valid
    ]
    mistakes += [
        f"  - balance.quotas: no such category {name!r}{nearest(category, categories)}"
        for name in settings.quotas
        if (category := Cell.parse(name).category) is not None and category not in categories
    ]
    if mistakes:
        raise UsageError(
            "balance names cells that do not exist:\n" + "\n".join(mistakes),
            "A cell is a category, a language, or both: mathematics, zh, mathematics/zh; for caps and floors also with a "
            f"difficulty ({', '.join(LEVELS)}): mathematics/zh/hard. Languages: {', '.join(languages)}; "
            f"categories: {', '.join(categories)}.",
        )


def _floor_warnings(settings: Balance, counts: Counter[str]) -> list[Note]:
    return [
        Note(
            "warning",
            f"balance.floors asks for at least {floor} rows of {group}; {counts[group]} could be kept.",
            f"balance.floors 要求 {group} 至少 {floor} 行，实际只能保留 {counts[group]} 行。",
        )
        for group, floor in settings.floors.items()
        if counts[group] < floor
    ]


def _share_cannot_hold(share: float, cells: int) -> Note:
    return Note(
        "warning",
        f"balance.max_share {share:g} cannot hold for the {cells} cells (category and language) that the rows are in, so it "
        "was not applied; raise it, or grow more categories.",
        f"现有数据只分布在 {cells} 个类别与语言的组合中，balance.max_share {share:g} 无法满足，因此未启用；"
        "请调高它，或增加类别。",
    )


def _share_rounded(share: float, target: int, limit: int) -> Note:
    return Note(
        "warning",
        f"With a target of {target} rows, balance.max_share {share:g} cannot hold exactly: cells have up to {limit} rows.",
        f"目标为 {target} 行时，balance.max_share {share:g} 无法严格满足：单个组合最多有 {limit} 行。",
    )
