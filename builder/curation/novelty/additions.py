"""The one scan, gone on with: rows joined those that an earlier scan decided about, or left them, wherever in the order.

Open are the rows that it did not judge, and those that a row dropped which is there no more. An open row that is kept drops
kept rows after it; what these had dropped is judged again, and may be kept and drop others in turn. So the rows that can change
are judged in order with the edges that are known; those judged without an edge that they need get it, and all are judged again.
When none lacks any, the decisions are those of one scan of all.
"""

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from builder.config import Execution
from builder.curation.novelty.edges import Edges
from builder.curation.novelty.neighbours import Neighbours
from builder.curation.novelty.requests import Requests, close_requests, requests_of
from builder.curation.novelty.scanning import DROPPED, scan_columns
from builder.curation.novelty.token_sequences import (
    Mask,
    Numbers,
    Tokenised,
    distinct,
    mask,
    token_sequences,
)
from builder.curation.records import packed, unpacked

SCAN = b"seedbed.scan"

# Of a scan's rules: a scan under other ones is no beginning for this one.
_VERSION = 3
# Beyond these all rows are scanned at once: a share of open rows, from which on little is saved (5 % added to 400,000 rows
# take 11 s instead of 13 s); so many indices, each an eighth of a scan; meetings of a row, which take half of a scan at most.
_LARGEST_SHARE = 0.05
_MOST_INDICES = 8
_MEETINGS_OF_A_ROW = 30


