"""Categories for rows that have none, guessed by a classifier.

    "Rewrite the sentence in the passive voice."   rewriting 0.93
    "谢谢你。"                                       dialogue 0.31, below `categories.min_probability`: stays empty

It learns from the rows that have a category, where enough do; else from `typical_requests.json`, requests of every category in
both languages that were written for this, and from what the teacher said of a sample of the rows (`categories.ask`). Logistic
regression on TF-IDF: words, and of Chinese characters and pairs of them, with an encoder's vectors beside them where there is
one. It is trained anew each time, the same from the same rows. A guess is kept as a signal and never written into a sample.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import CATEGORIES, Categories
from builder.encoders import Codes, norms
from builder.errors import UsageError
from builder.language.messages import worded
from builder.language.notes import Note
from builder.text import tokenise

GUESS = "category_guess"
PROBABILITY = "category_probability"
ASKED = "category_asked"

_HELD_OUT = 5
# More rows make it slower and hardly better.
_MOST_ROWS = 10_000
_INVERSE_REGULARISATION = 10.0
_ITERATIONS = 300
_DIGITS = 4
# What is asked stands at the beginning; a document after it says what it is about.
_CHARACTERS = 400
# Beside TF-IDF of length 1; 0.3 to 1 are alike, vectors alone are worse (see benchmarks/categories.py).
_VECTOR_LENGTH = 0.6
# A labelled row of the data counts as so many typical requests: at 1 to 4 the more the better, on 90 labelled rows.
_OWN_WEIGHT = 4.0
# By which scores are divided where fewer held-out rows than this could say by what: as fitted on hand-labelled public rows.
_CALIBRATED_ON = 50
_TEMPERATURE = 0.46
_TEMPERATURES = np.geomspace(0.25, 4.0, 33)

Labels = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was guessed, and how well that works.

    Attributes:
        table: row, `category_guess` and `category_probability` of the rows without a category; the guess is null where
            its probability is below `categories.min_probability`. What the teacher said of a row is its guess, at 1.
        figures: labelled, asked (None where nobody was asked), unlabelled and guessed (rows), shipped (whether typical requests
            were learnt from), held_out (rows), accuracy (share right of the held-out rows that got a guess; None without any),
            abstained (share of them that got none), by_category [{category, rows, right, guessed}] of the held-out rows.
    """

    table: pl.DataFrame
    figures: Mapping[str, Any]


