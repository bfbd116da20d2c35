"""Which tasks have a text close to another task's: for the split, which must not part them.

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
from builder.curation.novelty.neighbours import Neighbours, neighbours
from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences, distinct, mask

# Given two sets of tasks: pairs of one of the first and one of the second that are close.
Near = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]

# Pairs of tasks in the first portion, which may all be close; and how many times as many tasks each further one has.
_FIRST_PAIRS, _MORE = 200_000, 3
_FIRST_EXPLORED = 256


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks by number, and their texts as token sequences.

    Attributes:
        sizes: how many rows each task has.
        holders: task, sequence: each task beside each of its texts that has tokens, once.
        sequences: all texts.
    """

    sizes: Numbers
    holders: pl.DataFrame
    sequences: TokenSequences

    def __len__(self) -> int:
        return len(self.sizes)

    def of(self, tasks: Numbers) -> pl.DataFrame:
        """The holders among some tasks."""
        return self.holders.filter(mask(tasks, len(self))[self.holders["task"].to_numpy()])


class Closeness:
    """Close tasks, by ROUGE-L and by what else measures it.

    Args:
        tasks: all of them.
        threshold: in (0, 1]; two are close if two of their texts exceed it by ROUGE-L F1. At 1 none are.
        also: another measure.
        memory_limit, workers, shards: as for `neighbours`.
    """

    def __init__(
        self,
        tasks: Tasks,
        threshold: float,
        *,
        also: Near | None,
        memory_limit: int | None,
        workers: int,
        shards: Execution | None,
    ) -> None:
        self._tasks, self._threshold, self._also = tasks, threshold, also
        self._memory_limit, self._workers, self._shards = memory_limit, workers, shards

    def linked(self, tasks: Numbers, others: Numbers | None = None) -> Numbers:
        """For each task one that it is close to; -1 where it is close to none.

        Args:
            others: those that it may be close to; None is all.
        """
        found = np.full(len(self._tasks), -1)
        among = np.arange(len(self._tasks)) if others is None else others
        with self._neighbours(tasks) as texts:
            for near in self._measures(texts):
                asked = tasks[found[tasks] < 0]
                for portion in self._portions(len(asked), among):
                    if not len(asked):
                        break
                    some, close = near(asked, portion)
                    falling = np.lexsort((close, some))[
                        ::-1
                    ]  # of several the lowest, in whatever order they were found
                    some, close = some[falling], close[falling]
                    found[close] = some
                    found[some] = close
                    asked = asked[found[asked] < 0]
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
        with self._neighbours(tasks) as texts:
            start, count = 0, _FIRST_EXPLORED
            while start < len(tasks):
                portion = tasks[start : start + count]
                start, count = start + count, 2 * count
                self._explore(portion, texts, joined, explored, fits)
                for root in map(joined.root, portion.tolist()):
                    if root not in given and fits(joined.size(root)):
                        given.add(root)
                        yield np.sort(joined.members(root))

    def _explore(
        self, tasks: Numbers, texts: Neighbours, joined: "_Joined", explored: Mask, fits: Callable[[int], bool]
    ) -> None:
        """Join tasks with all that they are linked to, as far as that fits."""

        def fitting(asked: Numbers) -> Numbers:
            return np.array([task for task in asked.tolist() if fits(joined.size(joined.root(task)))], dtype=np.int64)

        asked = fitting(tasks[~explored[tasks]])
        while len(asked):
            explored[asked] = True
            reached = [asked]
            for near in self._measures(texts):
                for portion in self._portions(len(asked), np.arange(len(self._tasks))):
                    some, others = near(asked, portion)
                    joined.join(some, others)
                    reached.append(others)
                    asked = fitting(asked)
            met = distinct(np.concatenate(reached))
            asked = fitting(met[~explored[met]])

    def _neighbours(self, tasks: Numbers) -> AbstractContextManager[Neighbours]:
        return neighbours(
            self._tasks.sequences,
            self._threshold,
            among=_texts(self._tasks.of(tasks)),
            memory_limit=self._memory_limit,
            spill=None,
            workers=self._workers,
            shards=self._shards,
        )

    def _measures(self, texts: Neighbours) -> list[Near]:
        measures: list[Near] = [partial(self._near, texts)] if self._threshold < 1 else []
        return measures if self._also is None else [*measures, self._also]

    @staticmethod
    def _portions(asked: int, among: Numbers) -> Iterator[Numbers]:
        """Tasks in portions for so many that are asked about."""
        start, stop = 0, 1 + _FIRST_PAIRS // max(asked, 1)
        while start < len(among):
            yield among[start:stop]
            start, stop = stop, _MORE * stop

    def _near(self, near: Neighbours, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """`Near` by ROUGE-L. Of those that hold a text the first stands for all, so that some pairs are left to others."""
        mine, theirs = self._tasks.of(some), self._tasks.of(others)
        texts, opposite = _texts(mine), _texts(theirs)
        edges = near.edges(texts, opposite)
        same = np.intersect1d(texts, opposite, assume_unique=True)
        close = pl.DataFrame({"a": np.append(edges.some, same), "b": np.append(edges.others, same)})
        found = [
            close.join(left, left_on="a", right_on="sequence").join(
                right, left_on="b", right_on="sequence", suffix="_b"
            )
            for left, right in ((mine, _first(theirs)), (_first(mine), theirs))
        ]
        pairs = pl.concat(found).filter(pl.col("task") != pl.col("task_b"))
        return pairs["task"].to_numpy(), pairs["task_b"].to_numpy()


def _texts(holders: pl.DataFrame) -> Numbers:
    return distinct(holders["sequence"].to_numpy())


def _first(holders: pl.DataFrame) -> pl.DataFrame:
    return holders.group_by("sequence").agg(pl.col("task").min())


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
