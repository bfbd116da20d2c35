"""How good each row is, 0 to 1: what "better" means in the order of preference, in balance and wherever rows compete.

`score` is a weighted mean of components, each a signal read as 0 (bad) to 1 (good), and depends on the row alone and on the mean of the
judge's marks: rows are compared in its order. A component that has nothing to say about a row (no answer key) is left out of that
row's mean. Weights are settings (`quality.weights`); 0 leaves one out. The defaults were fitted by `benchmarks/quality_weights.py`
on pairs of answers.

`quality` is the place of that score among the dataset's rows of the same language and form of answer (a number, a phrase, a
list, code, …): 0.9 is better than nine tenths of them. So no form of answer is better than another, and the best tenth of the rows
has the mix of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from builder.config import Quality

QUALITY = "quality"
SCORE = "score"

# Beyond these an answer is no better for being longer: the median of 999 public English Alpaca answers is 77 words.
_FULL_ANSWER_WORDS = 80
# Half of the default threshold of `filters.max_repetition`: such an answer repeats itself noticeably, short of a loop.
_REPETITIVE = 0.3
_FORM = "answer_form"
CELL = ("language", _FORM)
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


# Of a sample of the rows only some have a mark: the others count as its mean, or a 4 would be worse than none.
_MARK = pl.col("judge_score").fill_null(pl.col("judge_score").mean())

COMPONENTS: Sequence[Component] = (
    Component(
        "answer_length",
        ("answer_words",),
        (pl.col("answer_words").cast(pl.Float64) / _FULL_ANSWER_WORDS).clip(0, 1).sqrt(),
    ),
    Component("information", ("information",), pl.col("information")),
    Component("density", ("density",), pl.col("density")),
    Component("fit", ("fit",), pl.col("fit")),
    Component("originality", ("copied",), 1 - pl.col("copied")),
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
    Component("judge", ("judge_score",), ((_MARK - 1) / 4).clip(0, 1)),
    Component("ifd", ("ifd",), pl.col("ifd").clip(0, 1)),
    Component("agreement", ("agreement",), pl.col("agreement").clip(0, 1)),
)


def columns_scored(settings: Quality) -> set[str]:
    """The columns that `score_rows` reads under these settings."""
    return {
        _FORM,
        *(column for component in COMPONENTS if _weight(component, settings) for column in component.columns),
    }


def score_rows(rows: pl.DataFrame, settings: Quality) -> pl.DataFrame:
    """Score rows, and say how each stands among the others.

    Args:
        rows: row, language and `columns_scored`; a column that was never measured may be missing.
        settings: the weights.

    Returns:
        row, `quality` and `score` (0 to 1, four digits; the score is 0.5 where nothing is known) and a column `quality_…` for
        each component that was measured.
    """
    used = [c for c in COMPONENTS if _weight(c, settings) and all(column in rows.columns for column in c.columns)]
    scores = rows.select("row", *(component.score.fill_nan(None).alias(component.scored) for component in used))
    total, weights = pl.lit(0.0), pl.lit(0.0)
    for component in used:
        weight = _weight(component, settings)
        total = total + pl.col(component.scored).fill_null(0.0) * weight
        weights = weights + pl.when(pl.col(component.scored).is_not_null()).then(weight).otherwise(0.0)
    score = pl.when(weights > 0).then(total / weights).otherwise(0.5).round(_DIGITS)
    cell = [name for name in CELL if name in rows.columns]
    place = (pl.col(SCORE).rank("average") - 0.5) / pl.len()
    return (
        scores.select("row", score.alias(SCORE), *(component.scored for component in used))
        .hstack(rows.select(cell))
        .select(
            "row",
            (place.over(cell) if cell else place).round(_DIGITS).alias(QUALITY),
            SCORE,
            *(component.scored for component in used),
        )
    )


def _weight(component: Component, settings: Quality) -> float:
    weight: float = getattr(settings.weights, component.name)
    return weight
