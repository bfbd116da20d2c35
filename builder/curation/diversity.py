"""How varied a choice of rows is, beside a random choice of the same size from the same rows."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.encoders import Codes, character_codes, cosines
from builder.language.notes import Note
from builder.text import ngrams, tokenise

# Distances are those of so many rows drawn from each choice: the cost does not grow with the data, and equal numbers compare.
_SAMPLED = 2_000
_LEAST_NOTED = 20  # rows; of fewer, few categories say nothing
_FEW_CATEGORIES = 10
_AT_ONCE = 200
_COVERING = 20_000  # chosen rows that the rows of the pool look for their nearest among, where vectors are there


def measure_diversity(pool: pl.DataFrame, kept: pl.Series, codes: Codes | None, seed: int) -> dict[str, Any]:
    """Compare what was chosen with what chance would have chosen.

    Args:
        pool: the rows that passed every check before the choice: row, category, language, quality and novelty_text, in row
            order.
        kept: the rows chosen of them.
        codes: vectors of every row by its number; None encodes the texts that are drawn with `characters`.
        seed: of the draws.

    Returns:
        pool and chosen (rows), sampled (rows drawn of either), kept and random: each with `categories` (bits of entropy over
        category and language), `words` (bits over pairs of words), `distance` (mean of 1 − cosine to the nearest other row),
        `coverage` (mean cosine of any row of the pool to the nearest chosen one) and `quality` (mean of the choice). `random`
        is None where nothing was left out; all is None without rows.
    """
    chosen = pool.filter(pl.col("row").is_in(kept.implode()))
    size = min(len(chosen), _SAMPLED)
    figures: dict[str, Any] = {"pool": len(pool), "chosen": len(chosen), "sampled": size, "kept": None, "random": None}
    if not size:
        return figures
    rng = np.random.default_rng(seed)
    some = _draw(pool, min(len(pool), _SAMPLED), rng)
    vectors = _vectors(some, codes)
    figures["kept"] = _measure(chosen, size, vectors, codes, rng)
    if len(chosen) < len(pool):
        figures["random"] = _measure(_draw(pool, len(chosen), rng), size, vectors, codes, rng)
    return figures


def entropy(counts: Iterable[int]) -> float:
    """Bits of entropy of a distribution, given as how often each value was drawn; 0 of nothing."""
    drawn = np.array(list(counts), dtype=np.float64)
    shares = drawn / drawn.sum()
    return abs(float((shares * np.log2(shares)).sum()))


def _measure(
    choice: pl.DataFrame, size: int, pool: Codes, codes: Codes | None, rng: np.random.Generator
) -> dict[str, float]:
    drawn = _draw(choice, size, rng)
    vectors = _vectors(drawn, codes)
    covering = vectors if codes is None else codes[choice["row"].to_numpy()[:: -(-len(choice) // _COVERING)]]
    near = cosines(vectors, vectors)
    np.fill_diagonal(near, -1.0)
    starts = range(0, len(pool), _AT_ONCE)
    nearest = np.concatenate([cosines(pool[start : start + _AT_ONCE], covering).max(axis=1) for start in starts])
    figures = {
        "categories": entropy(choice.group_by("category", "language").len()["len"]),
        "words": entropy(
            Counter(pair for text in drawn["novelty_text"] for pair in ngrams(tokenise(text), 2)).values()
        ),
        "distance": 1.0 - float(near.max(axis=1).mean()) if size > 1 else 0.0,
        "coverage": float(nearest.mean()),
        "quality": float(np.mean(choice["quality"].to_numpy())),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _draw(rows: pl.DataFrame, size: int, rng: np.random.Generator) -> pl.DataFrame:
    if size == len(rows):
        return rows
    places: npt.NDArray[np.int64] = np.sort(rng.choice(len(rows), size, replace=False))
    return rows[places]


def _vectors(rows: pl.DataFrame, codes: Codes | None) -> Codes:
    if codes is not None:
        own: Codes = codes[rows["row"].to_numpy()]
        return own
    return character_codes(rows["novelty_text"].to_list())


def diversity_notes(kept: pl.DataFrame) -> list[Note]:
    """Warn where the kept rows are in few categories, or most of them in one.

    Args:
        kept: category, null or empty where a row has none.
    """
    counts = (
        kept.filter(pl.col("category") != "")
        .group_by("category")
        .len()
        .sort("len", "category", descending=[True, False])
    )
    if len(kept) < _LEAST_NOTED:
        return []
    notes = []
    if len(counts) < _FEW_CATEGORIES:
        notes.append(_few_categories(len(counts), len(kept) - int(counts["len"].sum())))
    if len(counts) and 2 * counts["len"][0] > counts["len"].sum():
        notes.append(_one_category(counts["category"][0], f"{counts['len'][0] / counts['len'].sum():.0%}"))
    return notes


def _few_categories(categories: int, without: int) -> Note:
    if not categories:
        return Note(
            "warning",
            "No kept row has a category, so nothing can be said of the mix, and balance holds for languages alone.",
            "保留的数据都没有类别，无法判断类别分布，balance 也只能按语言起作用。",
        )
    english = f"The kept rows are in {categories} categories; fewer than {_FEW_CATEGORIES} make a narrow dataset."
    chinese = f"保留的数据只有 {categories} 个类别，少于 {_FEW_CATEGORIES} 个，数据偏窄。"
    if without:
        english += (
            f" {without} rows have none; categories.guess, or a lower categories.min_probability, gives them one."
        )
        chinese += f"另有 {without} 行没有类别，可开启 categories.guess 或调低 categories.min_probability 来补上。"
    return Note("warning", english, chinese)


def _one_category(category: str, share: str) -> Note:
    return Note(
        "warning",
        f"{share} of the kept rows are in one category ({category}); set balance.max_share to cap it.",
        f"保留的数据中有 {share} 属于同一类别（{category}）；可用 balance.max_share 设上限。",
    )
