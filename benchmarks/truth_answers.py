"""Pairs of answers, a better and a worse one to the same request, and how often each score ranks the better one higher.

`truth/answers.jsonl` holds one pair a line: `instruction` and `input`; `better`, `worse` and `why`; `language`; the `kind` of task;
the `fault` of the worse answer; `part`, the half to fit on or the half to report on. Both halves hold every kind and every
fault, and no task of one half stands in the other, in the other language either. As many better answers are the shorter one as
are the longer one, so that length alone is right every second time. Pairs on which the two score the same, or on which a score
has nothing to say, count half.
"""

import argparse
import gzip
import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.truth_figures import Figure, Flags, Scores, share
from builder.config import Quality
from builder.curation.quality import score_rows
from builder.formats.importing import read_samples
from builder.progress import Reporter
from builder.schema import Sample
from builder.settings_file import load_settings
from builder.signals import measure_row, signal_tables
from builder.similarity import similarity
from builder.text import count_words, tokenise

PAIRS = Path(__file__).parent / "truth" / "answers.jsonl"

Scorer = Callable[[Sequence[Sample]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A request and two answers to it."""

    instruction: str
    input: str
    better: str
    worse: str
    why: str
    language: str
    kind: str
    fault: str
    part: str

    @property
    def shorter(self) -> str:
        """Which of the two answers has fewer characters."""
        better, worse = len(self.better), len(self.worse)
        return "neither" if better == worse else "the better" if better < worse else "the worse"


def read_pairs(part: str | None = None) -> list[Pair]:
    """All labelled pairs, or those of one part."""
    lines = PAIRS.read_text(encoding="utf-8").splitlines()
    return [pair for pair in (Pair(**json.loads(line)) for line in lines) if part in (None, pair.part)]


def imported(rows: Iterable[Mapping[str, str]]) -> list[Sample]:
    """Alpaca triples as the rows of a file that somebody brings."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        path.write_text(json.dumps(list(rows)), encoding="utf-8")
        return list(read_samples([path], reporter=Reporter(quiet=True)).samples)


def answered(pairs: Sequence[Pair]) -> list[Sample]:
    """Two rows for each pair, the better answer first."""
    return imported(
        {"instruction": pair.instruction, "input": pair.input, "output": answer}
        for pair in pairs
        for answer in (pair.better, pair.worse)
    )


def product_scores(samples: Sequence[Sample], settings: Quality) -> dict[str, Scores]:
    """What curation scores these rows: `quality`, and whatever else `score_rows` gives, its components among them."""
    tables = signal_tables([sample.row for sample in samples], [measure_row(sample) for sample in samples])
    rows = pl.DataFrame(
        {"row": [sample.row for sample in samples], "language": [sample.language for sample in samples]}
    )
    for table in tables.values():
        rows = rows.hstack(pl.DataFrame(pl.from_arrow(table)).drop("row"))
    scored = score_rows(rows, settings).drop("row")
    return {name: scored[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in scored.columns}


def _information(samples: Sequence[Sample]) -> list[float]:
    """The sum of idf over the distinct words of each answer, of all these answers."""
    words = [set(tokenise(sample.answer)) for sample in samples]
    answers_with = Counter(word for distinct in words for word in distinct)
    return [math.fsum(math.log(len(words) / answers_with[word]) for word in sorted(distinct)) for distinct in words]


def _compressed(text: str) -> float:
    plain = text.encode()
    return len(gzip.compress(plain, mtime=0)) / len(plain)


# What the product is held against; to add one, add a line.
SCORERS: Mapping[str, Scorer] = {
    "length in words": lambda samples: [count_words(sample.answer) for sample in samples],
    "length in characters": lambda samples: [len(sample.answer) for sample in samples],
    "idf of distinct words": _information,
    "gzip ratio": lambda samples: [_compressed(sample.answer) for sample in samples],
    "ROUGE-L with request": lambda samples: [
        similarity(tokenise(sample.prompt[-1].content), tokenise(sample.answer)) for sample in samples
    ],
}


def wins(scores: Scores) -> Scores:
    """For each pair 1 where its better answer scores higher, 0 where lower, a half where neither does.

    Args:
        scores: two for each pair, the better answer's first; `nan` is nothing to say.
    """
    better, worse = scores[::2], scores[1::2]
    return np.where(better > worse, 1.0, np.where(better < worse, 0.0, 0.5))


def ranked_right(won: Scores) -> Figure:
    """The share of pairs ranked right, with its 95 % interval."""
    return share(float(won.sum()), len(won))


def measure(pairs: Sequence[Pair], settings: Quality) -> dict[str, Scores]:
    """What each score wins of the pairs, the product's first."""
    samples = answered(pairs)
    scores = product_scores(samples, settings)
    scores |= {name: np.array(scorer(samples), float) for name, scorer in SCORERS.items()}
    return {name: wins(values) for name, values in scores.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What one may ask for beyond the table."""
    parser.add_argument(
        "--weights", action="append", default=[], metavar="KEY=VALUE", help="such as quality.weights.judge=0"
    )
    parser.add_argument(
        "--groups", action="store_true", help="each kind of task, each fault, and which answer is shorter"
    )


def print_tables(arguments: argparse.Namespace) -> None:
    """A table of the half reported on, and what was asked for."""
    pairs = read_pairs("report")
    won = measure(pairs, load_settings(None, arguments.weights).quality)
    _print_languages(pairs, won)
    if arguments.groups:
        totals = [name for name in won if not name.startswith("quality_")]
        for title, group in _GROUPS.items():
            _print_groups(title, [group(pair) for pair in pairs], {name: won[name] for name in totals})


_GROUPS: Mapping[str, Callable[[Pair], str]] = {
    "kind of task": lambda pair: pair.kind,
    "fault of the worse": lambda pair: pair.fault,
    "which is shorter": lambda pair: pair.shorter,
}


def _print_languages(pairs: Sequence[Pair], won: Mapping[str, Scores]) -> None:
    languages = sorted({pair.language for pair in pairs})
    print(f"\nAnswers: the better one ranked higher, of {len(pairs)} pairs; tied is how many score the same")
    print(f"{'':26}{'all':18} {'tied':>5}  " + "".join(f"{language:18} " for language in languages).rstrip())
    for name, values in won.items():
        shares = "".join(f"{ranked_right(values[_of(pairs, language)])!s:18} " for language in languages)
        print(f"{name:26}{ranked_right(values)!s:18} {int((values == 0.5).sum()):5}  {shares}".rstrip())


def _of(pairs: Sequence[Pair], language: str) -> Flags:
    return np.array([pair.language == language for pair in pairs])


def _print_groups(title: str, groups: Sequence[str], won: Mapping[str, Scores]) -> None:
    print("\n" + "; ".join(f"({number}) {name}" for number, name in enumerate(won, 1)))
    print(f"{title:19}{'pairs':>5}  " + "".join(f"{f'({number})':18} " for number in range(1, len(won) + 1)).rstrip())
    for group in sorted(set(groups)):
        these = np.array([name == group for name in groups])
        shares = "".join(f"{ranked_right(values[these])!s:18} " for values in won.values())
        print(f"{group:19}{int(these.sum()):5}  {shares}".rstrip())
