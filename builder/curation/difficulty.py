"""How hard a row is likely to be, 0 to 1, from signals that are there; and three levels: easy, medium, hard.

The mean of four parts, each 0 to 1: how long the prompt is and how long the answer (by the logarithm, 400 words are full), how
hard the instruction is to read (from the 5th to the 95th percentile of public Alpaca rows in its language), and how many
examples, figures and steps the answer takes. It tells "Name a colour" from a plan in ten steps; it does not know that a short
riddle is hard. The levels part 1,999 public Alpaca rows in three like numbers.
"""

import math

import polars as pl

DIFFICULTY = "difficulty"
LEVEL = "difficulty_level"
LEVELS = ("easy", "medium", "hard")
COLUMNS = ("prompt_words", "answer_words", "readability", "concreteness")

_FULL_WORDS = 400
_READABILITY = {"zh": (5.0, 20.0), "en": (29.0, 44.0)}
_EASY_UP_TO, _MEDIUM_UP_TO = 0.41, 0.53
_DIGITS = 3


def score_difficulty(rows: pl.DataFrame) -> pl.DataFrame:
    """Score rows, each by its own values alone.

    Args:
        rows: row, language and `COLUMNS`; a column that was never measured may be missing.

    Returns:
        row, `difficulty` (three digits) and `difficulty_level`; null where nothing is known.
    """
    parts = {
        "prompt_words": _long("prompt_words"),
        "answer_words": _long("answer_words"),
        "readability": _hard_to_read(),
        "concreteness": pl.col("concreteness"),
    }
    known = [part.fill_nan(None) for column, part in parts.items() if column in rows.columns]
    score = pl.mean_horizontal(known).round(_DIGITS) if known else pl.lit(None, pl.Float64)
    level = (
        pl.when(pl.col(DIFFICULTY).is_null())
        .then(None)
        .when(pl.col(DIFFICULTY) <= _EASY_UP_TO)
        .then(pl.lit(LEVELS[0]))
        .when(pl.col(DIFFICULTY) <= _MEDIUM_UP_TO)
        .then(pl.lit(LEVELS[1]))
        .otherwise(pl.lit(LEVELS[2]))
    )
    return rows.select("row", score.alias(DIFFICULTY)).with_columns(level.alias(LEVEL))


def _long(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64).log1p() / math.log1p(_FULL_WORDS)).clip(0, 1)


def _hard_to_read() -> pl.Expr:
    """Null in languages whose readability has no scale."""
    scaled = pl.lit(None, pl.Float64)
    for language, (low, high) in _READABILITY.items():
        own = ((pl.col("readability") - low) / (high - low)).clip(0, 1)
        scaled = pl.when(pl.col("language") == language).then(own).otherwise(scaled)
    return scaled
