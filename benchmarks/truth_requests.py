"""Pairs of requests that ask for the same or not, and how well each way to compare them tells which.

`truth/requests.jsonl` holds one pair a line: `a` and `b`, each a whole first message (an input stands under a blank line);
`same`, whether a good answer to one is a good answer to the other; `kind`, what is changed; `part`, to fit on or to report on;
`answer_a` and `answer_b`, which 260 older pairs to fit on lack. Both parts hold every kind, and no request of one has a twin in
the other. The pairs are look-alikes by design, half of them the same: precision in a file of somebody's rows is another, and
mostly higher, since few rows of a file look so much alike.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.truth_figures import (
    Flags,
    Found,
    Scores,
    area_under_curve,
    best_threshold,
    precise_threshold,
)
from builder.config import Settings
from builder.curation.deciding import decide
from builder.curation.differences import telling_difference
from builder.curation.paraphrase import WORDS, Paraphrases
from builder.encoders import ENCODERS, Codes, paired_cosines, quantise
from builder.errors import SeedbedError
from builder.formats.importing import read_samples
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.similarity import similarity
from builder.text import token_mode, tokenise

PAIRS = Path(__file__).parent / "truth" / "requests.jsonl"
LANGUAGES = ("en", "zh")
WANTED_PRECISION = 0.9  # what drops rows by default is right 9 times in 10

_LOOKED_AT = "ROUGE-L, second look"
_PARTED = -1.0  # the score of a pair that the second look parts
_REASONS = ("too_similar", "same_meaning", "exact_duplicate")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requests and whether they ask for the same."""

    id: str
    language: str
    kind: str
    part: str
    same: bool
    a: str
    b: str
    answer_a: str | None = None
    answer_b: str | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare: a score for each pair, and above which score two requests are taken for the same."""

    name: str
    scores: Scores
    default: float | None


def read_pairs(part: str | None = None) -> list[Pair]:
    """All labelled pairs, or those of one part."""
    lines = PAIRS.read_text(encoding="utf-8").splitlines()
    return [pair for pair in (Pair(**json.loads(line)) for line in lines) if part in (None, pair.part)]


class Comparison:
    """Every way to compare, over the same pairs.

    Args:
        pairs: all of them; thresholds are chosen on one part, the figures are of the other.
        settings: overrides, such as `meaning.threshold=0.85`.
    """

    def __init__(self, pairs: Sequence[Pair], settings: Sequence[str] = ()) -> None:
        self.pairs = pairs
        self._overrides = settings
        self.settings = load_settings(None, settings)
        self.same: Flags = np.array([pair.same for pair in pairs])
        self.reported: Flags = np.array([pair.part == "report" for pair in pairs])
        self.encoders: dict[str, Codes] = {}
        self.not_there: dict[str, str] = {}
        for name in ENCODERS:
            try:
                self.encoders[name] = self._encode(name)
            except SeedbedError as error:
                self.not_there[name] = str(error)

    def of(self, language: str) -> Flags:
        """Which pairs are in a language."""
        return np.array([pair.language == language for pair in self.pairs])

    @cached_property
    def measures(self) -> list[Measure]:
        """ROUGE-L and TF-IDF, with the second look and without, every encoder that is there, and the fitted measure."""
        novelty, meaning = self.settings.novelty.threshold, self.settings.meaning.threshold
        measures = [
            Measure("ROUGE-L", self.rouge, novelty),
            Measure(_LOOKED_AT, self._looked_at(self.rouge), novelty),
            Measure("TF-IDF, words", self._tfidf(TfidfVectorizer(analyzer=tokenise)), None),
            Measure("TF-IDF, characters", self._tfidf(TfidfVectorizer(analyzer="char", ngram_range=(1, 3))), None),
        ]
        measures.append(Measure("paraphrase, words", self._paraphrases(WORDS, None), meaning))
        for name, codes in self.encoders.items():
            cosine = paired_cosines(codes[::2], codes[1::2]).astype(np.float64)
            measures.append(Measure(f"{name}, cosine", cosine, None))
            measures.append(Measure(f"{name}, second look", self._looked_at(cosine), None))
            measures.append(Measure(f"paraphrase, {name}", self._paraphrases(name, cosine), meaning))
        return measures

    def _paraphrases(self, name: str, cosines: Scores | None) -> Scores:
        """By the fitted measure; an encoder that it was not fitted on is read as e5 is."""
        measure = Paraphrases(name)
        values = [None] * len(self.pairs) if cosines is None else cosines.tolist()
        likely = (measure.probability(p.a, p.b, cosine) for p, cosine in zip(self.pairs, values, strict=True))
        return np.fromiter(likely, np.float64)

    @cached_property
    def rouge(self) -> Scores:
        """ROUGE-L F1 of the two requests, whole."""
        return np.array([similarity(tokenise(pair.a), tokenise(pair.b)) for pair in self.pairs])

    @cached_property
    def by_words(self) -> Flags:
        """Which pairs are split into words, and not into characters."""
        return np.array([token_mode(pair.a + pair.b) == "word" for pair in self.pairs])

    @cached_property
    def decisions(self) -> dict[str, Flags]:
        """Which pairs curation makes one row of, as imported rows: each pair alone, and the reported half as one file."""
        decisions = {
            "curation, two rows": self._decided_alone(),
            "curation, one file": self._decided(self.settings, None),
        }
        for name, codes in self.encoders.items():
            settings = load_settings(None, [f"meaning.encoder={name}", *self._overrides])
            decisions[f"curation, one file, {name}"] = self._decided(settings, codes)
        return decisions

    def _encode(self, name: str) -> Codes:
        settings = load_settings(None, [f"meaning.encoder={name}", *self._overrides])
        with tempfile.TemporaryDirectory() as folder:
            encoder = ENCODERS[name](settings, Path(folder) / "ledger.sqlite", os.environ)
            return quantise(encoder.encode([text for pair in self.pairs for text in (pair.a, pair.b)]))

    @cached_property
    def _parted(self) -> Flags:
        return np.array([telling_difference(pair.a, pair.b) is not None for pair in self.pairs])

    def _looked_at(self, scores: Scores) -> Scores:
        return np.where(self._parted, _PARTED, scores)

    def _tfidf(self, vectorizer: TfidfVectorizer) -> Scores:
        texts = [text for pair in self.pairs for text in (pair.a, pair.b)]
        vectors = vectorizer.fit_transform(texts)
        return np.asarray(vectors[::2].multiply(vectors[1::2]).sum(axis=1)).ravel()

    def _decided_alone(self) -> Flags:
        found = np.zeros(len(self.pairs), bool)
        for place in np.flatnonzero(self.reported).tolist():
            found[place] = merged_pairs([self.pairs[place]], self.settings)[0]
        return found

    def _decided(self, settings: Settings, codes: Codes | None) -> Flags:
        found = np.zeros(len(self.pairs), bool)
        places = np.flatnonzero(self.reported)
        rows = np.stack([2 * places, 2 * places + 1], axis=1).ravel()
        chosen = [self.pairs[place] for place in places.tolist()]
        found[places] = merged_pairs(chosen, settings, None if codes is None else codes[rows])
        return found


def merged_pairs(pairs: Sequence[Pair], settings: Settings, codes: Codes | None = None) -> list[bool]:
    """Curate the requests of some pairs as the rows of one file that somebody brings.

    Args:
        pairs: with their answers.
        settings: as of any curation.
        codes: a vector for each row, two a pair, where the settings need them.

    Returns:
        For each pair whether its two rows came to one: one stands for the other, or a third row for both.
    """
    rows = [row for pair in pairs for row in (_row(pair.a, pair.answer_a), _row(pair.b, pair.answer_b))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        samples = read_samples([path], reporter=Reporter(quiet=True)).samples
    verdicts = decide(
        samples, [measure_row(sample) for sample in samples], settings, reviews={}, vectors=codes
    ).verdicts
    reasons, others = verdicts["reason"].to_pylist(), verdicts["of"].to_pylist()
    stands = [of if reason in _REASONS else row for row, (reason, of) in enumerate(zip(reasons, others, strict=True))]
    return [one == other for one, other in zip(stands[::2], stands[1::2], strict=True)]


def _row(request: str, answer: str | None) -> dict[str, str]:
    instruction, _, given = request.partition("\n\n")
    return {"instruction": instruction, "input": given, "output": answer or ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What one may ask for beyond the table."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as meaning.threshold=0.85"
    )
    parser.add_argument("--kinds", action="store_true", help="what is found of each kind of pair")
    parser.add_argument("--curve", action="store_true", help="precision and recall of ROUGE-L at every threshold")


def print_tables(arguments: argparse.Namespace) -> None:
    """A table for each language, and what was asked for."""
    comparison = Comparison(read_pairs(), arguments.set)
    for name, why in comparison.not_there.items():
        print(f"without {name}: {' '.join(why.split())}")
    found: dict[str, Flags] = {}
    for language in LANGUAGES:
        found_here = _print_language(comparison, language)
        found = {name: flags | found.get(name, flags) for name, flags in found_here.items()}
    if arguments.kinds:
        _print_kinds(comparison, found)
    if arguments.curve:
        _print_curve(comparison)


def _print_language(comparison: Comparison, language: str) -> dict[str, Flags]:
    """Print how good each measure is; gives what each finds, at its default threshold or else at its best."""
    here = comparison.of(language)
    fitted, reported = here & ~comparison.reported, here & comparison.reported
    same = comparison.same[reported]
    print(
        f"\nRequests, {language}: {len(same)} pairs, {same.sum()} of them the same; thresholds chosen on {fitted.sum()} others"
    )
    print(f"{'':42}{'AUC':17}  {'above':7}{'precision':17} {'recall':17} F1")
    found: dict[str, Flags] = {}
    for measure in comparison.measures:
        area = str(area_under_curve(measure.scores[reported], same))
        known = measure.scores[fitted], comparison.same[fitted]
        thresholds = {
            "default": measure.default,
            "best F1": best_threshold(*known),
            "9 in 10": precise_threshold(*known, WANTED_PRECISION),
        }
        for chosen, threshold in thresholds.items():
            if threshold is None:
                continue
            flags = here & (measure.scores > threshold)
            found.setdefault(measure.name, flags)
            _print_line(f"{measure.name:32}{chosen:9}", area, f"{threshold:.2f}", flags[reported], same)
            area = ""
    for name, flags in comparison.decisions.items():
        found[name] = here & flags
        _print_line(name, "", "", flags[reported], same)
    return found


def _print_line(name: str, area: str, threshold: str, found: Flags, same: Flags) -> None:
    counted = Found.count(found, same)
    figures = f"{counted.precision!s:17} {counted.recall!s:17} {counted.f1}"
    print(f"{name:42}{area:17}  {threshold:7}{figures}".rstrip())


def _print_kinds(comparison: Comparison, found: dict[str, Flags]) -> None:
    """Of each kind the pairs taken for the same: all of the upper kinds should be, none of the lower ones."""
    print("\nTaken for the same, of the half reported on: " + "; ".join(f"({n}) {m}" for n, m in enumerate(found, 1)))
    print(f"{'kind':18}{'':4}{'pairs':>6} " + "".join(f"{f'({number})':>5}" for number in range(1, len(found) + 1)))
    kinds = sorted({(not pair.same, pair.kind) for pair in comparison.pairs})
    for differs, kind in kinds:
        for language in LANGUAGES:
            is_kind = np.array([pair.kind == kind and pair.same != differs for pair in comparison.pairs])
            these = is_kind & comparison.reported & comparison.of(language)
            if these.any():
                counts = "".join(f"{int((flags & these).sum()):5}" for flags in found.values())
                print(f"{kind:18}{language:4}{int(these.sum()):6} {counts}")


def _print_curve(comparison: Comparison) -> None:
    """Precision and recall of ROUGE-L at each threshold, by how the texts are split, over all pairs."""
    looked = next(measure for measure in comparison.measures if measure.name == _LOOKED_AT)
    for name, scores in (("ROUGE-L", comparison.rouge), (looked.name, looked.scores)):
        for unit, these in (("words", comparison.by_words), ("characters", ~comparison.by_words)):
            print(f"\n{name}, {unit}, {these.sum()} pairs\n{'above':8}{'precision':17} recall")
            for threshold in np.round(np.arange(0.3, 1.0, 0.05), 2):
                counted = Found.count(scores[these] > threshold, comparison.same[these])
                print(f"{threshold:<8.2f}{counted.precision!s:17} {counted.recall}")
