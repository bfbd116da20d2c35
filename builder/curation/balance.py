"""The mix of the kept rows over category, language and kind: caps, quotas, a largest share, floors, and the target.

Caps and quotas come first, then the largest share, the target and the floors; within these, rows are taken in preference
order.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl

from builder.cells import LANGUAGES, Cell, find_category
from builder.config import CATEGORIES, Balance
from builder.curation.difficulty import LEVEL, LEVELS
from builder.curation.quotas import hold_quotas, number_beyond
from builder.errors import UsageError, nearest
from builder.language.messages import listed, worded
from builder.language.notes import Note

UNCATEGORISED = "uncategorised"


class Profile(NamedTuple):
    """What the mix knows of a row; rows of one profile are interchangeable, the earlier one first.

    Attributes:
        category: None counts as `uncategorised`.
        kind: as in `builder.schema.Sample`.
        difficulty: easy, medium, hard, or None where nothing is known of it.
    """

    category: str | None
    language: str
    kind: str | None
    difficulty: str | None

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
class BalancedRows:
    """The rows that the mix has no place for (row, reason, value, threshold, evidence), and what could not be had."""

    dropped: pl.DataFrame
    warnings: list[Note]


def balance_rows(rows: pl.DataFrame, settings: Balance, target: int | None) -> BalancedRows:
    """Choose the rows that are kept.

    Exactly `target` rows are kept when caps, quotas and the largest share leave that many. The largest share holds for the rows
    that are kept: no cell has more than floor(max_share × kept). It cannot hold with fewer than 1 / max_share cells; it is
    then left aside, with a warning. Where only the target's rounding stands in the way (3 rows over 4 cells at 0.3), the
    target wins, with a warning.

    Args:
        rows: row, category, language, kind and difficulty_level, in preference order, best first.
        settings: quotas, caps and floors by cell, and the largest share of a category in a language.
        target: rows to keep; None is all that the caps allow.

    Raises:
        UsageError: a quota, a cap or a floor names no category and language; every such name is reported.
    """
    pool = _pool_of(rows)
    check_names(settings, pool.profiles)
    over_quota = []
    if settings.quotas:
        capped = _choose(pool, Balance(caps=settings.caps), None, None)
        over_quota = [hold_quotas(pool.rows.filter(capped), pool.profiles, settings.quotas, target)]
        pool = replace(pool, rows=pool.rows.join(over_quota[0], on="row", how="anti", maintain_order="left"))
    limit, warnings = _cell_limit(pool, settings, target)
    chosen = _choose(pool, settings, limit, target)
    counts = Counter[str]()
    for profile, number in pool.rows.filter(chosen)["profile"].value_counts().iter_rows():
        counts.update(dict.fromkeys(pool.groups[profile], number))
    warnings += [*_floor_warnings(settings, counts), *_idle_caps(settings, pool)]
    left_out = _explain(pool, chosen, counts, settings, limit, target)
    return BalancedRows(pl.concat([*over_quota, left_out]), warnings)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Rows in preference order: row and profile, a number of one of the profiles; and the groups of each profile."""

    rows: pl.DataFrame
    profiles: list[Profile]
    groups: list[tuple[str, ...]]


def _pool_of(rows: pl.DataFrame) -> _Pool:
    keys = Profile._fields
    known = rows.select("row", "category", "language", "kind", difficulty=LEVEL)
    numbers = known.select(keys).unique(maintain_order=True).with_row_index("profile")
    numbered = known.join(numbers, on=keys, how="left", nulls_equal=True, maintain_order="left")
    profiles = [Profile(*values) for values in numbers.select(keys).iter_rows()]
    return _Pool(numbered.select("row", "profile"), profiles, [profile.groups for profile in profiles])


def _cell_limit(pool: _Pool, settings: Balance, target: int | None) -> tuple[int | None, list[Note]]:
    """The most rows of one cell, or None for no limit."""
    if settings.max_share >= 1 or pool.rows.is_empty():
        return None, []
    limit, reached = _share_fixpoint(pool, settings)
    if reached == 0:
        return None, [_share_cannot_hold(settings.max_share, len(_cell_sizes(pool)))]
    if target is None or reached <= target:
        return limit, []
    exact = least = _share_of(settings.max_share, target)
    while least < limit and _choose(pool, settings, least, target).sum() < target:
        least += 1
    return least, [_share_rounded(settings.max_share, target, least)] if least > exact else []


def _share_fixpoint(pool: _Pool, settings: Balance) -> tuple[int, int]:
    """The limit of a cell, and how many rows it leaves: fewer rows allow fewer in each cell, until both agree."""
    sizes = _cell_sizes(pool)
    total = len(pool.rows)
    while total:
        limit = _share_of(settings.max_share, total)
        if settings.caps:
            kept = int(_choose(pool, settings, limit, None).sum())
        else:
            kept = sum(min(size, limit) for size in sizes.values())
        if kept >= total:
            return limit, kept
        total = kept
    return 0, 0


def _cell_sizes(pool: _Pool) -> Counter[str]:
    sizes = Counter[str]()
    for profile, number in pool.rows["profile"].value_counts().iter_rows():
        sizes[pool.profiles[profile].cell] += number
    return sizes