@dataclass(frozen=True, slots=True)
class EarlierScan:
    """What an earlier scan decided.

    Attributes:
        judged: the rows that it judged, as for `scan_columns`.
        dropped: row, of, similarity, as `scan_columns` gives them, in any order.
        digest: `scan_digest` of these rows and decisions; another one means that it was of other rows.
    """

    judged: pa.Table
    dropped: pa.Table
    digest: str

    @classmethod
    def of_verdicts(cls, verdicts: pa.Table, rows: pa.Table) -> "EarlierScan | None":
        """The scan that verdicts came of; None where they do not tell.

        Args:
            verdicts: row, reason, of and checks, with the schema's metadata, in row order.
            rows: all rows, judged or not, as for `scan_columns` now.
        """
        record = unpacked((verdicts.schema.metadata or {}).get(SCAN))
        if record is None:
            return None
        digest, bits = record[0], np.frombuffer(record[1], dtype=np.uint8)
        if len(bits) != -(-len(verdicts) // 8):
            return None
        judged = np.asarray(verdicts["row"])[np.unpackbits(bits, count=len(verdicts)).astype(bool)]
        gone = verdicts.filter(pc.equal(verdicts["reason"], "too_similar"))
        checks = gone["checks"].combine_chunks()
        similarity = (
            checks.flatten().field("value").take(checks.offsets[:-1]) if len(gone) else pa.array([], pa.float64())
        )
        dropped = pa.Table.from_arrays([gone["row"], gone["of"], similarity], schema=DROPPED)
        return cls(rows.filter(pa.array(_among(np.asarray(rows["row"]), judged))), dropped, digest)


def scan_record(rows: pa.Table, threshold: float, dropped: pa.Table, numbers: Numbers) -> bytes:
    """What `EarlierScan.of_verdicts` needs beside verdicts.

    Args:
        rows, threshold, dropped: as for `scan_digest`.
        numbers: of all rows, judged or not, rising.
    """
    bits = np.packbits(mask(np.searchsorted(numbers, np.asarray(rows["row"])), len(numbers))).tobytes()
    return packed(scan_digest(rows, threshold, dropped), bits)


def scan_digest(rows: pa.Table, threshold: float, dropped: pa.Table) -> str:
    """A hash of what a scan judged, in its order, and of what it decided.

    Args:
        rows, threshold: as for `scan_columns`.
        dropped: its result.
    """
    # Polars hashes alike within one version.
    found = hashlib.sha256(repr((_VERSION, pl.__version__, threshold, len(rows), len(dropped))).encode())
    by_row = dropped.sort_by("row")
    for column in (rows["row"], by_row["row"], by_row["of"], by_row["similarity"]):
        found.update(np.asarray(column).tobytes())
    for name in rows.column_names:
        if name != "row":
            found.update(pl.Series(rows[name]).hash().to_numpy().tobytes())
    return found.hexdigest()


def scan_on(
    rows: pa.Table,
    threshold: float,
    earlier: EarlierScan | None,
    *,
    tokens: Callable[[], Tokenised] | None = None,
    memory_limit: int | None = None,
    spill: Path | None = None,
    workers: int = 1,
    shards: Execution | None = None,
) -> pa.Table:
    """What `scan_columns` gives, from an earlier scan where that judged most of these rows alike and in this order.

    Where it did not, or where too much would have to be judged again, all rows are scanned.

    Args:
        rows, threshold, memory_limit, spill, workers, shards: as for `scan_columns`; what is open is judged in this process.
        earlier: None scans all.
        tokens: gives those of the texts; None makes them.
    """
    if threshold >= 1:
        return DROPPED.empty_table()
    stands = None if earlier is None else _what_stands(rows, threshold, earlier)
    if stands is not None and not len(stands.open):
        places = pc.index_in(stands.dropped["row"], rows["row"])
        return stands.dropped.take(pc.sort_indices(places))
    tokenised = token_sequences(rows["text"], workers, shards) if tokens is None else tokens()
    if stands is not None and len(stands.open) <= _LARGEST_SHARE * len(rows):
        with contextlib.ExitStack() as stack:

            def index(requests: Requests, among: Numbers) -> Neighbours:
                opened = close_requests(
                    requests,
                    threshold,
                    among=among,
                    memory_limit=memory_limit,
                    spill=spill,
                    workers=workers,
                    shards=None,
                )
                return stack.enter_context(opened)

            found = _Additions(rows, stands, index, requests_of(rows, tokenised, workers, None)).run()
        if found is not None:
            return found
    return scan_columns(
        rows,
        threshold,
        tokens=tokenised,
        memory_limit=memory_limit,
        spill=spill,
        workers=workers,
        shards=shards,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """What of an earlier scan holds for the rows now.

    Attributes:
        dropped: row, of, similarity, both rows being there.
        open: the places of the other rows that it did not keep.
    """

    dropped: pa.Table
    open: Numbers


def _what_stands(rows: pa.Table, threshold: float, earlier: EarlierScan) -> _Standing | None:
    """None where nothing does: it was another scan, or the rows that are still there have another order, text or group."""
    if scan_digest(earlier.judged, threshold, earlier.dropped) != earlier.digest:
        return None
    now, before = np.asarray(rows["row"]), np.asarray(earlier.judged["row"])
    judged = _among(now, before)
    if not rows.filter(pa.array(judged)).equals(earlier.judged.filter(pa.array(_among(before, now)))):
        return None
    dropped, of = np.asarray(earlier.dropped["row"]), np.asarray(earlier.dropped["of"])
    stands = _among(dropped, now) & _among(of, now)
    open_now = ~judged | _among(now, dropped[~stands])
    return _Standing(earlier.dropped.filter(pa.array(stands)), np.flatnonzero(open_now))


def _among(numbers: Numbers, others: Numbers) -> Mask:
    """Which of some row numbers are among others; by a table, since row numbers are dense."""
    return np.isin(numbers, others, kind="table")


class _Additions:
    """The rows by their place in the order, what was decided earlier, and the edges that are known.

    An edge is known from both its requests. Of a request all edges are known (`whole`), or those to requests that the
    earlier scan kept a row of (`asked`), or those that others' edges tell.

    Args:
        rows: as for `scan_columns`.
        earlier: what stands.
        index: gives the neighbours of some of the requests.
        compared: the requests, and the number of each row's.
    """

    def __init__(
        self,
        rows: pa.Table,
        earlier: _Standing,
        index: Callable[[Requests, Numbers], Neighbours],
        compared: tuple[Requests, Numbers],
    ) -> None:
        self._index = index
        self._requests, self._numbers = compared
        self._rows = np.asarray(rows["row"]).astype(np.int64)
        self._groups = np.asarray(rows["group"].combine_chunks().dictionary_encode().indices).astype(np.int64)
        self._exempt = np.asarray(rows["exempt"])
        self._filled = self._requests.sequences.sizes > 0
        # The places of each sequence's rows, rising: from `starts` of its number on, in `members`.
        self._members = np.argsort(self._numbers, kind="stable")
        self._starts = np.append(0, np.cumsum(np.bincount(self._numbers, minlength=len(self._filled))))
        self._open = mask(earlier.open, len(self._rows))
        self._earlier = self._earlier_closest(earlier.dropped)
        self._kept_before = ~self._open
        self._kept_before[list(self._earlier)] = False
        self._dropped_by: dict[int, list[int]] = defaultdict(list)
        for place, (_, of) in self._earlier.items():
            self._dropped_by[of].append(place)
        self._near: dict[int, dict[int, float]] = defaultdict(dict)
        self._indices: list[tuple[Mask, Neighbours]] = []
        self._asked = np.zeros(len(self._filled), dtype=bool)
        self._whole = np.zeros(len(self._filled), dtype=bool)

    def run(self) -> pa.Table | None:
        """The dropped ones of all rows; None where a scan of all is the shorter way."""
        lacking, spreading = set(self._with_tokens(np.flatnonzero(self._open))), set[int]()
        while True:
            if not (self._ask(lacking) and self._spread(spreading)):
                return None
            kept, closest, lacking, spreading = self._judge()
            if not lacking and not spreading:
                return self._table(kept, closest)

    def _earlier_closest(self, dropped: pa.Table) -> dict[int, tuple[float, int]]:
        """By the places of rows that were dropped: the similarity, and the place of the row that decided."""
        order = np.argsort(self._rows)
        places, of = (
            order[np.searchsorted(self._rows, np.asarray(dropped[name]), sorter=order)] for name in ("row", "of")
        )
        decided = zip(dropped["similarity"].to_pylist(), of.tolist(), strict=True)
        return dict(zip(places.tolist(), decided, strict=True))

    def _with_tokens(self, places: Numbers) -> list[int]:
        numbers = distinct(self._numbers[places])
        filled: list[int] = numbers[self._filled[numbers]].tolist()
        return filled

    def _ask(self, lacking: set[int]) -> bool:
        """Learn some sequences' edges to those that the earlier scan kept a row of; False where it is too often."""
        if not lacking:
            return True
        if len(self._indices) == _MOST_INDICES:
            return False
        numbers = np.array(sorted(lacking), dtype=np.int64)
        index = self._index(self._requests, numbers)
        self._indices.append((mask(numbers, len(self._filled)), index))
        self._learn(index.edges(numbers, distinct(self._numbers[self._kept_before])))
        self._asked[numbers] = True
        return True

    def _spread(self, spreading: set[int]) -> bool:
        """Learn all edges of some sequences that were asked for before; False where they meet too many."""
        most = _MEETINGS_OF_A_ROW * len(self._rows)
        for among, index in self._indices:
            numbers = np.array(
                sorted(number for number in spreading if among[number] and not self._whole[number]), np.int64
            )
            if not len(numbers):
                continue
            others = np.flatnonzero(~mask(numbers, len(self._filled)))
            edges = index.edges_up_to(most, numbers, others)
            if edges is None:
                return False
            self._learn(edges)
            self._whole[numbers] = True
        return True

    def _learn(self, edges: Edges) -> None:
        for some, other, score in zip(edges.some.tolist(), edges.others.tolist(), edges.scores.tolist(), strict=True):
            self._near[some][other] = score

    def _judge(self) -> tuple[Mask, dict[int, tuple[float, int]], set[int], set[int]]:
        """Judge in order the rows that can change, with the edges that are known.

        Returns:
            Whether each row is kept, the closest of each dropped one, sequences whose edges to kept rows are lacking, and
            sequences of rows that are kept now and were not, whose other edges are.
        """
        kept, closest = self._kept_before.copy(), dict(self._earlier)
        lacking, spreading = set[int](), set[int]()
        for place in self._open_places():
            number, old = int(self._numbers[place]), self._earlier.get(place)
            best = None
            if not self._exempt[place] and self._filled[number]:
                if old is not None and kept[old[1]]:
                    best = old[0], -int(self._rows[old[1]]), old[1]
                elif not self._asked[number] and not self._kept_before[place]:
                    lacking.add(number)
                best = self._closest(place, number, kept, best)
            kept[place] = best is None
            closest.pop(place, None)
            if best is not None:
                closest[place] = best[0], best[2]
                if self._kept_before[place]:
                    free = (int(self._numbers[row]) for row in self._dropped_by[place])
                    lacking.update(row for row in free if not self._asked[row])
            elif not self._kept_before[place] and self._asked[number] and not self._whole[number]:
                spreading.add(number)
        return kept, closest, lacking, spreading

    def _open_places(self) -> Iterable[int]:
        """The places of all rows that known edges, or rows of the same text, may decide about, rising."""
        near = np.fromiter(self._near, dtype=np.int64, count=len(self._near))
        numbers = mask(
            np.concatenate([near, np.flatnonzero(self._asked), self._numbers[self._open]]), len(self._filled)
        )
        places: list[int] = np.flatnonzero(numbers[self._numbers]).tolist()
        return places

    def _closest(
        self, place: int, number: int, kept: Mask, best: tuple[float, int, int] | None
    ) -> tuple[float, int, int] | None:
        """The kept row before a place, in another group, that is closest: score, row with its sign turned, place."""
        group = self._groups[place]
        for other, score in ((number, 1.0), *self._near.get(number, {}).items()):
            if best is not None and score < best[0]:
                continue
            for held in self._members[self._starts[other] : self._starts[other + 1]].tolist():
                if held >= place:
                    break
                if kept[held] and self._groups[held] != group:
                    found = score, -int(self._rows[held]), held
                    best = found if best is None else max(best, found)
        return best

    def _table(self, kept: Mask, closest: dict[int, tuple[float, int]]) -> pa.Table:
        places = np.flatnonzero(~kept)
        found = [closest[place] for place in places.tolist()]
        of = self._rows[np.array([place for _, place in found], dtype=np.int64)]
        columns = [pa.array(self._rows[places]), pa.array(of), pa.array([score for score, _ in found], pa.float64())]
        return pa.Table.from_arrays(columns, schema=DROPPED)
