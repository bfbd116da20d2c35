"""Learning the weights of quality from a dataset's own marks: `seedbed quality fit`.

marks of `seedbed judge`, or reviews  →  learn_weights  →  worth using or not  →  with `write`, settings and a new decision
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Quality, QualityWeights, Settings
from builder.curation.quality import CELL, COMPONENTS, score_rows
from builder.curation.weighing import Learnt, learn_weights
from builder.errors import UsageError
from builder.language.messages import worded
from builder.pipeline.curating import curate_folder
from builder.pipeline.measuring import measure_folder, read_rows
from builder.pipeline.own_settings import own_settings
from builder.progress import Reporter
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import rulings

Source = Literal["judge", "reviews"]

# Under so many rows an interval of ten points says nothing.
_FEWEST = 50
_JUDGE = "judge"
_WORDS = "answer_words"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `fit_folder` learnt.

    Attributes:
        source: whose marks were learnt from.
        learnt: the weights, and how well they order rows that they were not learnt from.
        before: the weights of the folder's settings.
        written: whether the settings hold the learnt ones now, and the rows are decided by them.
    """

    path: Path
    source: Source
    learnt: Learnt
    before: Mapping[str, float]
    written: bool

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "path": str(self.path),
            "source": self.source,
            **asdict(self.learnt),
            "worth_using": self.learnt.worth_using,
            "before": dict(self.before),
            "written": self.written,
        }


def fit_folder(root: Path, source: Source | None, reporter: Reporter, *, write: bool = False) -> Fitted:
    """Learn the weights of `quality.weights` from the marks of a folder's rows.

    Args:
        root: the dataset folder.
        source: whose marks; None takes those of the judge, or reviews where there are none.
        write: put the weights into the folder's settings and decide its rows by them.

    Raises:
        UsageError: there are no marks, too few or all the same, or rows are not measured yet.
    """
    folder = DatasetFolder.open(root)
    settings = own_settings(folder)
    folder.check(folder.samples, folder.signals)
    measure_folder(folder, settings, reporter, may_measure=False)
    every = QualityWeights.model_validate(dict.fromkeys(QualityWeights.model_fields, 1.0))
    rows = read_rows(folder, settings.model_copy(update={"quality": Quality(weights=every)}))
    marks, source = _marks(folder, rows, source, settings)
    marked = rows.with_columns(mark=marks).filter(pl.col("mark").is_not_null() & (pl.col(_WORDS) > 0))
    _refuse_few(root, marked, source)
    scores = score_rows(marked, Quality(weights=every))
    # The judge's marks are what the others are to foretell; length is what they are held against.
    names = [c.name for c in COMPONENTS if c.scored in scores.columns and c.name not in (_JUDGE, "answer_length")]
    components = {c.name: _numbers(scores[c.scored]) for c in COMPONENTS if c.name in names}
    current = settings.quality.weights.model_dump()
    learnt = learn_weights(
        components,
        current,
        _numbers(marked["mark"]),
        _numbers(marked[_WORDS]),
        marked.select(CELL).rows(),
        settings.seed,
    )
    if write:
        overrides = [f"quality.weights.{name}={weight}" for name, weight in learnt.weights.items()]
        curate_folder(root, None, overrides, reporter, may_measure=False)
    return Fitted(root, source, learnt, current, write)


def _marks(
    folder: DatasetFolder, rows: pl.DataFrame, source: Source | None, settings: Settings
) -> tuple[pl.Series, Source]:
    """The mark of each row, null where it has none; a review marks 1 or 0, and 0 is what a person wrote anew."""
    if source != "reviews" and "judge_score" in rows.columns and rows["judge_score"].count():
        return rows["judge_score"], "judge"
    reviews = rulings(folder, settings.reviews.decide)
    if source == "judge" or not reviews:
        raise UsageError(
            worded("{root}: its rows have no marks to learn from", root=folder.root),
            worded(
                "Have some marked first: seedbed judge {root} --sample 500; or review rows: seedbed review {root}.",
                root=folder.root,
            ),
        )
    decided = {row: float(one.decision == "keep") for row, one in reviews.items() if one.decision != "withdrawn"}
    return rows["row"].replace_strict(decided, default=None, return_dtype=pl.Float64), "reviews"


def _refuse_few(root: Path, marked: pl.DataFrame, source: Source) -> None:
    marks = marked["mark"]
    more = (
        worded("Mark more rows: seedbed judge {root} --sample 500.", root=root)
        if source == "judge"
        else worded("Review more rows, some to keep and some to drop, or have a teacher mark them: seedbed judge.")
    )
    if len(marks) < _FEWEST:
        raise UsageError(
            worded(
                "{root}: {marks} marked rows with an answer are too few to learn from, {fewest} are needed",
                root=root,
                marks=len(marks),
                fewest=_FEWEST,
            ),
            more,
        )
    if marks.n_unique() == 1:
        raise UsageError(
            worded(
                "{root}: all {marks} marks are {marks_2:g}, so they prefer no row to another",
                root=root,
                marks=len(marks),
                marks_2=marks[0],
            ),
            more,
        )
    alike = marked.group_by(*CELL, "mark").len().select(pl.col("len").cast(pl.Int64) ** 2).sum().item()
    every = marked.group_by(*CELL).len().select(pl.col("len").cast(pl.Int64) ** 2).sum().item()
    pairs = (every - alike) // 2
    if pairs < _FEWEST:
        raise UsageError(
            worded(
                "{root}: the marks prefer one row of a language and form of answer to another {pairs} times, "
                "{fewest} are needed",
                root=root,
                pairs=pairs,
                fewest=_FEWEST,
            ),
            more,
        )


def _numbers(values: pl.Series) -> npt.NDArray[np.float64]:
    """Nulls as NaN."""
    numbers: npt.NDArray[np.float64] = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return numbers
