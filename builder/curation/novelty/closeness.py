"""Which tasks have a request close to another task's, as the scan has it: for the split, which must not part them.

Tasks are gone through in growing portions, and one is asked about no further once it has a neighbour: thousands of tasks of
one template cost a small multiple of one.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from builder.config import Execution
from builder.curation.novelty.requests import Close, Requests, close_requests
from builder.curation.novelty.token_sequences import Mask, Numbers, distinct, mask
from builder.text import Thresholds

# Given two sets of tasks: pairs of one of the first and one of the second that are close.
Near = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]

# Pairs of tasks in the first portion, which may all be close; and how many times as many tasks each further one has.
_FIRST_PAIRS, _MORE = 200_000, 3
_FIRST_EXPLORED = 256


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks by number, and their requests.

    Attributes:
        sizes: how many rows each task has.
        holders: task, request: each task beside each of its requests that has tokens, once.
        requests: all of them.
    """

    sizes: Numbers
    holders: pl.DataFrame
    requests: Requests

    def __len__(self) -> int:
        return len(self.sizes)

    def of(self, tasks: Numbers) -> pl.DataFrame:
        """The holders among some tasks."""
        return self.holders.filter(mask(tasks, len(self))[self.holders["task"].to_numpy()])


class Closeness:
    """Close tasks, by their requests and by what else measures it.

    Args:
        tasks: all of them.
        thresholds: two are close if two of their requests are.
        execution: where that is found.
        also: another measure.
    """

    def __init__(self, tasks: Tasks, thresholds: Thresholds, execution: Execution, also: Near | None) -> None:
        self._tasks, self._thresholds, self._execution, self._also = tasks, thresholds, execution, also

    def linked(self, tasks: Numbers) -> Mask:
        """Which of some tasks are close to another one."""
        found = np.zeros(len(self._tasks), dtype=bool)
        with self._close(tasks) as requests:
            for near in self._measures(requests):
                asked = tasks[~found[tasks]]
                for portion in self._portions(len(asked)):
                    if not len(asked):
                        break
                    some, close = near(asked, portion)
                    found[some] = found[close] = True
                    asked = asked[~found[asked]]
        return found[tasks]

    def groups(self, tasks: Numbers, fits: Callable[[int], bool]) -> Iterator[Numbers]:
        """Sets of tasks that are linked to each other, however indirectly, and to no other; by their first task.

        Args:
            tasks: all that may be linked, rising.
            fits: whether a set of so many rows is of use; where it is not, nor is a larger one, now or later. Such sets are
                not gone into further, and not given.
        """
        joined = _Joined(self._tasks.sizes)
        explored = np.zeros(len(self._tasks), dtype=bool)
        given: set[int] = set()
        with self._close(tasks) as requests:
            start, count = 0, _FIRST_EXPLORED
            while start < len(tasks):
                portion = tasks[start : start + count]
                start, count = start + count, 2 * count
                self._explore(portion, requests, joined, explored, fits)
                for root in map(joined.root, portion.tolist()):
                    if root not in given and fits(joined.size(root)):
                        given.add(root)
                        yield np.sort(joined.members(root))

    def _explore(
        self, tasks: Numbers, requests: Close, joined: "_Joined", explored: Mask, fits: Callable[[int], bool]
    ) -> None:
        """Join tasks with all that they are linked to, as far as that fits."""

        def fitting(asked: Numbers) -> Numbers:
            return np.array([task for task in asked.tolist() if fits(joined.size(joined.root(task)))], dtype=np.int64)

        asked = fitting(tasks[~explored[tasks]])
        while len(asked):
            explored[asked] = True
            reached = [asked]
            for near in self._measures(requests):
                for portion in self._portions(len(asked)):
                    some, others = near(asked, portion)
                    joined.join(some, others)
                    reached.append(others)
                    asked = fitting(asked)
            met = distinct(np.concatenate(reached))
            asked = fitting(met[~explored[met]])

    def _close(self, tasks: Numbers) -> AbstractContextManager[Close]:
        among = _requests(self._tasks.of(tasks))
        return close_requests(self._tasks.requests, self._thresholds, self._execution, among)

    def _measures(self, requests: Close) -> list[Near]:
        measures: list[Near] = [partial(self._near, requests)] if self._thresholds.least < 1 else []
        return measures if self._also is None else [*measures, self._also]

    def _portions(self, asked: int) -> Iterator[Numbers]:
        """All tasks in portions for so many that are asked about."""
        start, stop = 0, 1 + _FIRST_PAIRS // max(asked, 1)
        while start < len(self._tasks):
            yield np.arange(start, min(stop, len(self._tasks)))
            start, stop = stop, _MORE * stop

    def _near(self, close: Close, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """`Near` by requests. Of those that hold one the first stands for all, so that some pairs are left to others."""
        mine, theirs = self._tasks.of(some), self._tasks.of(others)
        own, opposite = _requests(mine), _requests(theirs)
        edges = close.edges(own, opposite)
        same = np.intersect1d(own, opposite, assume_unique=True)
        both = pl.DataFrame({"a": np.append(edges.some, same), "b": np.append(edges.others, same)})
        found = [
            both.join(left, left_on="a", right_on="request").join(right, left_on="b", right_on="request", suffix="_b")
            for left, right in ((mine, _first(theirs)), (_first(mine), theirs))
        ]
        pairs = pl.concat(found).filter(pl.col("task") != pl.col("task_b"))
        return pairs["task"].to_numpy(), pairs["task_b"].to_numpy()


def _requests(holders: pl.DataFrame) -> Numbers:
    return distinct(holders["request"].to_numpy())


def _first(holders: pl.DataFrame) -> pl.DataFrame:
    return holders.group_by("request").agg(pl.col("task").min())


class _Joined:
    """Disjoint sets of numbers, each with the sum of its numbers' weights."""

    def __init__(self, weights: Numbers) -> None:
        self._parents = list(range(len(weights)))
        self._sizes: list[int] = weights.tolist()
        self._members: dict[int, list[int]] = {}

    def root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def size(self, root: int) -> int:
        return self._sizes[root]

    def members(self, root: int) -> list[int]:
        return self._members.get(root, [root])

    def join(self, some: Numbers, others: Numbers) -> None:
        for a, b in zip(some.tolist(), others.tolist(), strict=True):
            small, large = sorted((self.root(a), self.root(b)), key=lambda root: len(self.members(root)))
            if small != large:
                self._parents[small] = large
                self._sizes[large] += self._sizes[small]
                self._members.setdefault(large, [large]).extend(self._members.pop(small, [small]))
