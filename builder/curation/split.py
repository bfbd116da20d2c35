"""Train and validation: whole tasks to one side, in the mix of the data, and no validation row close to a training row.

A set of tasks can be the validation set exactly if none of them is close to a task outside it. Tasks without any close task
can go alone; the others only together with all that they are linked to, however indirectly. So tasks are visited in an order
drawn from the seed and their names, those without close tasks are taken until the share is reached, and only if they are too
few, whole groups of linked tasks follow.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from builder.config import Split
from builder.notes import Note
from builder.similarity import NoveltyIndex
from builder.text import tokenise

Side = Literal["train", "validation"]
Stratum = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A kept row and the text by which closeness is judged."""

    row: int
    task_id: str
    category: str | None
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The side of every row.

    Attributes:
        moved: rows that were drawn for validation and went to training, since a training row is too close to them.
    """

    assignment: dict[int, Side]
    moved: int
    notes: list[Note]


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    rows: tuple[int, ...]
    texts: tuple[tuple[str, ...], ...]
    stratum: Stratum
    rank: str

    @property
    def size(self) -> int:
        return len(self.rows)


def split(rows: Sequence[SplitRow], settings: Split, seed: int) -> SplitResult:
    """Choose the validation rows.

    The share holds for the whole and, as far as tasks fit, for each category and language; a task is taken where that
    comes closer to the share than leaving it. The result depends on the seed, the task names and their rows, not on the
    order of the rows.

    Args:
        rows: the kept rows.
        settings: the share, the largest ROUGE-L F1 between the sides, and the least size.
        seed: of the order in which tasks are drawn.
    """
    tasks = sorted(_group(rows, seed), key=lambda task: task.rank)
    validation: set[str] = set()
    linked: set[str] = set()
    if tasks and settings.validation_share > 0:
        validation, linked = _Draw(tasks, settings).run()
    assignment: dict[int, Side] = {
        row: "validation" if task.name in validation else "train" for task in tasks for row in task.rows
    }
    size = sum(task.size for task in tasks if task.name in validation)
    moved = sum(task.size for task in tasks if task.name in linked)
    notes = []
    if settings.validation_share > 0 and size < settings.min_validation_rows:
        notes.append(_too_small(size, moved, len(tasks), len(rows), settings))
    return SplitResult({row.row: assignment[row.row] for row in rows}, moved, notes)


def _group(rows: Iterable[SplitRow], seed: int) -> Iterator[_Task]:
    members: dict[str, list[SplitRow]] = defaultdict(list)
    for row in rows:
        members[row.task_id].append(row)
    for name, own in members.items():
        yield _Task(
            name,
            tuple(row.row for row in own),
            tuple(sorted({tuple(tokenise(row.text)) for row in own})),
            min((row.category or "", row.language) for row in own),
            hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).hexdigest(),
        )


class _Draw:
    """Draws validation tasks by rank: for each stratum, then for the whole, then in groups of linked tasks."""

    def __init__(self, tasks: Sequence[_Task], settings: Split) -> None:
        self._tasks = tasks
        self._links = _Links(tasks, settings.max_similarity)
        self._total = sum(task.size for task in tasks)
        self._wanted = round(settings.validation_share * self._total)
        self._size = 0
        self._validation: set[str] = set()
        self._linked: set[str] = set()

    def run(self) -> tuple[set[str], set[str]]:
        """The names of the validation tasks, and of those that were drawn although training tasks are close to them."""
        strata: dict[Stratum, list[_Task]] = defaultdict(list)
        for task in self._tasks:
            strata[task.stratum].append(task)
        quotas = _quotas(strata, self._wanted)
        for stratum in sorted(strata):
            self._take_alone(strata[stratum], quotas[stratum])
        self._take_alone(self._tasks, self._room)
        if self._room > 0:
            self._take_groups()
        return self._validation, self._linked - self._validation

    @property
    def _room(self) -> int:
        return self._wanted - self._size

    def _fits(self, size: int, room: int) -> bool:
        """Whether taking so many rows comes closer to filling the room than leaving them, and leaves rows to train on."""
        return size < 2 * room and self._size + size < self._total

    def _take_alone(self, tasks: Iterable[_Task], room: int) -> None:
        for task in tasks:
            if not self._fits(1, room):
                return
            if task.name in self._validation or not self._fits(task.size, room):
                continue
            if self._links.link(task) is None:
                self._validation.add(task.name)
                self._size += task.size
                room -= task.size
            else:
                self._linked.add(task.name)

    def _take_groups(self) -> None:
        remaining = [task for task in self._tasks if task.name not in self._validation]
        for group in self._links.groups(remaining, lambda size: self._fits(size, self._room)):
            size = sum(task.size for task in group)
            if self._fits(size, self._room):
                self._validation.update(task.name for task in group)
                self._size += size


class _Links:
    """Which tasks are close to which."""

    def __init__(self, tasks: Sequence[_Task], threshold: float) -> None:
        self._threshold = threshold
        self._numbers = {task.name: number for number, task in enumerate(tasks)}
        self._found: dict[str, int | None] = {}
        self._index = self._build(tasks, {task.name: task.name for task in tasks})

    def link(self, task: _Task) -> int | None:
        """The number of another task that is close to this one, or None where it stands alone."""
        if task.name not in self._found:
            self._found[task.name] = next(self._matches(self._index, task, task.name), None)
        return self._found[task.name]

    def groups(self, tasks: Sequence[_Task], fits: Callable[[int], bool]) -> list[list[_Task]]:
        """Sets of tasks that are linked to each other and to no other task, as far as they fit; by rank.

        Each round asks every group that still fits for a link to the outside and joins the two, so groups at least double;
        those that outgrow the room are not looked at again.

        Args:
            tasks: all tasks that may be linked, those too large to fit included.
            fits: whether a group of so many rows is still of use.
        """
        joined = _Joined(len(self._numbers))
        for name, other in self._found.items():
            if other is not None:
                joined.join(self._numbers[name], other)
        closed: dict[int, list[_Task]] = {}
        while True:
            members: dict[int, list[_Task]] = defaultdict(list)
            for task in tasks:
                members[joined.root(self._numbers[task.name])].append(task)
            open_groups = {
                root: group
                for root, group in members.items()
                if root not in closed and fits(sum(task.size for task in group))
            }
            if not open_groups:
                return list(closed.values())
            labels = {task.name: str(root) for root, group in members.items() for task in group}
            index = self._build(tasks, labels)
            for root, group in open_groups.items():
                found = [other for task in group for other in self._matches(index, task, str(root))]
                for other in found:
                    joined.join(root, other)
                if not found:
                    closed[root] = group

    def _build(self, tasks: Iterable[_Task], labels: Mapping[str, str]) -> NoveltyIndex:
        index = NoveltyIndex(self._threshold)
        for task in tasks:
            for tokens in task.texts:
                index.add(self._numbers[task.name], tokens, labels[task.name])
        return index

    @staticmethod
    def _matches(index: NoveltyIndex, task: _Task, label: str) -> Iterator[int]:
        for tokens in task.texts:
            match = index.match(tokens, label)
            if match is not None:
                yield match.row


class _Joined:
    """Disjoint sets of numbers below `count`."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, a: int, b: int) -> None:
        first, second = sorted((self.root(a), self.root(b)))
        self._parents[second] = first


def _quotas(strata: Mapping[Stratum, Sequence[_Task]], wanted: int) -> dict[Stratum, int]:
    """Rows wanted of each stratum, summing to `wanted`: by share, what rounding leaves to the largest remainders."""
    sizes = {stratum: sum(task.size for task in tasks) for stratum, tasks in strata.items()}
    total = sum(sizes.values())
    quotas = {stratum: wanted * size // total for stratum, size in sizes.items()}
    by_remainder = sorted(strata, key=lambda s: (-(wanted * sizes[s] % total), strata[s][0].rank))
    for stratum in by_remainder[: wanted - sum(quotas.values())]:
        quotas[stratum] += 1
    return quotas


def _too_small(size: int, moved: int, tasks: int, rows: int, settings: Split) -> Note:
    wanted = round(settings.validation_share * rows)
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
