"""Categories for rows that have none, guessed by a classifier that is trained on the rows that have one.

Logistic regression (scikit-learn) on the rows' vectors. It is trained anew each time, the same from the same rows; every fifth
task is held out first, to say how often it is right. A guess is kept as a signal and never written into a sample.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Categories
from builder.encoders import Codes, norms
from builder.errors import UsageError
from builder.notes import Note

GUESS = "category_guess"
PROBABILITY = "category_probability"

_HELD_OUT = 5
# More rows make it slower and hardly better.
_MOST_ROWS = 10_000
_INVERSE_REGULARISATION = 10.0
_ITERATIONS = 300
_DIGITS = 4

Labels = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was guessed, and how well that works.

    Attributes:
        table: row, `category_guess` and `category_probability` of the rows without a category; the guess is null where
            its probability is below `categories.min_probability`.
        figures: labelled, unlabelled and guessed (rows), held_out (rows), accuracy (share right of the held-out rows that
            got a guess; None without any), abstained (share of them that got none), by_category [{category, rows, right,
            guessed}] of the held-out rows.
    """

    table: pl.DataFrame
    figures: Mapping[str, Any]


def guess_categories(rows: pl.DataFrame, codes: Codes, settings: Categories) -> Guesses | None:
    """Guess the categories of rows that have none.

    Args:
        rows: row, task_id and category, in row order.
        codes: their vectors, in the same order.
        settings: how sure a guess must be, and how many rows a category needs to be learnt.

    Returns:
        None where no row lacks a category, or fewer than two categories have rows enough.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    labels = np.array([category or "" for category in rows["category"]], dtype=np.str_)
    names, counts = np.unique(labels[labels != ""], return_counts=True)
    known = np.isin(labels, names[counts >= settings.min_rows])
    unlabelled = np.flatnonzero(labels == "")
    if not len(unlabelled) or len(np.unique(labels[known])) < 2:
        return None
    draws = np.array([_draw(task) for task in rows["task_id"]])
    places = np.flatnonzero(known)
    places = places[np.argsort(draws[places], kind="stable")][:_MOST_ROWS]
    held_out = places[draws[places] % _HELD_OUT == 0]
    trained = places[draws[places] % _HELD_OUT != 0]
    by_category: list[dict[str, Any]] = []
    accuracy, abstained = None, None
    if len(held_out) and len(np.unique(labels[trained])) > 1:
        guessed, sure = _guess(codes, labels, trained, held_out)
        given = sure >= settings.min_probability
        right = (guessed == labels[held_out]) & given
        abstained = round(1 - float(given.mean()), _DIGITS)
        accuracy = round(float(right.sum() / given.sum()), _DIGITS) if given.any() else None
        by_category = [
            {
                "category": str(name),
                "rows": int((labels[held_out] == name).sum()),
                "right": int((right & (labels[held_out] == name)).sum()),
                "guessed": int(((guessed == name) & given).sum()),
            }
            for name in np.unique(labels[held_out])
        ]
    guessed, sure = _guess(codes, labels, places, unlabelled)
    table = pl.DataFrame(
        {"row": rows["row"].gather(unlabelled), GUESS: guessed.tolist(), PROBABILITY: sure.tolist()}
    ).with_columns(pl.when(pl.col(PROBABILITY) >= settings.min_probability).then(GUESS).alias(GUESS))
    figures = {
        "labelled": int(known.sum()),
        "unlabelled": len(unlabelled),
        "guessed": len(table) - table[GUESS].null_count(),
        "held_out": len(held_out),
        "accuracy": accuracy,
        "abstained": abstained,
        "by_category": by_category,
    }
    return Guesses(table, figures)


def with_guesses(rows: pl.DataFrame, guesses: pl.DataFrame) -> pl.DataFrame:
    """Rows with the guess in `category` where they have none.

    Args:
        rows: row and category.
        guesses: as in `Guesses.table`.
    """
    guess = rows.select("row").join(guesses.select("row", GUESS), on="row", how="left", maintain_order="left")[GUESS]
    given = pl.when(pl.col("category") == "").then(None).otherwise(pl.col("category"))
    return rows.with_columns(pl.coalesce(given, guess).alias("category"))


def guess_notes(guesses: Guesses | None) -> list[Note]:
    """Says that categories were guessed, and how well."""
    if guesses is None:
        return []
    found, right = guesses.figures, guesses.figures["accuracy"]
    share = "–" if right is None else f"{right:.0%}"
    return [
        Note(
            "info",
            f"{found['unlabelled']} rows have no category of their own; a classifier gave one to {found['guessed']} of them. Of "
            f"{found['held_out']} labelled rows held out, {share} of its guesses were right. Samples keep no guess.",
            f"有 {found['unlabelled']} 行本身没有类别，分类器为其中 {found['guessed']} 行给出了类别。"
            f"在留出的 {found['held_out']} 行有类别的数据上，其判断的正确率为 {share}。样本本身不写入该判断。",
        )
    ]


def _draw(task: str) -> int:
    """A number by which tasks are drawn, so that rows of one task are held out together."""
    return int.from_bytes(hashlib.blake2b(task.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")


def _guess(
    codes: Codes, labels: Labels, trained: npt.NDArray[np.int64], asked: npt.NDArray[np.int64]
) -> tuple[Labels, Floats]:
    """The likeliest category of each row asked about, and its probability."""
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise UsageError(
            "categories.guess needs scikit-learn, which is not installed", "pip install 'seedbed[curation]'"
        ) from None
    model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_ITERATIONS)
    with threadpool_limits(1):  # sums in another order would move a probability's last digits
        model.fit(_unit(codes[trained]), labels[trained])
        probabilities = np.round(model.predict_proba(_unit(codes[asked])), _DIGITS)
    best = probabilities.argmax(axis=1)
    return np.asarray(model.classes_)[best], probabilities[np.arange(len(asked)), best]


def _unit(codes: Codes) -> Floats:
    unit: Floats = codes / norms(codes)[:, None]
    return unit
