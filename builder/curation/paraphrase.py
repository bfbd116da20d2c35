"""How likely two requests ask for the same: what they share in words and in meaning, and what tells them apart, as one number.

    "List five tips for better sleep."   "Give me 5 tips on how to sleep better."   0.92
    "Write a poem about the sea."        "Write a poem about the moon."             0.01   sea / moon

A logistic regression weighs ROUGE-L, whether the words that count are the same or some were put in others' place, the cosine of the
vectors and each check of `differences`. The coefficients are in `paraphrase.json`, fitted by `python -m benchmarks.fit_paraphrase`
on labelled pairs; there more shared words never speak against a paraphrase, since in files most rows that are near share a topic.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.curation.asking import read_request
from builder.curation.differences import check_names, found_by_each
from builder.encoders import Codes, paired_cosines
from builder.similarity import similarity
from builder.text import TokenMode, token_mode

COEFFICIENTS = Path(__file__).with_suffix(".json")
WORDS = "words"  # the model that knows no vectors
_FITTED_LIKE = "e5"  # what other encoders of meaning are taken to be like, above their own background
ROUGE_L, SAME_WORDS, SWAPPED = "rouge_l", "same_words", "swapped"
_LEXICAL = (ROUGE_L, SAME_WORDS, SWAPPED)
COSINE = "cosine"

# Rows by which the background of an encoder is measured, and the cosine that stands for it where there are too few.
_SAMPLED, _FEWEST, _USUAL_BACKGROUND = 4_096, 32, 0.2

Background = dict[TokenMode, float]


class Model(TypedDict):
    """The coefficients of one encoder: of each feature and of each check, and `bias`."""

    background: Background
    coefficients: dict[str, float]


@cache
def models() -> dict[str, Model]:
    """By encoder, and `words` for none."""
    read: dict[str, Model] = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    return read


def feature_names(*, with_cosine: bool) -> list[str]:
    """What `features` gives, in its order."""
    return [*_LEXICAL, *([COSINE] if with_cosine else []), *check_names()]


def features(text: str, other: str, cosine: float | None = None) -> list[float]:
    """What is known of two requests.

    Args:
        cosine: of their vectors, above the background (`above`); None where there are none.
    """
    return [*_shared(text, other), *([] if cosine is None else [cosine]), *map(float, found_by_each(text, other))]


def _shared(text: str, other: str) -> list[float]:
    """ROUGE-L; whether the words that count are the same; and where each has some of its own, by how much ROUGE-L exceeds a half:
    the more two requests share then, the more they are one request with something else put in.
    """
    mine, theirs = _words(text), _words(other)
    some, others = Counter(mine), Counter(theirs)
    rouge_l = similarity(mine, theirs)
    swapped = bool(some - others) and bool(others - some)
    return [rouge_l, float(some == others), max(0.0, rouge_l - 0.5) if swapped else 0.0]


def _words(text: str) -> tuple[str, ...]:
    request = read_request(text)
    return (*request.asked, *request.given)


@lru_cache(maxsize=4096)
def _mode(text: str) -> TokenMode:
    return token_mode(text)


class Paraphrases:
    """The measure for the vectors of one encoder.

    Args:
        encoder: as in `ENCODERS`; `words` for none. Of a model that nothing was fitted on (`openai`, `local`) the cosines are read
            above their own background, as those of e5 are.
        background: the cosine of requests that have nothing in common; None is that of the fitted model.
    """

    def __init__(self, encoder: str, background: Background | None = None) -> None:
        model = models()[encoder if encoder in models() else _FITTED_LIKE]
        self._background = model["background"] if background is None else background
        weights = model["coefficients"]
        self._lexical = [weights[name] for name in _LEXICAL]
        self._checks = [weights[name] for name in check_names()]
        self._bias, self._of_cosine = weights["bias"], weights.get(COSINE, 0.0)

    def probability(self, text: str, other: str, cosine: float | None = None, *, needed: float = 0.0) -> float:
        """From 0 to 1.

        Args:
            cosine: of their vectors; None only for `words`.
            needed: where what they share gives less than this, what tells them apart is not looked for: it gives no more.
        """
        z = self._bias + _weighed(self._lexical, _shared(text, other))
        if cosine is not None:
            mode: TokenMode = "cjk" if "cjk" in (_mode(text), _mode(other)) else "word"
            z += self._of_cosine * above(cosine, self._background[mode])
        if (likely := _logistic(z)) < needed:
            return likely
        return _logistic(z + _weighed(self._checks, map(float, found_by_each(text, other))))

    def least_cosine(self, probability: float) -> float:
        """The cosine below which no two requests reach a probability, whatever their words."""
        if probability >= 1:
            return 1.0
        lacking = math.log(probability / (1 - probability)) - self._bias - sum(max(0.0, w) for w in self._lexical)
        share = 0.0 if lacking <= 0 else (lacking / self._of_cosine if self._of_cosine else 1.0)
        return min(self.cosine_at(min(1.0, share), mode) for mode in self._background)

    def cosine_at(self, share: float, mode: TokenMode) -> float:
        """The cosine that stands at a share of the way from the background to equal directions."""
        ground = self._background[mode]
        return ground + share * (1 - ground)


def _weighed(weights: Iterable[float], values: Iterable[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def above(cosine: float, background: float) -> float:
    """0 at the background, 1 for equal directions; what is below the background says no more than the background."""
    return max(0.0, (cosine - background) / (1 - background))


def is_cjk(texts: pl.Series) -> npt.NDArray[np.bool_]:
    """Which texts are tokenised by character."""
    return np.array([token_mode(text) == "cjk" for text in texts], dtype=bool)


def background_of(encoder: str, texts: pl.Series, codes: Codes) -> Background | None:
    """The median cosine of rows that lie far apart in a dataset, by tokenisation; None where a fitted model knows it.

    Args:
        encoder: as in `ENCODERS`.
        texts: of rows.
        codes: their vectors, in the same order.
    """
    if encoder in models():
        return None
    cjk = is_cjk(texts)
    return {"word": _median(codes[~cjk]), "cjk": _median(codes[cjk])}


def _median(codes: Codes) -> float:
    if len(codes) < _FEWEST:
        return _USUAL_BACKGROUND
    half = len(codes) // 2
    chosen = np.unique(np.linspace(0, half - 1, _SAMPLED).astype(np.int64))
    return min(0.99, max(0.0, float(np.median(paired_cosines(codes[chosen], codes[chosen + half])))))
