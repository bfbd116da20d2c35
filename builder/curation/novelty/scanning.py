"""The one scan, over columns: rows in preference order, each dropped if a kept one exceeds the threshold by ROUGE-L.

    tokens of all texts → signatures → pairs that share one → LCS of each pair → decisions, in order

Decisions are made for the first half of the rows; the second half then meets only what was kept of the first. So on in each
half, until its rows meet one another seldom enough. Thousands of texts of one template meet the few of them that are kept and
not one another, and where the halves end makes no difference to a decision.
"""

from collections import defaultdict
from contextlib import nullcontext

import numpy as np
import pyarrow as pa

from builder.config import Execution
from builder.curation.novelty.edges import NO_EDGES, Edges
from builder.curation.novelty.requests import Close, Requests, close_requests, requests_of
from builder.curation.novelty.token_sequences import Numbers, distinct, mask
from builder.text import Thresholds

DROPPED = pa.schema([("row", pa.int64()), ("of", pa.int64()), ("similarity", pa.float64())])

# Rows that are decided about together, at most; and how often they may meet for each of them. Each meeting costs about 70 ns,
# each half that is joined with another about a microsecond a row.
_ROWS_AT_ONCE = 65_536
_MEETINGS_OF_A_ROW = 20


def scan_columns(rows: pa.Table, thresholds: Thresholds, execution: Execution) -> pa.Table:
    """The rows that are not novel.

    The result depends on the rows, their order and the thresholds alone, wherever the work is done.

    Args:
        rows: row: int64, text: string, group: string, exempt: bool; in preference order. Rows of one group do not decide
            about each other; exempt rows are kept whatever they are close to, and decide about others. Where imported: bool
            and `REQUEST_COLUMNS` are there too (see `requests_of`), an imported row and another that something tells apart do not
            decide about each other either.
        thresholds: a row goes if a kept one before it exceeds that of their two texts.
        execution: the workers that tokenise, hold signatures and compare.

    Returns:
        row: int64, of: int64, similarity: float64; for each dropped row the kept row before it that is most similar, the
        lowest among equals. In preference order.
    """
    if thresholds.least >= 1 or not len(rows):
        return DROPPED.empty_table()
    requests, numbers = requests_of(rows, execution)
    with close_requests(requests, thresholds, execution) as near:
        return _Scan(rows, requests, numbers, thresholds).run(near)


class _Scan:
    """The rows, and what was decided so far.

    Args:
        rows, thresholds: as for `scan_columns`.
        requests: those of the rows.
        numbers: the number of each row's.
    """

    def __init__(self, rows: pa.Table, requests: Requests, numbers: Numbers, thresholds: Thresholds) -> None:
        self._numbers = numbers
        # Of which two equal ones exceed the threshold.
        self._repeated = requests.filled
        if max(thresholds.words, thresholds.characters) >= 1:
            needed = np.where(requests.in_characters(), thresholds.characters, thresholds.words)
            self._repeated = requests.filled & (needed < 1)
        self._rows = np.asarray(rows["row"]).astype(np.int64)
        self._groups = np.asarray(rows["group"].combine_chunks().dictionary_encode().indices).astype(np.int64)
        self._exempt = np.asarray(rows["exempt"])
        self._times = np.bincount(numbers, minlength=len(self._repeated))
        # Of each request the first kept row and its group, -1 for none; all where there are more.
        self._kept_row = np.full(len(self._repeated), -1)
        self._kept_group = np.full(len(self._repeated), -1)
        self._kept_more: dict[int, list[tuple[int, int]]] = {}
        self._dropped: list[tuple[int, int, float]] = []

    def run(self, near: Close) -> pa.Table:
        """Decide about all rows; gives the dropped ones."""
        self._decide(0, len(self._rows), NO_EDGES, near)
        columns = zip(*self._dropped, strict=True) if self._dropped else ((), (), ())
        arrays = [pa.array(column, kind) for column, kind in zip(columns, DROPPED.types, strict=True)]
        return pa.Table.from_arrays(arrays, schema=DROPPED)

    def _decide(self, start: int, stop: int, edges: Edges, every: Close) -> None:
        """Decide about a run of rows.

        Args:
            edges: from their requests to those kept before them.
            every: the neighbours of their requests, or of more.
        """
        numbers = distinct(self._numbers[start:stop])
        edges = edges.where(mask(numbers, len(self._repeated))[edges.some])
        with every.only(numbers) if len(numbers) < len(self._repeated) else nullcontext(every) as near:
            if stop - start <= _ROWS_AT_ONCE * near.parts:
                most = _MEETINGS_OF_A_ROW * (stop - start) if stop - start > 1 else 1 << 62
                found = near.edges_up_to(most, *self._divide(start, stop, edges))
                if found is not None:
                    self._judge_all(start, stop, Edges.joined([edges, found]))
                    return
            middle = (start + stop) // 2
            self._decide(start, middle, edges, near)
            later = distinct(self._numbers[middle:stop])
            edges = Edges.joined([edges, near.edges(later, self._kept_of(start, middle))])
            self._decide(middle, stop, edges, near)

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
        alone = ~mask(edges.some, len(self._repeated))[numbers] & (self._times[numbers] == 1)
        self._keep(np.flatnonzero(alone) + start)  # no other row's decision looks at them
        near: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for some, other, score in zip(edges.some.tolist(), edges.others.tolist(), edges.scores.tolist(), strict=True):
            near[some].append((other, score))
        for place in (np.flatnonzero(~alone) + start).tolist():
            number, group = int(self._numbers[place]), int(self._groups[place])
            best = None
            if not self._exempt[place]:
                same = [(number, 1.0)] if self._repeated[number] else []
                best = self._closest(same + near.get(number, []), group)
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
