"""The one scan, over columns: rows in preference order, each dropped if a kept one exceeds the threshold by ROUGE-L.

    tokens of all texts → signatures → pairs that share one → LCS of each pair → decisions, in order

Decisions are made for the first half of the rows; the second half then meets only what was kept of the first. So on in each
half, until its rows meet one another seldom enough. Thousands of texts of one template meet the few of them that are kept and
not one another, and where the halves end makes no difference to a decision.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from builder.config import Execution
from builder.curation.novelty.edges import NO_EDGES, Edges
from builder.curation.novelty.neighbours import Neighbours
from builder.curation.novelty.requests import close_requests, requests_of
from builder.curation.novelty.token_sequences import Numbers, Tokenised, distinct, mask

DROPPED = pa.schema([("row", pa.int64()), ("of", pa.int64()), ("similarity", pa.float64())])

# Rows that are decided about together, at most; and how often they may meet for each of them. Each meeting costs about 70 ns,
# each half that is joined with another about a microsecond a row.
_ROWS_AT_ONCE = 65_536
_MEETINGS_OF_A_ROW = 20


def scan_columns(
    rows: pa.Table,
    threshold: float,
    *,
    kept: pa.Table | None = None,
    tokens: Tokenised | None = None,
    memory_limit: int | None = None,
    spill: Path | None = None,
    workers: int = 1,
    shards: Execution | None = None,
) -> pa.Table:
    """The rows that are not novel.

    The result depends on the rows, their order and the threshold alone, wherever the work is done.

    Args:
        rows: row: int64, text: string, group: string, exempt: bool; in preference order. Rows of one group do not decide
            about each other; exempt rows are kept whatever they are close to, and decide about others. Where imported: bool
            and request: binary are there too (see `requests_of`), an imported row and another that something tells apart do not
            decide about each other either.
        threshold: in (0, 1]; a row goes if a kept one before it has ROUGE-L F1 > threshold. At 1 none goes.
        kept: the same columns but exempt; rows that an earlier scan kept and that all come before `rows`, for a scan of added rows
            that gives what one scan of all would. Where an added row comes before an earlier one, scan all.
        tokens: of the texts of `kept` and then of `rows`, where they are there.
        memory_limit: bytes; signatures that take more than half of it go to files.
        spill: a folder for these files; None is that of temporary files.
        workers: threads.
        shards: the workers that tokenise, hold signatures and compare, each a part; None is this process.

    Returns:
        row: int64, of: int64, similarity: float64; for each dropped row the kept row before it that is most similar, the
        lowest among equals. In preference order.
    """
    if threshold >= 1 or not len(rows):
        return DROPPED.empty_table()
    scan = _Scan(rows, kept, tokens, workers, shards)
    with close_requests(
        scan.requests,
        threshold,
        among=scan.judged,
        memory_limit=memory_limit,
        spill=spill,
        workers=workers,
        shards=shards,
    ) as near:
        return scan.run(near)


class _Scan:
    """The rows, and what was decided so far.

    Attributes:
        requests: of all rows.
        judged: the requests of the rows that are judged; None is all.
    """

    def __init__(
        self, rows: pa.Table, kept: pa.Table | None, tokens: Tokenised | None, workers: int, shards: Execution | None
    ) -> None:
        every = rows.drop_columns("exempt")
        self._start = 0 if kept is None else len(kept)
        if kept is not None:
            every = pa.concat_tables([kept.select(every.column_names), every])
        self.requests, self._numbers = requests_of(every, tokens, workers, shards)
        self.judged = None if kept is None else distinct(self._numbers[self._start :])
        self._sizes = self.requests.sequences.sizes
        self._rows = np.asarray(every["row"]).astype(np.int64)
        self._groups = np.asarray(every["group"].combine_chunks().dictionary_encode().indices).astype(np.int64)
        self._exempt = np.append(np.zeros(self._start, dtype=bool), np.asarray(rows["exempt"]))
        self._times = np.bincount(self._numbers, minlength=len(self._sizes))
        # Of each request the first kept row and its group, -1 for none; all where there are more.
        self._kept_row = np.full(len(self._sizes), -1)
        self._kept_group = np.full(len(self._sizes), -1)
        self._kept_more: dict[int, list[tuple[int, int]]] = {}
        self._dropped: list[tuple[int, int, float]] = []

    def run(self, near: Neighbours) -> pa.Table:
        """Decide about all rows; gives the dropped ones."""
        edges = NO_EDGES
        if self.judged is not None:
            self._keep(np.arange(self._start))
            edges = near.edges(self.judged, self._kept_of(0, self._start))
        self._decide(self._start, len(self._rows), edges, near)
        columns = zip(*self._dropped, strict=True) if self._dropped else ((), (), ())
        arrays = [pa.array(column, kind) for column, kind in zip(columns, DROPPED.types, strict=True)]
        return pa.Table.from_arrays(arrays, schema=DROPPED)

    def _decide(self, start: int, stop: int, edges: Edges, near: Neighbours) -> None:
        """Decide about a run of rows.

        Args:
            edges: from their sequences to those kept before them.
            near: to be asked about their sequences.
        """
        numbers = distinct(self._numbers[start:stop])
        if len(numbers) < len(self._sizes):
            near = near.only(numbers)
        edges = edges.of(mask(numbers, len(self._sizes)))
        if stop - start <= _ROWS_AT_ONCE * near.parts:
            most = _MEETINGS_OF_A_ROW * (stop - start) if stop - start > 1 else 1 << 62
            found = near.edges_up_to(most, *self._divide(start, stop, edges))
            if found is not None:
                self._judge_all(start, stop, edges + found)
                return
        middle = (start + stop) // 2
        self._decide(start, middle, edges, near)
        later = distinct(self._numbers[middle:stop])
        self._decide(middle, stop, edges + near.edges(later, self._kept_of(start, middle)), near)

    def _kept_of(self, start: int, stop: int) -> Numbers:
        """The sequences that were kept of a run of rows."""
        numbers = distinct(self._numbers[start:stop])
        return numbers[self._kept_row[numbers] >= 0]

    def _divide(self, start: int, stop: int, edges: Edges) -> tuple[Numbers, Numbers]:
        """The sequences of a run of rows: those that may still be kept, and those that earlier rows drop for sure."""
        numbers, place = np.unique(self._numbers[start:stop], return_inverse=True)
        # A row goes if any sequence that its own is close to was kept in another group than the row's.
        owner, several = np.full(len(numbers), -1), np.zeros(len(numbers), dtype=bool)
        kept = self._kept_row[edges.others] >= 0
        close, owners = np.searchsorted(numbers, edges.some[kept]), self._kept_group[edges.others[kept]]
        owner[close] = owners
        several[close[owner[close] != owners]] = True
        dropped = (owner[place] >= 0) & ((owner[place] != self._groups[start:stop]) | several[place])
        open_ = mask(place[~dropped | self._exempt[start:stop]], len(numbers))
        return numbers[open_], numbers[~open_]

    def _judge_all(self, start: int, stop: int, edges: Edges) -> None:
        numbers = self._numbers[start:stop]
        alone = ~mask(edges.some, len(self._sizes))[numbers] & (self._times[numbers] == 1)
        self._keep(np.flatnonzero(alone) + start)  # no other row's decision looks at them
        near: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for some, other, score in zip(edges.some.tolist(), edges.others.tolist(), edges.scores.tolist(), strict=True):
            near[some].append((other, score))
        for place in (np.flatnonzero(~alone) + start).tolist():
            number, group = int(self._numbers[place]), int(self._groups[place])
            best = None
            if not self._exempt[place] and self._sizes[number]:
                best = self._closest([(number, 1.0), *near.get(number, ())], group)
            if best is None:
                self._keep_one(place)
            else:
                self._dropped.append((int(self._rows[place]), *best))

    def _closest(self, near: list[tuple[int, float]], group: int) -> tuple[int, float] | None:
        """The kept row of another group that is closest, the lowest among equals, and its score."""
        best: tuple[float, int] | None = None
        for number, score in near:
            row, owner = int(self._kept_row[number]), int(self._kept_group[number])
            for kept, whose in self._kept_more.get(number, ((row, owner),) if row >= 0 else ()):
                if whose != group and (best is None or (score, -kept) > best):
                    best = score, -kept
        return None if best is None else (-best[1], best[0])

    def _keep(self, places: Numbers) -> None:
        once = self._times[self._numbers[places]] == 1
        self._kept_row[self._numbers[places[once]]] = self._rows[places[once]]
        self._kept_group[self._numbers[places[once]]] = self._groups[places[once]]
        for place in places[~once].tolist():
            self._keep_one(place)

    def _keep_one(self, place: int) -> None:
        number, row, group = int(self._numbers[place]), int(self._rows[place]), int(self._groups[place])
        first = int(self._kept_row[number])
        if first < 0:
            self._kept_row[number], self._kept_group[number] = row, group
        else:
            self._kept_more.setdefault(number, [(first, int(self._kept_group[number]))]).append((row, group))