@cache
def typical_requests() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Requests written for every category in both languages, and the category of each."""
    written = json.loads(Path(__file__).with_name("typical_requests.json").read_text(encoding="utf-8"))
    pairs = [(text, name) for name, texts in written.items() for language in texts for text in texts[language]]
    return tuple(text for text, _ in pairs), tuple(name for _, name in pairs)


def names_learnt(categories: pl.Series, min_rows: int) -> tuple[str, ...]:
    """The categories that are guessed, by name: those of the rows, where two of them have rows enough, else the settings' own.

    Args:
        categories: of all rows.
        min_rows: as in the settings.
    """
    counts = categories.drop_nulls().value_counts(name="rows")
    named = counts.filter((pl.col("rows") >= min_rows) & (pl.col(categories.name) != ""))[categories.name]
    return tuple(named.sort()) if len(named) > 1 else CATEGORIES


def guess_categories(rows: pl.DataFrame, settings: Categories, codes: Codes | None = None) -> Guesses | None:
    """Guess the categories of rows that have none.

    Args:
        rows: row, task_id, category and novelty_text, and where the teacher was asked `category_asked`.
        settings: how sure a guess must be, and how many rows a category needs to be learnt from rows alone.
        codes: vectors of the rows and, behind them, of the typical requests; None where there is no encoder.

    Returns:
        None where no row lacks a category.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    given = np.array([category or "" for category in rows["category"]], dtype=object)
    names = names_learnt(rows["category"], settings.min_rows)
    said = rows[ASKED].to_list() if ASKED in rows.columns else [None] * len(rows)
    asked = np.array([name if name in names else "" for name in said], dtype=object)
    lacking = given == ""
    if not lacking.any():
        return None
    labels = np.where(lacking, asked, given).astype(np.str_)
    known, shipped = np.isin(labels, names), names is CATEGORIES
    draws = np.array([_draw(task) for task in rows["task_id"]])
    unlabelled = np.flatnonzero(lacking & ~known)
    places = np.flatnonzero(known)
    places = places[np.argsort(draws[places], kind="stable")][:_MOST_ROWS]
    learner = _Learner(rows["novelty_text"], labels, codes, shipped)
    trained, held_out = places[draws[places] % _HELD_OUT != 0], places[draws[places] % _HELD_OUT == 0]
    figures, temperature = _try_out(learner, trained, held_out, settings)
    guessed, sure = _surest(*learner.scores(places, unlabelled), temperature)
    told = np.flatnonzero(lacking & known)
    table = pl.DataFrame(
        {
            "row": rows["row"].gather(np.append(unlabelled, told)),
            GUESS: [*guessed.tolist(), *labels[told].tolist()],
            PROBABILITY: [*sure.tolist(), *[1.0] * len(told)],
        },
        schema_overrides={GUESS: pl.String, PROBABILITY: pl.Float64},
    ).sort("row")
    table = table.with_columns(pl.when(pl.col(PROBABILITY) >= settings.min_probability).then(GUESS).alias(GUESS))
    counts = {
        "labelled": int((known & ~lacking).sum()),
        "asked": len(told) if ASKED in rows.columns else None,
        "unlabelled": int(lacking.sum()),
        "guessed": len(table) - table[GUESS].null_count(),
        "shipped": shipped,
    }
    return Guesses(table, counts | figures)


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
    """Says that categories were guessed, from what, and how well."""
    if guesses is None:
        return []
    found, right = guesses.figures, guesses.figures["accuracy"]
    english = f"{found['unlabelled']:,} rows have no category of their own; a classifier gave one to {found['guessed']:,} of them."
    chinese = f"有 {found['unlabelled']:,} 行本身没有类别，分类器为其中 {found['guessed']:,} 行给出了类别。"
    if found["asked"]:
        english += f" The teacher named those of {found['asked']:,} rows, which it learnt from."
        chinese += f"其中 {found['asked']:,} 行的类别由教师模型指明，分类器也从中学习。"
    elif found["asked"] is not None:
        english += " The teacher was asked, and its replies named none of the categories."
        chinese += "询问过教师模型，但其回复中没有可用的类别。"
    if right is not None:
        english += f" Of {found['held_out']:,} labelled rows held out, {right:.0%} of its guesses were right."
        chinese += f"在留出的 {found['held_out']:,} 行有类别的数据上，其判断的正确率为 {right:.0%}。"
    elif found["shipped"]:
        english += (
            " It learnt from requests that come with Seedbed, since too few rows have a category: on public rows about two of "
            "three such guesses are right."
        )
        chinese += "有类别的行太少，分类器只从 Seedbed 自带的典型请求中学习：在公开数据上，这样的判断大约三次对两次。"
        if found["asked"] is None:
            english += " `categories.ask: 300` has the teacher name those of 300 rows to learn from."
            chinese += "设 `categories.ask: 300`，可由教师模型指明 300 行的类别供其学习。"
    return [Note("info", english + " Samples keep no guess.", chinese + "样本本身不写入该判断。")]


