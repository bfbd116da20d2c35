"""Rows that say what a kept row says, in other words: the scan of `novelty` again, by the cosine of vectors.

    "How do plants make food from sunlight?"   0.83   "Explain how plants make food from sunlight."   → goes
    "List five tips for better sleep."         0.91   "List ten tips for better sleep."               → stays: numbers differ

A search among the survivors proposes, an exact cosine and a second look at both texts decide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Meaning
from builder.curation.differences import telling_difference
from builder.encoders import Codes, cosines, norms, paired_cosines
from builder.errors import UsageError

Places = npt.NDArray[np.int64]

_ROWS_AT_ONCE = 1_024
_PAIRED_AT_ONCE = 256
_EVIDENCE_CHARACTERS = 120
# Up to so many survivors each row meets all of them; beyond, the search looks into the nearest of 1,024 cells.
_EXACT_ROWS = 200_000
_CELLS, _CELLS_SEARCHED, _TRAINED_ON = 1_024, 32, 65_536
# float32 gives unit vectors' cosines to within 1e-6; what comes so close to the threshold is scored again.
_MARGIN = 1e-4

_SCHEMA = {
    "row": pl.Int64,
    "reason": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
    "of": pl.Int64,
    "evidence": pl.String,
}


def near_rows(codes: Codes, threshold: float) -> Callable[[Places, Places], tuple[Places, Places]]:
    """A measure for the split: which of some rows are closer than a threshold to which of others.

    Args:
        codes: the vectors of all rows.
        threshold: pairs of a higher cosine are close; no second look is taken, since parting them hurts nothing.

    Returns:
        From two arrays of places to two arrays of equal length, of the close pairs.
    """

    def near(some: Places, others: Places) -> tuple[Places, Places]:
        found: list[tuple[Places, Places]] = [(some[:0], others[:0])]
        for start in range(0, len(some), _PAIRED_AT_ONCE):
            mine = some[start : start + _PAIRED_AT_ONCE]
            one, other = np.nonzero(cosines(codes[mine], codes[others]) > threshold)
            found.append((mine[one], others[other]))
        mine_close, others_close = zip(*found, strict=True)
        return np.concatenate(mine_close), np.concatenate(others_close)

    return near


@dataclass(frozen=True, slots=True)
class _Row:
    row: int
    text: str
    family: str
    exempt: bool


def same_meaning(rows: pl.DataFrame, codes: Codes, settings: Meaning) -> pl.DataFrame:
    """The rows that a kept one says already.

    Rows of one family never decide about each other, and exempt rows stay. A row goes for the kept row before it of the
    highest cosine, the lowest number among equals, that asks for nothing else as far as `telling_difference` sees.

    Args:
        rows: row, novelty_text, family and exempt, in preference order.
        codes: the rows' vectors, in the same order (`builder.encoders.quantise`).
        settings: the least cosine, and the encoder, which the evidence names.

    Returns:
        row, reason `same_meaning`, value (the cosine), threshold, of and evidence, in preference order.

    Raises:
        UsageError: faiss is not installed.
    """
    listed = [_Row(*row) for row in rows.select("row", "novelty_text", "family", "exempt").iter_rows()]
    threshold = settings.threshold
    survivors = _Survivors(codes, threshold)
    dropped: list[tuple[int, str, float, float, int, str]] = []
    for start in range(0, len(listed), _ROWS_AT_ONCE):
        block = range(start, min(start + _ROWS_AT_ONCE, len(listed)))
        kept: list[int] = []
        for place, near in zip(block, survivors.near(block), strict=True):
            match = None if listed[place].exempt else _match(place, near, set(kept), start, listed)
            if match is None:
                kept.append(place)
            else:
                value, other = match
                beginning = " ".join(listed[other].text.split())[:_EVIDENCE_CHARACTERS]
                line = (
                    listed[place].row,
                    "same_meaning",
                    value,
                    threshold,
                    listed[other].row,
                    f"{settings.encoder}: {beginning}",
                )
                dropped.append(line)
        survivors.add(kept)
    return pl.DataFrame(dropped, schema=_SCHEMA, orient="row")


def _match(
    place: int, near: Sequence[tuple[float, int]], kept: set[int], start: int, rows: Sequence[_Row]
) -> tuple[float, int] | None:
    """The cosine and the place of the row that decides, or None.

    Args:
        near: cosines and places that reach the threshold: of survivors, and of any earlier row from `start` on.
        kept: the survivors from `start` on.
    """
    mine = rows[place]
    open_to = [
        (value, other)
        for value, other in near
        if (other < start or other in kept) and rows[other].family != mine.family
    ]
    for value, other in sorted(open_to, key=lambda found: (-found[0], rows[found[1]].row)):
        if telling_difference(mine.text, rows[other].text) is None:
            return value, other
    return None


class _Survivors:
    """The vectors of kept rows, searched by faiss: all of them, or cells of them where they are too many."""

    def __init__(self, codes: Codes, threshold: float) -> None:
        try:
            import faiss
        except ImportError:
            raise UsageError(
                "meaning.encoder: the search needs faiss, which is not installed", "pip install 'seedbed[meaning]'"
            ) from None
        self._codes, self._threshold = codes, threshold
        self._places = np.zeros(0, dtype=np.int64)
        dimensions = max(1, codes.shape[1])
        self._index: Any = faiss.IndexFlatIP(dimensions)
        if len(codes) > _EXACT_ROWS:
            cells = faiss.IndexIVFFlat(self._index, dimensions, _CELLS, faiss.METRIC_INNER_PRODUCT)
            threads = faiss.omp_get_max_threads()
            faiss.omp_set_num_threads(1)  # sums in another order could put a row on the border into another cell
            spread = np.linspace(0, len(codes) - 1, min(_TRAINED_ON, len(codes))).astype(np.int64)
            cells.train(_unit(codes[spread]))
            faiss.omp_set_num_threads(threads)
            cells.nprobe = _CELLS_SEARCHED
            self._coarse, self._index = self._index, cells

    def add(self, places: Sequence[int]) -> None:
        if places:
            self._index.add(_unit(self._codes[list(places)]))
            self._places = np.concatenate([self._places, np.array(places, dtype=np.int64)])

    def near(self, block: range) -> list[list[tuple[float, int]]]:
        """For each of a run of rows the cosines and places that reach the threshold, among survivors and earlier rows of
        the run.
        """
        mine = self._codes[block.start : block.stop]
        found: list[list[tuple[float, int]]] = [[] for _ in block]
        within = np.tril(cosines(mine, mine), -1)
        for some, other in np.argwhere(within >= self._threshold):
            found[some].append((float(within[some, other]), block.start + int(other)))
        if len(self._places):
            limits, _, hits = self._index.range_search(_unit(mine), self._threshold - _MARGIN)
            some = np.repeat(np.arange(len(mine)), np.asarray(np.diff(limits), dtype=np.int64))
            others = self._places[hits]
            values = paired_cosines(mine[some], self._codes[others])
            for number in np.flatnonzero(values >= self._threshold):
                found[some[number]].append((float(values[number]), int(others[number])))
        return found


def _unit(codes: Codes) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = (codes / norms(codes)[:, None]).astype(np.float32)
    return unit
