"""Train and validation: whole tasks to one side, in the mix of the data, and no validation row close to a training row.

A set of tasks can be the validation set exactly if none of them is close to a task outside it. Tasks without any close task
can go alone; the others only together with all that they are linked to, however indirectly. So tasks are visited in an order
drawn from the seed and their names, those without close tasks are taken until the share is reached, and only if they are too
few, whole groups of linked tasks follow.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from builder.config import Execution, Split
from builder.curation.novelty.closeness import Closeness, Near, Tasks
from builder.curation.novelty.requests import requests_of
from builder.curation.novelty.token_sequences import Mask, Numbers, distinct, mask
from builder.language.notes import Note
from builder.text import Thresholds

# Asking goes through all requests, whoever is asked about. So of each stratum so many tasks for each row wanted are asked about at
# once, and at least some (in data with the statistics of real instructions a quarter are close to another); where they do not
# suffice, so many times as many.
_ASKED, _LEAST_ASKED, _MORE = 2, 256, 8
# Of a task: it is close to another one, or to none, or was not asked.
_LINKED, _ALONE, _UNASKED = 1, 0, -1


@dataclass(frozen=True, slots=True)
class SplitColumns:
    """The side of every row.

    Attributes:
        sides: row: int64, split: string (`train` or `validation`), in the order of the rows given.
        moved: rows that were drawn for validation and went to training, since a training row is too close to them.
        notes: what a reader should know.
    """

    sides: pa.Table
    moved: int
    notes: list[Note]


def split_columns(
    rows: pa.Table,
    settings: Split,
    seed: int,
    execution: Execution,
    *,
    near: Near | None = None,
) -> SplitColumns:
    """Choose the validation rows.

    The share holds for the whole and, as far as tasks fit, for each category and language; a task is taken where that
    comes closer to the share than leaving it. Two rows are close as in the scan, which goes by `settings.max_similarity` here.
    The sides depend on the seed, the task names and their rows, not on the order of the rows or where the work is done.

    Args:
        rows: row: int64, group: string (the task), category: string or null, language: string, text: string, and where some
            are imported: imported: bool and `REQUEST_COLUMNS` (see `requests_of`); the kept rows.
        settings: the share, its ceiling, the largest ROUGE-L F1 between the sides, and the least size.
        seed: of the order in which tasks are drawn.
        execution: the workers among which texts are compared.
        near: another measure of what must not be parted: for two arrays of places of rows, pairs of one of the first and
            one of the second that are close.
    """
    frame = pl.DataFrame([pl.Series(name, rows[name]) for name in ("group", "category", "language")])
    tasks, own = _drawn_order(frame, seed)
    sizes = np.bincount(own, minlength=len(tasks))
    wanted = min(round(settings.validation_share * len(rows)), settings.max_validation_rows)
    validation, linked = np.zeros(len(tasks), dtype=bool), np.zeros(len(tasks), dtype=bool)

    @cache
    def closeness() -> Closeness:
        requests, numbers = requests_of(rows, execution)
        filled = pl.Series(requests.filled[numbers])
        holders = pl.DataFrame({"task": own, "request": numbers}).filter(filled).unique()
        also = None if near is None else _between_tasks(near, own)
        closest = Thresholds(settings.max_similarity, settings.max_similarity)
        return Closeness(Tasks(sizes, holders, requests), closest, execution, also)

    if wanted:
        validation, linked = _Draw(sizes, tasks["stratum"].to_numpy(), wanted, closeness).run()
    size, moved = int(sizes[validation].sum()), int(sizes[linked & ~validation].sum())
    notes = []
    if settings.validation_share > 0 and size < settings.min_validation_rows:
        notes.append(_too_small(size, moved, len(tasks), len(rows), wanted, settings))
    sides = pa.array(np.where(validation[own], "validation", "train"), pa.string())
    return SplitColumns(pa.table({"row": rows["row"], "split": sides}), moved, notes)


def _drawn_order(rows: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, Numbers]:
    """The tasks in the order in which they are drawn, with the number of their stratum, and the number of each row's task.

    A task's stratum is the first of its rows' categories and languages; strata are numbered in their order.
    """
    cell = pl.struct(pl.col("category").fill_null(""), "language")
    tasks = (
        rows.with_columns(cell=cell.rank("dense"))
        .group_by("group")
        .agg(pl.col("cell").min())
        .with_columns(stratum=pl.col("cell").rank("dense").cast(pl.Int64) - 1)
    )
    tasks = (
        tasks.with_columns(rank=_ranks(tasks["group"], seed))
        .sort("rank", "group")
        .with_columns(task=pl.int_range(pl.len(), dtype=pl.Int64))
    )
    own = rows.select("group").join(tasks.select("group", "task"), on="group", how="left", maintain_order="left")
    return tasks, own["task"].to_numpy()


def _ranks(names: pl.Series, seed: int) -> npt.NDArray[np.uint64]:
    """For each task a number drawn from the seed and its name: the first eight bytes of their SHA-256."""
    drawn = b"".join([hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names.to_list()])
    return np.frombuffer(drawn, dtype=">u8")[::4].astype(np.uint64)


def _between_tasks(near: Near, own: Numbers) -> Near:
    """A measure between rows as one between tasks."""

    def between(some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        mine, theirs = (np.flatnonzero(mask(tasks, len(own))[own]) for tasks in (some, others))
        a, b = (own[places] for places in near(mine, theirs))
        return a[a != b], b[a != b]

    return between


class _Draw:
    """Draws validation tasks in their order: for each stratum, then for the whole, then in groups of linked tasks.

    Args:
        sizes: rows of each task.
        strata: the stratum of each.
        wanted: rows.
        closeness: of all tasks.
    """

    def __init__(self, sizes: Numbers, strata: Numbers, wanted: int, closeness: Callable[[], Closeness]) -> None:
        self._sizes, self._wanted, self._closeness = sizes.tolist(), wanted, closeness
        self._links = np.full(len(sizes), _UNASKED)
        self._total = int(sizes.sum())
        self._strata = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]
        self._quotas = _quotas(sizes, self._strata, wanted)

    def run(self) -> tuple[Mask, Mask]:
        """The validation tasks, and those that were drawn although others are close to them, as masks."""
        every = np.arange(len(self._sizes))
        drawn = [*self._strata, every]
        counts = [max(_ASKED * quota, _LEAST_ASKED) for quota in self._quotas]
        counts.append(0)  # of the whole, those of the strata come first
        lacking = list(range(len(counts)))
        while lacking:
            self._ask(np.concatenate([drawn[place][: counts[place]] for place in lacking]))
            lacking = self._draw_alone()
            for place in lacking:
                counts[place] = max(_MORE * counts[place], _ASKED * self._wanted if place == len(self._strata) else 1)
        if self._room > 0:
            left = np.flatnonzero(~self._validation)
            for group in self._closeness().groups(left, lambda size: self._fits(size, self._room)):
                self._validation[group] = True
                self._size += sum(self._sizes[task] for task in group.tolist())
        return self._validation, self._linked

    def _ask(self, tasks: Numbers) -> None:
        tasks = distinct(tasks[self._links[tasks] == _UNASKED])
        if len(tasks):
            self._links[tasks] = self._closeness().linked(tasks)

    def _draw_alone(self) -> list[int]:
        """Take tasks without close ones; where some come up that were not asked about, of which strata, or of the whole."""
        self._validation, self._linked = (np.zeros(len(self._sizes), dtype=bool) for _ in range(2))
        self._size = 0
        lacking = [
            place for place, tasks in enumerate(self._strata) if not self._take_alone(tasks, self._quotas[place])
        ]
        if not lacking and not self._take_alone(np.arange(len(self._sizes)), self._room):
            lacking.append(len(self._strata))
        return lacking

    def _take_alone(self, tasks: Numbers, room: int) -> bool:
        """Whether all that came up were asked about."""
        for task in map(int, tasks):
            if not self._fits(1, room):
                break
            size = self._sizes[task]
            if self._validation[task] or not self._fits(size, room):
                continue
            if self._links[task] == _UNASKED:
                return False
            if self._links[task] == _LINKED:
                self._linked[task] = True
            else:
                self._validation[task] = True
                self._size += size
                room -= size
        return True

    @property
    def _room(self) -> int:
        return self._wanted - self._size

    def _fits(self, size: int, room: int) -> bool:
        """Whether taking so many rows comes closer to filling the room than leaving them, and leaves rows to train on."""
        return size < 2 * room and self._size + size < self._total


def _quotas(sizes: Numbers, strata: Sequence[Numbers], wanted: int) -> list[int]:
    """Rows wanted of each stratum, summing to `wanted`: by share, what rounding leaves to the largest remainders."""
    shares = [wanted * int(sizes[tasks].sum()) for tasks in strata]
    total = int(sizes.sum())
    quotas = [share // total for share in shares]
    by_remainder = sorted(range(len(strata)), key=lambda place: (-(shares[place] % total), int(strata[place][0])))
    for place in by_remainder[: wanted - sum(quotas)]:
        quotas[place] += 1
    return quotas


def _too_small(size: int, moved: int, tasks: int, rows: int, wanted: int, settings: Split) -> Note:
    least, closeness = settings.min_validation_rows, settings.max_similarity
    return Note(
        "warning",
        f"The validation set has {size} rows, fewer than {least}. {wanted} of {rows} rows ({tasks} tasks) were wanted; "
        f"{moved} rows that were drawn stay in training, since a training row is closer to them than {closeness:g}. "
        "Raise split.validation_share, or grow more data.",
        f"验证集只有 {size} 行，少于 {least} 行。共 {rows} 行（{tasks} 个任务），应抽 {wanted} 行；"
        f"抽中的数据中有 {moved} 行因与训练集的相似度超过 {closeness:g} 而留在训练集。"
        "可调高 split.validation_share，或增加数据。",
    )