def _draw(task: str) -> int:
    """A number by which tasks are drawn, so that rows of one task are held out together."""
    return int.from_bytes(hashlib.blake2b(task.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")


def _try_out(
    learner: "_Learner", trained: Places, held_out: Places, settings: Categories
) -> tuple[dict[str, Any], float]:
    """What guesses are worth on held-out rows, and the temperature at which their probabilities come true."""
    if not len(held_out) or not learner.can_learn(trained):
        return {"held_out": 0, "accuracy": None, "abstained": None, "by_category": []}, _TEMPERATURE
    truth = learner.labels[held_out]
    scores, names = learner.scores(trained, held_out)
    temperature = _TEMPERATURE if len(held_out) < _CALIBRATED_ON else _fit_temperature(scores, names, truth)
    guessed, sure = _surest(scores, names, temperature)
    given = sure >= settings.min_probability
    right = (guessed == truth) & given
    by_category = [
        {
            "category": str(name),
            "rows": int((truth == name).sum()),
            "right": int((right & (truth == name)).sum()),
            "guessed": int(((guessed == name) & given).sum()),
        }
        for name in np.unique(truth)
    ]
    accuracy = round(float(right.sum() / given.sum()), _DIGITS) if given.any() else None
    abstained = round(1 - float(given.mean()), _DIGITS)
    figures = {"held_out": len(held_out), "accuracy": accuracy, "abstained": abstained, "by_category": by_category}
    return figures, temperature


class _Learner:
    """The classifier over the rows of one decision.

    Args:
        texts: of the rows.
        labels: of the rows; empty where none is known.
        codes: as for `guess_categories`.
        shipped: whether typical requests are learnt from too.
    """

    def __init__(self, texts: pl.Series, labels: Labels, codes: Codes | None, shipped: bool) -> None:
        self._texts, self.labels, self._shipped = texts, labels, shipped
        requests, names = typical_requests() if shipped else ((), ())
        self._requests, self._names = list(requests), np.array(names, dtype=np.str_)
        there = codes is not None and len(codes) >= len(texts) + len(requests)
        self._codes = codes if there else None

    def can_learn(self, trained: Places) -> bool:
        """Whether there are two categories to tell apart."""
        return self._shipped or len(np.unique(self.labels[trained])) > 1

    def scores(self, trained: Places, asked: Places) -> tuple[Floats, Labels]:
        """The score of each category for each row asked about, and the categories.

        Raises:
            UsageError: scikit-learn is not installed.
        """
        try:
            from scipy.sparse import csr_matrix, hstack
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from threadpoolctl import threadpool_limits
        except ImportError:
            raise UsageError(
                worded("categories.guess needs scikit-learn, which is not installed"),
                worded("pip install 'seedbed[curation]'"),
            ) from None
        labels = np.concatenate([self._names, self.labels[trained]])
        if not len(asked):
            return np.zeros((0, len(np.unique(labels)))), np.unique(labels)
        words = TfidfVectorizer(analyzer=_features, sublinear_tf=True)
        learnt = words.fit_transform([*self._requests, *self._texts.gather(trained)])
        features = _known(words, self._texts.gather(asked).to_list())
        if self._codes is not None:
            ours = np.arange(len(self._texts), len(self._texts) + len(self._requests))
            vectors, mean = _unit(self._codes[np.concatenate([ours, trained])], None)
            others, _ = _unit(self._codes[asked], mean)
            learnt = hstack([learnt, csr_matrix(vectors)]).tocsr()
            features = hstack([features, csr_matrix(others)]).tocsr()
        weights = np.concatenate(
            [np.ones(len(self._names)), np.full(len(trained), _OWN_WEIGHT if self._shipped else 1.0)]
        )
        model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_ITERATIONS)
        with threadpool_limits(1):  # sums in another order would move a probability's last digits
            model.fit(learnt, labels, sample_weight=weights)
            scores = np.atleast_2d(model.decision_function(features))
        if len(model.classes_) == 2:  # of which it gives the second one's
            scores = np.stack([np.zeros(len(asked)), scores.ravel()], axis=1)
        return np.asarray(scores, dtype=np.float64), np.asarray(model.classes_)


def _features(text: str) -> list[str]:
    """Words, and of Chinese single characters and pairs of them; numbers are alike."""
    tokens = ["0" if token.isdigit() else token for token in tokenise(text[:_CHARACTERS])]
    return tokens + [one + other for one, other in pairwise(tokens) if not one.isascii() and not other.isascii()]


def _known(words: Any, texts: Sequence[str]) -> Any:
    """TF-IDF of texts, shorter the more of their words were never seen: one word that was says little about the others."""
    features, vocabulary = words.transform(texts), words.vocabulary_
    shares = [np.mean([one in vocabulary for one in _features(text)] or [False]) for text in texts]
    return features.multiply(np.sqrt(np.array(shares))[:, None]).tocsr()


def _unit(codes: Codes, mean: Floats | None) -> tuple[Floats, Floats]:
    """Vectors around their mean, or a given one, of equal length: what all texts share says nothing."""
    unit: Floats = codes / norms(codes)[:, None]
    mean = unit.mean(axis=0) if mean is None else mean
    unit = unit - mean
    length: Floats = np.sqrt((unit * unit).sum(axis=1, keepdims=True))
    return _VECTOR_LENGTH * unit / np.maximum(length, 1e-9), mean


def _probabilities(scores: Floats, temperature: float) -> Floats:
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    powers: Floats = np.exp(shifted)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _fit_temperature(scores: Floats, names: Labels, truth: Labels) -> float:
    """The temperature under which held-out labels are likeliest (temperature scaling, Guo et al. 2017)."""
    places = np.searchsorted(names, truth)
    inside = (places < len(names)) & (names[np.minimum(places, len(names) - 1)] == truth)
    rows, places = np.flatnonzero(inside), places[inside]
    if not len(rows):
        return _TEMPERATURE
    likelihood = [
        np.log(_probabilities(scores[rows], t)[np.arange(len(rows)), places] + 1e-12).mean() for t in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmax(np.round(likelihood, 9)))])


def _surest(scores: Floats, names: Labels, temperature: float) -> tuple[Labels, Floats]:
    """The likeliest category of each row, and its probability."""
    probabilities = np.round(_probabilities(scores, temperature), _DIGITS) if len(scores) else scores
    best = probabilities.argmax(axis=1) if len(scores) else np.zeros(0, dtype=np.int64)
    return names[best], probabilities[np.arange(len(best)), best] if len(scores) else np.zeros(0)


def asked_sample(rows: pl.DataFrame, most: int) -> Sequence[int]:
    """The rows that a teacher is asked about: of those without a category the first by a draw of their task.

    Args:
        rows: row, task_id and category.
    """
    lacking = rows.filter(pl.col("category").is_null() | (pl.col("category") == ""))
    drawn = sorted((_draw(f"asked {task}"), row) for row, task in lacking.select("row", "task_id").iter_rows())
    return sorted(row for _, row in drawn[:most])
