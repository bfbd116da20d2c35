"""Fit the weights of quality on pairs of answers: python -m benchmarks.quality_weights [--pairs FILE …] [--reference FILE …]

The pairs are the project's own (benchmarks/truth/answers.jsonl): those of the part `fit` are learnt from, those of the part `report`
are only told apart. `--pairs` adds files of preference pairs; every second of theirs is learnt from. It prints, for each component
alone and for all together, the share of pairs whose better answer has the higher score, with its 95 % interval, beside
length. `--reference` prints, from files of rows, the middles and spreads that `builder.signals.substance` holds.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from builder.config import Quality, QualityWeights
from builder.curation.quality import COMPONENTS, SCORE, score_rows
from builder.curation.weighing import fit_weights
from builder.formats.importing import read_samples
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.signals import measure_row
from builder.signals.signal import last_question, tokens_of
from builder.signals.substance import FORMS, content_share, form_of, is_chinese, said
from builder.text import count_words

TRUTH = Path(__file__).parent / "truth" / "answers.jsonl"
# What no pair of answers to one request can tell is not fitted.
_NOT_FITTED = frozenset({"answer_length", "answer_check", "judge", "ifd", "agreement"})

# What the fit is pulled to: flaws are rare in the pairs, and a known flaw outweighs a fine point.
_FLAWS = frozenset({"refusal", "language", "defects", "format", "arithmetic"})
_BEFORE_FLAW, _BEFORE = 2.0, 1.0

Numbers = npt.NDArray[np.float64]


class Pairs(NamedTuple):
    """The better and the worse answer of each pair, in turn, and which pairs are learnt from."""

    rows: list[Sample]
    learnt: npt.NDArray[np.bool_]


def read_truth(path: Path = TRUTH) -> Pairs:
    """The project's own pairs."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows: list[Sample] = []
    for record in records:
        asked = "\n\n".join(text for text in (record["instruction"], record["input"]) if text)
        for which in ("better", "worse"):
            turns = (Message("user", asked), Message("assistant", record[which]))
            rows.append(Sample(len(rows), "t", turns, None, record["language"], "imported", "truth"))
    return Pairs(rows, np.array([record["part"] == "fit" for record in records]))


def read_preferences(paths: Sequence[Path]) -> Pairs:
    """Pairs of preference files, every second of which is learnt from."""
    rows: list[Sample] = []
    for sample in read_samples(paths, reporter=Reporter(quiet=True)).samples:
        if sample.rejected is not None and not sample.is_labelled_bad:
            worse = (*sample.prompt, Message("assistant", sample.rejected))
            for turns in (sample.messages, worse):
                rows.append(Sample(len(rows), "t", turns, None, sample.language, "imported", "pairs"))
    return Pairs(rows, np.arange(len(rows) // 2) % 2 == 0)


def scored(rows: Sequence[Sample], weights: QualityWeights) -> pl.DataFrame:
    """The scores of rows and their components."""
    values = [measure_row(sample) for sample in rows]
    known = pl.DataFrame(
        {name: [row[name] for row in values] for name in values[0]}, strict=False, infer_schema_length=None
    )
    where = pl.DataFrame({"row": range(len(rows)), "language": [sample.language for sample in rows]})
    return score_rows(pl.concat([where, known], how="horizontal"), Quality(weights=weights))


def share_right(differences: Numbers) -> tuple[float, float, float]:
    """The share of pairs whose better answer is above the other, ties half, with its 95 % interval by a bootstrap over pairs."""
    right = (differences > 0) + 0.5 * (differences == 0)
    rng = np.random.default_rng(0)
    drawn = [right[rng.integers(0, len(right), len(right))].mean() for _ in range(2_000)]
    low, high = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    return float(right.mean()), low, high


def differences(values: pl.Series) -> Numbers:
    """The better answer's value minus the worse one's; 0 where one says nothing."""
    numbers = values.cast(pl.Float64).to_numpy()
    told: Numbers = np.round(np.nan_to_num(numbers[0::2] - numbers[1::2]), 9)
    return told


def print_reference(paths: Iterable[Path]) -> None:
    """The middles and spreads, half the way from the 16th to the 84th percentile, by language and form."""
    found: dict[tuple[bool, str], list[tuple[float, float]]] = defaultdict(list)
    for sample in read_samples([*paths], reporter=Reporter(quiet=True)).samples:
        answer, tokens = sample.answer, tokens_of(sample.answer)
        if tokens:
            chinese = is_chinese(answer)
            form = form_of(answer, len(tokens), chinese=chinese)
            weight = said(set(tokens), last_question(sample), form)
            found[chinese, form].append((math.log1p(weight), content_share(tokens)))
    for chinese in (False, True):
        for form in FORMS:
            if rows := found[chinese, form]:
                low, middle, high = np.percentile(rows, [16, 50, 84], axis=0)
                spread = (high - low) / 2
                print(
                    f'({chinese}, "{form}"): {len(rows)} rows, information ({middle[0]:.2f}, {spread[0]:.2f}), '
                    f"density ({middle[1]:.2f}, {spread[1]:.2f})"
                )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[])
    parser.add_argument("--reference", type=Path, nargs="+", default=[])
    given = parser.parse_args(arguments)
    if given.reference:
        print_reference(given.reference)
        return
    defaults = QualityWeights()
    sources = {"own": read_truth()} | ({"given": read_preferences(given.pairs)} if given.pairs else {})
    fitted = [component for component in COMPONENTS if component.name not in _NOT_FITTED]
    every = QualityWeights(**{component.name: 1.0 for component in COMPONENTS})
    matrices, learnt = {}, []
    for source, (rows, part) in sources.items():
        frame = scored(rows, every)
        matrices[source] = np.column_stack([differences(frame[component.scored]) for component in fitted])
        learnt.append(matrices[source][part])
    before = np.array([_BEFORE_FLAW if component.name in _FLAWS else _BEFORE for component in fitted])
    weights = fit_weights(np.concatenate(learnt), before)
    for source, (rows, part) in sources.items():
        told = ~part
        print(f"{source}: {int(part.sum())} pairs to learn from, {int(told.sum())} to report on")
        words = np.array([count_words(row.answer) for row in rows], dtype=np.float64)
        lines = {"answer length": words[0::2] - words[1::2], "score": differences(scored(rows, defaults)[SCORE])}
        lines["fitted anew"] = matrices[source] @ weights
        lines |= {component.name: matrices[source][:, place] for place, component in enumerate(fitted)}
        for name, values in lines.items():
            print(
                f"  {name:16} {{:.3f}} [{{:.3f}} {{:.3f}}]   fit {{:.3f}}".format(
                    *share_right(values[told]), share_right(values[part])[0]
                )
            )
    for component, weight in zip(fitted, weights, strict=True):
        print(f"{component.name:16} weight {weight:.2f}, {getattr(defaults, component.name):.2f} by default")


if __name__ == "__main__":
    main()
