"""Fits how likely two requests ask for the same: python -m benchmarks.fit_paraphrase [--report]

The pairs of `truth/requests.jsonl` whose part is `fit` teach, and each request among them with the five nearest that were written
apart from it, which share a topic and no more. Writes builder/curation/paraphrase.json, and prints how good the measure is on pairs
that a fold did not see and on the part that is reported on. Run again when a check of `differences` is changed.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.truth_figures import Flags, Found, Scores, area_under_curve
from benchmarks.truth_requests import LANGUAGES, Pair, read_pairs
from builder.curation.asking import overlap, read_request
from builder.curation.paraphrase import (
    COEFFICIENTS,
    COSINE,
    ROUGE_L,
    SAME_WORDS,
    WORDS,
    Background,
    above,
    feature_names,
    features,
)
from builder.encoders import CharacterEncoder, Encoder
from builder.encoders.e5 import E5Encoder
from builder.text import TokenMode, token_mode

_NEIGHBOURS, _MOST_SHARED, _APART = 5, 0.5, "written apart"
_WANTED_PRECISION = 0.95
_FOLDS, _PENALTY = 10, 0.1


class Vectors:
    """Unit vectors of texts, each encoded once."""

    def __init__(self, encoder: Encoder, pairs: Sequence[Pair]) -> None:
        texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
        vectors = encoder.encode(texts).astype(np.float64)
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        self._place = {text: place for place, text in enumerate(texts)}

    def of(self, texts: Sequence[str]) -> Scores:
        """Of some texts."""
        chosen: Scores = self._vectors[[self._place[text] for text in texts]]
        return chosen

    def cosines(self, pairs: Sequence[Pair]) -> Scores:
        """Of the two requests of each pair."""
        paired: Scores = np.einsum("ij,ij->i", self.of([p.a for p in pairs]), self.of([p.b for p in pairs]))
        return paired


def mode_of(pair: Pair) -> TokenMode:
    """How a pair is tokenised."""
    return token_mode(pair.a + pair.b)


def written_apart(pairs: Sequence[Pair], vectors: Vectors) -> list[Pair]:
    """Each first request with the five nearest of its language among those of other pairs, unless most of their words are shared:
    these might ask for the same, and look-alikes are labelled.
    """
    known = {frozenset((pair.a, pair.b)) for pair in pairs}
    found: dict[frozenset[str], Pair] = {}
    for language in LANGUAGES:
        texts = list(dict.fromkeys(pair.a for pair in pairs if pair.language == language))
        near = vectors.of(texts) @ vectors.of(texts).T
        np.fill_diagonal(near, -1)
        for text, cosines in zip(texts, near, strict=True):
            for other in np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]:
                both = frozenset((text, texts[other]))
                if both not in known and overlap(read_request(text), read_request(texts[other])) < _MOST_SHARED:
                    found[both] = Pair("", language, _APART, "fit", False, text, texts[other])
    return list(found.values())


def background(pairs: Sequence[Pair], vectors: Vectors) -> Background:
    """The median cosine of requests of different pairs, by tokenisation."""
    measured: Background = {}
    modes: tuple[TokenMode, ...] = ("word", "cjk")
    for mode in modes:
        texts = list(dict.fromkeys(pair.a for pair in pairs if mode_of(pair) == mode))
        near = vectors.of(texts) @ vectors.of(texts).T
        measured[mode] = round(float(np.median(near[np.triu_indices(len(texts), 1)])), 3)
    return measured


def table_of(pairs: Sequence[Pair], vectors: Vectors | None, ground: Background) -> Scores:
    """The features of pairs, a row each."""
    if vectors is None:
        return np.array([features(pair.a, pair.b) for pair in pairs])
    return np.array(
        [
            features(pair.a, pair.b, above(float(cosine), ground[mode_of(pair)]))
            for pair, cosine in zip(pairs, vectors.cosines(pairs), strict=True)
        ]
    )


def fit(table: Scores, same: Flags, names: Sequence[str]) -> Scores:
    """The coefficients of a logistic regression, the bias last.

    What is shared never speaks against a paraphrase, what tells two requests apart never for one: labelled pairs are look-alikes, and
    among them, as in no file, those of few shared words are mostly paraphrases.
    """
    from scipy.optimize import minimize

    shared = {COSINE, ROUGE_L, SAME_WORDS}
    bounds = [(0.0, None) if name in shared else (None, 0.0) for name in names]

    def loss(weights: Scores) -> tuple[float, Scores]:
        z = table @ weights[:-1] + weights[-1]
        wrong = 1 / (1 + np.exp(-z)) - same
        value = np.logaddexp(0, np.where(same, -z, z)).sum() + _PENALTY * (weights[:-1] ** 2).sum() / 2
        return float(value), np.append(table.T @ wrong + _PENALTY * weights[:-1], wrong.sum())

    start = np.zeros(len(names) + 1)
    found: Scores = minimize(loss, start, jac=True, bounds=[*bounds, (None, None)], method="L-BFGS-B").x
    return found


def scores_of(table: Scores, weights: Scores) -> Scores:
    """Probabilities."""
    scores: Scores = 1 / (1 + np.exp(-(table @ weights[:-1] + weights[-1])))
    return scores


def cross_validated(table: Scores, same: Flags, names: Sequence[str]) -> Scores:
    """For each pair the probability by a model that was fitted without it."""
    folds = np.random.default_rng(0).integers(0, _FOLDS, len(same))
    scores = np.zeros(len(same))
    for fold in range(_FOLDS):
        held = folds == fold
        scores[held] = scores_of(table[held], fit(table[~held], same[~held], names))
    return scores


def precise_from(scores: Scores, pairs: Sequence[Pair]) -> float:
    """The lowest threshold, in hundredths, from which on 19 of 20 found pairs are the same in each language."""
    chosen = 1.0
    for threshold in np.round(np.arange(0.99, 0, -0.01), 2):
        for language in LANGUAGES:
            here = np.array([pair.language == language for pair in pairs])
            counted = Found.count(scores[here] >= threshold, [pair.same for pair in pairs if pair.language == language])
            if counted.found and counted.right < _WANTED_PRECISION * counted.found:
                return chosen
        chosen = float(threshold)
    return chosen


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the coefficients and print how good they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    pairs = read_pairs()
    vectors = {"characters": Vectors(CharacterEncoder(), pairs), "e5": Vectors(E5Encoder(), pairs)}
    taught = [pair for pair in pairs if pair.part == "fit"]
    taught += written_apart(taught, vectors["e5"])
    reported = [pair for pair in pairs if pair.part == "report"]
    same = np.array([pair.same for pair in taught])
    written: dict[str, Any] = {}
    for name in (WORDS, *vectors):
        of = vectors.get(name)
        ground: Background = {"word": 0.0, "cjk": 0.0} if of is None else background(taught, of)
        names = feature_names(with_cosine=of is not None)
        table = table_of(taught, of, ground)
        weights = np.round(fit(table, same, names), 2)
        written[name] = {
            "background": ground,
            "coefficients": dict(zip([*names, "bias"], weights.tolist(), strict=True)),
        }
        across = cross_validated(table, same, names)
        threshold = precise_from(across, taught)
        print(
            f"\n{name}: {len(taught)} pairs, {same.sum()} the same; precision 0.95 in both languages from {threshold:.2f}"
        )
        print(f"  across folds   AUC {area_under_curve(across, same)}")
        _print_reported(scores_of(table_of(reported, of, ground), weights), reported, threshold)
    if not given.report:
        COEFFICIENTS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _print_reported(scores: Scores, pairs: Sequence[Pair], threshold: float) -> None:
    for language in LANGUAGES:
        here = np.array([pair.language == language for pair in pairs])
        same = [pair.same for pair in pairs if pair.language == language]
        counted = Found.count(scores[here] >= threshold, same)
        area = area_under_curve(scores[here], same)
        print(f"  report, {language}     AUC {area}  precision {counted.precision}  recall {counted.recall}")


if __name__ == "__main__":
    main()