def _share_of(share: float, total: int) -> int:
    # 0.29 × 100 is 28.999999999999996 in floating point.
    return math.floor(share * total + 1e-9)


def _choose(pool: _Pool, settings: Balance, limit: int | None, target: int | None) -> pl.Series:
    """Whether each row is taken: rows that fill a floor first, then the others, each in preference order."""
    if limit is None and not settings.caps and not settings.floors:
        return pl.int_range(len(pool.rows), eager=True) < (len(pool.rows) if target is None else target)
    profiles = pool.rows["profile"].to_list()
    chosen = [False] * len(profiles)
    counts: defaultdict[str, int] = defaultdict(int)
    left = len(profiles) if target is None else target
    for to_floors in (True, False) if settings.floors else (False,):
        # Counts only grow: a profile that has no place left, or has filled its floors, has none for later rows either.
        closed: set[int] = set()
        for place, profile in enumerate(profiles):
            if profile in closed or chosen[place]:
                continue
            if not left or len(closed) == len(pool.profiles):
                break
            groups = pool.groups[profile]
            wanted = not to_floors or any(counts[group] < settings.floors.get(group, 0) for group in groups)
            if not wanted or _full_group(groups, counts, settings, limit) is not None:
                closed.add(profile)
                continue
            chosen[place] = True
            left -= 1
            for group in groups:
                counts[group] += 1
    return pl.Series(chosen, dtype=pl.Boolean)


def _full_group(
    groups: tuple[str, ...], counts: Mapping[str, int], settings: Balance, limit: int | None
) -> tuple[str, int] | None:
    """The group of a row that has no place left for it, with its size, or None."""
    if settings.caps:
        for group in groups:
            cap = settings.caps.get(group)
            if cap is not None and counts[group] >= cap:
                return group, cap
    cell = groups[0]
    return (f"{cell}, max_share", limit) if limit is not None and counts[cell] >= limit else None


def _explain(
    pool: _Pool, chosen: pl.Series, counts: Counter[str], settings: Balance, limit: int | None, target: int | None
) -> pl.DataFrame:
    """For each row that is left out what was full, and which number it would have been."""
    full = [_full_group(groups, counts, settings, limit) for groups in pool.groups]
    causes = [
        (number, "over_target", float(target or 0), "")
        if cause is None
        else (number, "over_cap", float(cause[1]), cause[0])
        for number, cause in enumerate(full)
    ]
    schema = {"profile": pl.UInt32, "reason": pl.String, "threshold": pl.Float64, "evidence": pl.String}
    known = pl.DataFrame(causes, schema=schema, orient="row")
    return number_beyond(pool.rows.filter(~chosen).join(known, on="profile", how="left", maintain_order="left"))


def check_names(settings: Balance, profiles: Iterable[Profile] = (), categories: Iterable[str] = ()) -> None:
    """Raise UsageError where a cell of the settings cannot be.

    Args:
        profiles: of rows; their categories and languages are valid too.
        categories: more valid ones.
    """
    categories = [*dict.fromkeys((*CATEGORIES, *categories, UNCATEGORISED))]
    languages = [*LANGUAGES]
    for profile in profiles:
        if profile.category and profile.category not in categories:
            categories.append(profile.category)
        if profile.language not in languages:
            languages.append(profile.language)
    valid = {*categories, *languages, *(f"{category}/{language}" for category in categories for language in languages)}
    valid |= {*LEVELS, *(f"{name}/{level}" for name in valid for level in LEVELS)}
    mistakes = [
        worded(
            "  - balance.{section}: no such cell {name!r}{nearest}",
            section=section,
            name=name,
            nearest=nearest(name, valid),
        )
        for section, names in (("caps", settings.caps), ("floors", settings.floors))
        for name in names
        if name not in valid
    ]
    mistakes += [
        worded(
            "  - balance.quotas: no such category {name!r}{nearest}", name=name, nearest=nearest(category, categories)
        )
        for name in settings.quotas
        if (category := Cell.parse(name).category) is not None and find_category(category, categories) is None
    ]
    if mistakes:
        raise UsageError(
            worded("balance names cells that do not exist:\n{mistakes}", mistakes=listed(mistakes, "\n")),
            worded(
                "A cell is a category, a language, or both: mathematics, zh, mathematics/zh; for caps and floors "
                "also with a difficulty ({levels}): mathematics/zh/hard. Languages: {languages}; categories: "
                "{categories}.",
                levels=", ".join(LEVELS),
                languages=", ".join(languages),
                categories=", ".join(categories),
            ),
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


def _idle_caps(settings: Balance, pool: _Pool) -> list[Note]:
    """That caps are on what no row is in, as where a category is called otherwise or no difficulty is known."""
    found = {group for groups in pool.groups for group in groups}
    idle = [name for name in settings.caps if name not in found]
    if not idle or not found:
        return []
    return [
        Note(
            "info",
            f"balance.caps names what no row is in: {', '.join(idle)}.",
            f"balance.caps 里的这些名称没有对应的数据行：{'、'.join(idle)}。",
        )
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
