"""One score for each row, 0 to 1: what "better" means in the order of preference, in balance and wherever rows compete.

It is a weighted mean of components, each a signal read as 0 (bad) to 1 (good). A component that has nothing to say about a
row (no answer key, no judge) is left out of that row's mean. Weights are settings (`quality.weights`); 0 leaves one out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from builder.config import Quality

QUALITY = "quality"

# Beyond these an answer is no better for being longer: the median of 999 public English Alpaca answers is 77 words.
_FULL_ANSWER_WORDS = 80
# Half of the default threshold of `filters.max_repetition`: such an answer repeats itself noticeably, short of a loop.
_REPETITIVE = 0.3
# Differences below this say nothing; rows that tie are preferred by their number.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the score.

    Attributes:
        name: of its weight in `quality.weights`.
        columns: of signals; where one was never measured the component has nothing to say.
        score: from the columns to 0 … 1; null is nothing to say.
    """

    name: str
    columns: tuple[str, ...]
    score: pl.Expr

    @property
    def scored(self) -> str:
        """The column of `signals/quality.parquet` that holds it."""
        return f"{QUALITY}_{self.name}"


def _passes(column: str) -> pl.Expr:
    """1 where a flag is false."""
    return (~pl.col(column)).cast(pl.Float64)


COMPONENTS: Sequence[Component] = (
    Component(
        "answer_length",
        ("answer_words",),
        (pl.col("answer_words").cast(pl.Float64) / _FULL_ANSWER_WORDS).clip(0, 1).sqrt(),
    ),
    Component("repetition", ("repetition",), 1 - (pl.col("repetition") / _REPETITIVE).clip(0, 1)),
    Component("refusal", ("refusal",), _passes("refusal")),
    Component("language", ("language_mismatch",), _passes("language_mismatch")),
    Component(
        "answer_check",
        ("answer_check",),
        pl.when(pl.col("answer_check") == "passed").then(1.0).when(pl.col("answer_check") == "failed").then(0.0),
    ),
    Component("defects", ("defects",), (pl.col("defects").list.len() == 0).cast(pl.Float64)),
    Component(
        "format",
        ("json_valid", "code_parses", "list_length_kept"),
        pl.min_horizontal(pl.col("json_valid", "code_parses", "list_length_kept").cast(pl.Float64)),
    ),
    Component(
        "arithmetic",
        ("arithmetic_checked", "arithmetic_wrong"),
        pl.when(pl.col("arithmetic_checked") > 0).then(
            1 - pl.col("arithmetic_wrong").list.len() / pl.col("arithmetic_checked")
        ),
    ),
    Component("concreteness", ("concreteness",), pl.col("concreteness").clip(0, 1)),
    Component("judge", ("judge_score",), ((pl.col("judge_score") - 1) / 4).clip(0, 1)),
    Component("agreement", ("agreement",), pl.col("agreement").clip(0, 1)),
)


def columns_scored(settings: Quality) -> set[str]:
    """The columns that `score_rows` reads under these settings."""
    return {column for component in COMPONENTS if _weight(component, settings) for column in component.columns}


def score_rows(rows: pl.DataFrame, settings: Quality) -> pl.DataFrame:
    """Score rows, each by its own values alone.

    Args:
        rows: row and `columns_scored`; a column that was never measured may be missing.
        settings: the weights.

    Returns:
        row, `quality` (0 to 1, four digits; 0.5 where nothing is known) and a column `quality_…` for each component that was
        measured.
    """
    used = [c for c in COMPONENTS if _weight(c, settings) and all(column in rows.columns for column in c.columns)]
    scores = rows.select("row", *(component.score.fill_nan(None).alias(component.scored) for component in used))
    total, weights = pl.lit(0.0), pl.lit(0.0)
    for component in used:
        weight = _weight(component, settings)
        total = total + pl.col(component.scored).fill_null(0.0) * weight
        weights = weights + pl.when(pl.col(component.scored).is_not_null()).then(weight).otherwise(0.0)
    quality = pl.when(weights > 0).then(total / weights).otherwise(0.5).round(_DIGITS)
    return scores.select("row", quality.alias(QUALITY), *(component.scored for component in used))


def _weight(component: Component, settings: Quality) -> float:
    weight: float = getattr(settings.weights, component.name)
    return weight
