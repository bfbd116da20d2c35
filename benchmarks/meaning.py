"""How well encoders and ROUGE-L tell paraphrases from look-alikes: python -m benchmarks.meaning [--set meaning.encoder=…]

The pairs are the project's own (tests/fixtures/meaning_pairs.jsonl): requests that mean the same in other words, requests that
share nearly all words and differ in a number, a negation, a name, a direction …, and requests on one topic. Every second pair
may be used to choose thresholds and to mend the second look; the figures are of the others.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from builder.curation.differences import telling_difference
from builder.encoders import ENCODERS, paired_cosines, quantise
from builder.settings_file import load_settings
from builder.similarity import similarity
from builder.text import tokenise

PAIRS = Path(__file__).parents[1] / "tests" / "fixtures" / "meaning_pairs.jsonl"

Scores = npt.NDArray[np.float64]
_WANTED_PRECISION = 0.95
_NEVER = -1.0  # the score of a pair that the second look parts


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requests and whether they mean the same."""

    a: str
    b: str
    same: bool
    language: str
    why: str


def read_pairs() -> list[Pair]:
    """All labelled pairs."""
    return [Pair(**json.loads(line)) for line in PAIRS.read_text(encoding="utf-8").splitlines()]


def area_under_curve(scores: Scores, same: Sequence[bool]) -> float:
    """The share of (same, different) couples of pairs in which the same one has the higher score; ties count half."""
    labels = np.array(same)
    above = scores[labels][:, None] - scores[~labels][None, :]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def precision_recall(scores: Scores, same: Sequence[bool], threshold: float) -> tuple[float, float, int]:
    """Of the pairs at or above the threshold the share that is the same, of those that are the same the share found, and
    how many were found.
    """
    found = scores >= threshold
    right = int((found & np.array(same)).sum())
    return (right / found.sum() if found.any() else float("nan")), right / sum(same), int(found.sum())


def least_precise_threshold(scores: Scores, same: Sequence[bool]) -> float:
    """The lowest threshold, in steps of 0.05, from which on precision is at least 0.95."""
    chosen = 1.0
    for threshold in np.round(np.arange(1.0, 0.0, -0.05), 2):
        precision, _, found = precision_recall(scores, same, float(threshold))
        if found and precision < _WANTED_PRECISION:
            break
        chosen = float(threshold)
    return chosen


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as meaning.encoder=local")
    given = parser.parse_args(arguments)
    settings = load_settings(None, ["meaning.encoder=characters", *given.set])
    with tempfile.TemporaryDirectory() as folder:
        name = settings.meaning.encoder
        encoder = ENCODERS[name](settings, Path(folder) / "ledger.sqlite", os.environ)
        pairs = read_pairs()
        codes = quantise(encoder.encode([text for pair in pairs for text in (pair.a, pair.b)]))
    cosine = paired_cosines(codes[::2], codes[1::2])
    rouge = np.array([similarity(tokenise(pair.a), tokenise(pair.b)) for pair in pairs])
    parted = np.array([telling_difference(pair.a, pair.b) is not None for pair in pairs])
    measures = {
        "ROUGE-L": (rouge, settings.novelty.threshold),
        "ROUGE-L, second look": (np.where(parted, _NEVER, rouge), settings.novelty.threshold),
        f"{name}": (cosine, settings.meaning.threshold),
        f"{name}, second look": (np.where(parted, _NEVER, cosine), settings.meaning.threshold),
    }
    chosen_on = np.arange(len(pairs)) % 2 == 0
    for language in ("en", "zh"):
        here = np.array([pair.language == language for pair in pairs])
        _print_table(language, pairs, measures, here & chosen_on, here & ~chosen_on)


def _print_table(
    language: str,
    pairs: Sequence[Pair],
    measures: dict[str, tuple[Scores, float]],
    half: npt.NDArray[np.bool_],
    other: npt.NDArray[np.bool_],
) -> None:
    same, same_half = _labels(pairs, other), _labels(pairs, half)
    print(
        f"\n{language}: {len(same)} pairs, {sum(same)} of them the same; thresholds chosen on {len(same_half)} others"
    )
    print(f"{'':28}{'AUC':>6}  {'at':>5} {'precision':>9} {'recall':>6}   {'chosen':>6} {'precision':>9} {'recall':>6}")
    for name, (scores, default) in measures.items():
        chosen = least_precise_threshold(scores[half], same_half)
        figures = [f"{area_under_curve(scores[other], same):6.3f} "]
        for threshold in (default, chosen):
            precision, recall, _ = precision_recall(scores[other], same, threshold)
            figures.append(f" {threshold:5.2f} {precision:9.2f} {recall:6.2f}  ")
        print(f"{name:28}{''.join(figures)}".rstrip())


def _labels(pairs: Iterable[Pair], chosen: npt.NDArray[np.bool_]) -> list[bool]:
    return [pair.same for pair, here in zip(pairs, chosen, strict=True) if here]


if __name__ == "__main__":
    main()
