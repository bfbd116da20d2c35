"""Rows that ask for what a kept row asks for, in other words: the scan of `novelty` again, by how likely two requests are paraphrases.

    "Give me 5 tips on how to sleep better."   0.92   "List five tips for better sleep."   → goes
    "Write a poem about the moon."             0.01   "Write a poem about the sea."        → stays: sea / moon

A search by vectors proposes the nearest kept rows, `paraphrase` decides. Up to `_EXACT_ROWS` rows each meets all kept ones;
beyond, the search looks into the nearest of many cells (faiss: an inverted file), so that no step grows with the square of the
rows. Vectors are whole numbers and so are the cells' centres: every product is exact, and threads change nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Meaning
from builder.curation.paraphrase import Paraphrases, background_of, is_cjk
from builder.encoders import Codes, cosines, paired_cosines, quantise
from builder.errors import UsageError
from builder.language.messages import worded

Places = npt.NDArray[np.int64]

_ROWS_AT_ONCE = 1_024
_OTHERS_AT_ONCE = 65_536
_EVIDENCE_CHARACTERS = 120
# The nearest kept rows that a row is held against.
_NEAREST = 8
_EXACT_ROWS = 50_000
# As many cells as four times the root of the rows, at most; and of them those that are searched: see benchmarks/neighbours.py.
_MOST_CELLS, _CELLS_SEARCHED, _TRAINED_ON_EACH, _ROUNDS = 4_096, 32, 32, 8

_SCHEMA = {
    "row": pl.Int64,
    "reason": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
    "of": pl.Int64,
    "evidence": pl.String,
}


def near_rows(
    codes: Codes, texts: pl.Series, threshold: float, settings: Meaning, *, pictures: pl.Series | None = None
) -> Callable[[Places, Places], tuple[Places, Places]]:
    """A measure for the split: which of some rows are closer than a threshold to which of others.

    Args:
        codes: the vectors of all rows.
        texts: theirs.
        threshold: pairs of a higher cosine, above the encoder's background, are close; what tells two requests apart is not
            asked, since parting them hurts nothing.
        settings: the encoder.
        pictures: a hash of each row's, null where it has none; rows with others are never close. None where no row has any.

    Returns:
        From two arrays of places to two arrays of equal length, of the close pairs.
    """
    measure = Paraphrases(settings.encoder, background_of(settings.encoder, texts, codes))
    cjk = is_cjk(texts)
    least = np.array([measure.cosine_at(threshold, "word"), measure.cosine_at(threshold, "cjk")])
    seen = np.zeros(len(texts), np.int64) if pictures is None else pictures.rank("dense").fill_null(0).to_numpy()

    def near(some: Places, others: Places) -> tuple[Places, Places]:
        found: list[tuple[Places, Places]] = [(some[:0], others[:0])]
        for first in range(0, len(others), _OTHERS_AT_ONCE):
            theirs = others[first : first + _OTHERS_AT_ONCE]
            for start in range(0, len(some), _ROWS_AT_ONCE):
                mine = some[start : start + _ROWS_AT_ONCE]
                needed = least[(cjk[mine][:, None] | cjk[theirs][None, :]).astype(np.int8)]
                close = cosines(codes[mine], codes[theirs]) > needed
                one, other = np.nonzero(close & (seen[mine][:, None] == seen[theirs][None, :]))
                found.append((mine[one], theirs[other]))
        mine_close, others_close = zip(*found, strict=True)
        return np.concatenate(mine_close), np.concatenate(others_close)

    return near


@dataclass(frozen=True, slots=True)
class _Row:
    row: int
    text: str
    family: str
    exempt: bool
    pictures: bytes | None


def same_meaning(rows: pl.DataFrame, codes: Codes, settings: Meaning, measure: Paraphrases) -> pl.DataFrame:
    """The rows that ask for what a kept one asks for.

    Rows of one family and rows with other pictures never decide about each other, and exempt rows stay. A row goes for the kept
    row before it that it most likely paraphrases, of the eight nearest by their vectors; the lowest number among equals.

    Args:
        rows: row, novelty_text, family, exempt and picture_key, in preference order.
        codes: the rows' vectors, in the same order (`builder.encoders.quantise`).
        settings: the least probability, and the encoder, which the evidence names.
        measure: for that encoder.

    Returns:
        row, reason `same_meaning`, value (the probability), threshold, of and evidence, in preference order.

    Raises:
        UsageError: faiss is not installed.
    """
    listed = [_Row(*row) for row in rows.select("row", "novelty_text", "family", "exempt", "picture_key").iter_rows()]
    threshold = settings.threshold
    survivors = Survivors(codes, measure.least_cosine(threshold))
    dropped: list[tuple[int, str, float, float, int, str]] = []
    for start in range(0, len(listed), _ROWS_AT_ONCE):
        block = range(start, min(start + _ROWS_AT_ONCE, len(listed)))
        kept: list[int] = []
        for place, near in zip(block, survivors.near(block), strict=True):
            match = None if listed[place].exempt else _match(place, near, set(kept), start, listed, measure, threshold)
            if match is None:
                kept.append(place)
            else:
                value, cosine, other = match
                beginning = " ".join(listed[other].text.split())[:_EVIDENCE_CHARACTERS]
                evidence = f"{settings.encoder} {cosine:.2f}: {beginning}"
                dropped.append((listed[place].row, "same_meaning", value, threshold, listed[other].row, evidence))
        survivors.add(kept)
    return pl.DataFrame(dropped, schema=_SCHEMA, orient="row")


def _match(
    place: int,
    near: Sequence[tuple[float, int]],
    kept: set[int],
    start: int,
    rows: Sequence[_Row],
    measure: Paraphrases,
    threshold: float,
) -> tuple[float, float, int] | None:
    """The probability, the cosine and the place of the row that decides, or None.

    Args:
        near: cosines and places of the nearest: of survivors, and of any earlier row from `start` on.
        kept: the survivors from `start` on.
    """
    mine = rows[place]
    open_to = [
        (-value, rows[other].row, other)
        for value, other in near
        if (other < start or other in kept)
        and rows[other].family != mine.family
        and rows[other].pictures == mine.pictures
    ]
    best: tuple[float, float, int, int] | None = None
    for value, row, other in sorted(open_to)[:_NEAREST]:
        likely = measure.probability(mine.text, rows[other].text, -value, needed=threshold)
        if likely >= threshold and (best is None or (-likely, value, row) < best[:3]):
            best = -likely, value, row, other
    return None if best is None else (-best[0], -best[1], best[3])


class Survivors:
    """The vectors of kept rows, searched by faiss: all of them, or cells of them where they are too many.

    Args:
        codes: of all rows.
        least: the cosine below which no row is near.
    """

    def __init__(self, codes: Codes, least: float) -> None:
        try:
            import faiss
        except ImportError:
            raise UsageError(
                worded("meaning.encoder: the search needs faiss, which is not installed"),
                worded("pip install 'seedbed[meaning]'"),
            ) from None
        self._codes, self._least = codes, least
        self._places = np.zeros(0, dtype=np.int64)
        dimensions = max(1, codes.shape[1])
        self._index: Any = faiss.IndexFlatIP(dimensions)
        if len(codes) > _EXACT_ROWS:
            cells = min(_MOST_CELLS, 1 << int(math.log2(4 * math.sqrt(len(codes)))))
            self._centres = self._index
            self._centres.add(_floats(_trained(codes, cells)))
            half = faiss.ScalarQuantizer.QT_fp16  # whole numbers still, so that products stay exact
            metric = faiss.METRIC_INNER_PRODUCT
            self._index = faiss.IndexIVFScalarQuantizer(self._centres, dimensions, cells, half, metric, False)
            self._index.is_trained = True
            self._index.nprobe = _CELLS_SEARCHED

    def add(self, places: Sequence[int]) -> None:
        """Rows that are kept."""
        if len(places):
            self._index.add(_floats(self._codes[places]))
            self._places = np.concatenate([self._places, np.array(places, dtype=np.int64)])

    def near(self, block: range) -> list[list[tuple[float, int]]]:
        """For each of a run of rows the cosines and places of the nearest survivors, and of earlier rows of the run."""
        mine = self._codes[block.start : block.stop]
        found: list[list[tuple[float, int]]] = [[] for _ in block]
        within = np.tril(cosines(mine, mine), -1)
        for some, other in np.argwhere(within >= self._least):
            found[some].append((float(within[some, other]), block.start + int(other)))
        for some, other, value in zip(*self.nearest(mine), strict=True):
            found[some].append((float(value), int(other)))
        return found

    def nearest(self, codes: Codes) -> tuple[Places, Places, npt.NDArray[np.float64]]:
        """Of some vectors their place, and the places and cosines of the nearest survivors, twice as many as are held against."""
        if not len(self._places):
            return self._places, self._places, np.zeros(0)
        _, hits = self._index.search(_floats(codes), 2 * _NEAREST)  # some may be of a row's own family
        some, place = np.nonzero(hits >= 0)
        others = self._places[hits[some, place]]
        values = paired_cosines(codes[some], self._codes[others])
        near = values >= self._least
        return some[near], others[near], values[near]


def _trained(codes: Codes, cells: int) -> Codes:
    """The centres of the cells: k-means of rows spread over all."""
    import faiss

    spread = np.unique(np.linspace(0, len(codes) - 1, cells * _TRAINED_ON_EACH).astype(np.int64))
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # sums in another order would give other centres
    try:
        means = faiss.Kmeans(
            codes.shape[1], cells, niter=_ROUNDS, seed=1, spherical=True, min_points_per_centroid=1,
            max_points_per_centroid=_TRAINED_ON_EACH,
        )  # fmt: skip
        means.train(_floats(codes[spread]))
        centres: Any = means.centroids
    finally:
        faiss.omp_set_num_threads(threads)
    return quantise(centres)


def _floats(codes: Codes) -> npt.NDArray[np.float32]:
    return codes.astype(np.float32)
