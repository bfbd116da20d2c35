"""How often guessed categories are right on public rows labelled by hand, beside the commonest category.

    python -m benchmarks.categories --data FOLDER            TF-IDF
    python -m benchmarks.categories --data FOLDER --encoder local --model FOLDER

`truth/categories.json` names files, rows and categories, no texts: the files are LLaMA-Factory's demonstration data
(alpaca_en_demo.json, alpaca_zh_demo.json, dpo_zh_demo.json) and Self-Instruct's (user_oriented_instructions.jsonl,
self_instruct_seed_tasks.jsonl), which must be in FOLDER. Where a reader could defend a second category it stands behind the first;
only the first counts as right. Rows of even number chose the settings of the classifier; the others are reported.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from builder.config import Categories, Settings
from builder.curation.classifying import _fit_temperature, _Learner, guess_categories, typical_requests
from builder.encoders import ENCODERS, Codes, quantise
from builder.formats.importing import read_samples
from builder.intervals import wilson
from builder.progress import Reporter
from builder.similarity import novelty_text

_TRUTH = Path(__file__).with_name("truth") / "categories.json"


def read_rows(data: Path) -> pl.DataFrame:
    """The labelled rows: row (its own number), file, language, text and truth."""
    lines: list[dict[str, Any]] = []
    for name, labels in json.loads(_TRUTH.read_text(encoding="utf-8")).items():
        samples = {sample.row: sample for sample in read_samples([data / name], reporter=Reporter(quiet=True)).samples}
        for row, truth in labels.items():
            sample = samples[int(row)]
            language = "zh" if "_zh_" in name else "en"
            text = novelty_text(sample, "auto")
            lines.append({"file": name, "number": int(row), "language": language, "novelty_text": text, "truth": truth})
    return pl.DataFrame(lines).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))


def interval(right: int, of: int) -> str:
    """A share with its interval."""
    low, high = wilson(right, of)
    return f"{right / of:6.1%} [{low:.1%}, {high:.1%}]" if of else "–"


def vectors(rows: pl.DataFrame, arguments: argparse.Namespace) -> Codes | None:
    """Of the rows and of the typical requests."""
    if arguments.encoder is None:
        return None
    settings = Settings.model_validate({"meaning": {"encoder": arguments.encoder, "model": arguments.model}})
    encoder = ENCODERS[arguments.encoder](settings, Path("unused"), {})
    return quantise(encoder.encode([*rows["novelty_text"], *typical_requests()[0]]))


def main() -> None:
    """Print accuracy by language and part, and what `min_probability` makes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder")
    parser.add_argument("--model")
    arguments = parser.parse_args()
    rows = read_rows(arguments.data)
    codes = vectors(rows, arguments)
    asked = rows.select("row", "novelty_text", task_id=pl.col("row").cast(pl.String), category=pl.lit(None, pl.String))
    truth = np.array([labels[0] for labels in rows["truth"]])
    found = guess_categories(asked, Categories(min_probability=0), codes)
    assert found is not None
    guess = np.array(found.table["category_guess"].to_list())
    sure = found.table["category_probability"].to_numpy()
    learner = _Learner(rows["novelty_text"], np.array([""] * len(rows)), codes, shipped=True)
    scores, names = learner.scores(np.zeros(0, dtype=np.int64), np.arange(len(rows)))
    even = rows["number"].to_numpy() % 2 == 0
    print(f"temperature fitted on the rows of even number: {_fit_temperature(scores[even], names, truth[even]):.3f}")
    for language in ("en", "zh"):
        for part, chosen in (("even", even), ("odd", ~even)):
            place = (rows["language"].to_numpy() == language) & chosen
            common, count = max(((n, int((truth[place] == n).sum())) for n in np.unique(truth)), key=lambda one: one[1])
            right = int((guess[place] == truth[place]).sum())
            print(
                f"{language} {part:4}  right {interval(right, place.sum())}   {common} {interval(count, place.sum())}"
            )
            for least in (0.3, 0.4, 0.5, 0.6):
                given = place & (sure >= least)
                right = int((guess[given] == truth[given]).sum())
                print(
                    f"    min_probability {least}: {given.sum() / place.sum():.0%} get one, {interval(right, given.sum())}"
                )


if __name__ == "__main__":
    main()
