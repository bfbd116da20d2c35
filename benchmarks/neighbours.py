"""The search for rows of one meaning among many: python -m benchmarks.neighbours [--rows 100000] [--recall 1000]

Vectors like those of an encoder: 384 numbers in a few hundred topics, every tenth row near another one. Prints the time of the
whole stage with given vectors, its peak of memory, and of the neighbours that an exhaustive search finds the share that the
stage's search finds.
"""

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Meaning
from builder.curation.meaning import Survivors, same_meaning
from builder.curation.paraphrase import Paraphrases
from builder.encoders import Codes, paired_cosines, quantise

DIMENSIONS, _TOPICS, _DIRECTIONS, _AT_ONCE = 384, 400, 32, 50_000
# Lengths of what all vectors share and of what a topic shares is 3 and 1, beside which rows differ: as e5's vectors, they have cosines
# about 0.8 between topics, and from 0.85 to 0.97 within one.
_COMMON, _WITHIN, _NOISE, _TWIN = 3.0, 1.0, 0.3, 0.2


def make_vectors(rows: int, seed: int = 0) -> Codes:
    """Rows around topics that share a direction; every tenth is another row with a little noise."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(DIMENSIONS)
    topics = _COMMON * common / np.linalg.norm(common) + _unit_noise(rng, _TOPICS)
    directions = _unit_noise(rng, _DIRECTIONS) / np.sqrt(_DIRECTIONS)
    codes = np.zeros((rows, DIMENSIONS), dtype=np.int16)
    for start in range(0, rows, _AT_ONCE):
        size = min(_AT_ONCE, rows - start)
        within = rng.standard_normal((size, _DIRECTIONS)) @ directions
        vectors = topics[rng.integers(0, _TOPICS, size)] + _WITHIN * within + _NOISE * _unit_noise(rng, size)
        codes[start : start + size] = quantise(vectors)
    twins = np.arange(9, rows, 10)
    of = (rng.random(len(twins)) * twins).astype(np.int64)
    for start in range(0, len(twins), _AT_ONCE):
        mine, theirs = twins[start : start + _AT_ONCE], of[start : start + _AT_ONCE]
        codes[mine] = quantise(codes[theirs] / 4_000.0 + _TWIN * _unit_noise(rng, len(mine)))
    return codes


def _unit_noise(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    noise: npt.NDArray[np.float64] = rng.standard_normal((size, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    return noise


def make_texts(rows: int, seed: int = 0) -> list[str]:
    """Requests of six of two thousand words each."""
    rng = np.random.default_rng(seed)
    words = np.array([f"{first}{last}" for first in _SYLLABLES for last in _SYLLABLES])
    return [" ".join(chosen) for chosen in words[rng.integers(0, len(words), (rows, 6))].tolist()]


_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("an", "el", "or")] + ["ix", "um"]


def recall(codes: Codes, asked: int, least: float) -> tuple[float, int]:
    """Of the neighbours of some rows among all that an exhaustive search finds, eight each at most, the share found."""
    import faiss

    survivors = Survivors(codes, least)
    for start in range(0, len(codes), _AT_ONCE):
        survivors.add(range(start, min(start + _AT_ONCE, len(codes))))
    chosen = np.unique(np.linspace(0, len(codes) - 1, asked).astype(np.int64))
    exhaustive: set[tuple[int, int]] = set()
    _, hits = faiss.knn(
        codes[chosen].astype(np.float32), codes.astype(np.float32), 9, metric=faiss.METRIC_INNER_PRODUCT
    )
    for row, near in zip(chosen.tolist(), hits, strict=True):
        others = near[near != row][:8]
        values = paired_cosines(np.repeat(codes[row : row + 1], len(others), axis=0), codes[others])
        exhaustive |= {(row, int(other)) for other in others[values >= least]}
    found = survivors.nearest(codes[chosen])
    proposed = {(int(chosen[some]), int(other)) for some, other, _ in zip(*found, strict=True)}
    return len(exhaustive & proposed) / max(1, len(exhaustive)), len(exhaustive)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument(
        "--recall", type=int, default=1_000, metavar="ROWS", help="rows whose neighbours are searched twice"
    )
    given = parser.parse_args(arguments)
    codes, texts = make_vectors(given.rows), make_texts(given.rows)
    rows = pl.DataFrame(
        {
            "row": range(given.rows),
            "novelty_text": texts,
            "family": [f"t{row}" for row in range(given.rows)],
            "exempt": False,
            "picture_key": None,
        }
    )
    measure = Paraphrases("e5")
    least = measure.least_cosine(Meaning().threshold)
    began, cpu = time.perf_counter(), time.process_time()
    dropped = same_meaning(rows, codes, Meaning(encoder="e5"), measure)
    took, worked = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{given.rows:,} rows: {took:.0f} s, {worked:.0f} s of CPU, peak {peak:.1f} GB, {len(dropped):,} dropped")
    share, pairs = recall(codes, given.recall, least)
    print(f"recall of {pairs:,} neighbours at a cosine of {least:.3f} or more: {share:.4f}")


if __name__ == "__main__":
    main()
