"""Searching, counting and paging a folder of a million rows, beside Polars scans of the same files.

    python -m benchmarks.queries [ROWS] [FOLDER]     a million rows take 2 GB of disk and some minutes to write; a folder is kept

Rows are made up, in the real format on disk, without curation: half Chinese, half English, their verdicts drawn. Each question is asked in
one process that holds the folder open, once to get warm and then so many times with other words, values and places; Polars is asked
the same with `scan_parquet`, as often as it has time for. Printed: the median and the 95th percentile of each in ms, and their ratio.
"""

import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from builder.config import Execution, Settings
from builder.pipeline.indexing import write_indexes
from builder.queries.browsing import count_by, read_page, read_rows
from builder.queries.database import Database
from builder.queries.records import Key
from builder.queries.searching import search
from builder.queries.selecting import Filters
from builder.reporting.tables import scan_files, scan_samples
from builder.schema import VERDICT_SCHEMA, Sample, task_messages
from builder.settings_file import dump_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_text

_ASKED = 40
_ASKED_POLARS = 5
_LIMIT = 50
_CATEGORIES = ("writing", "mathematics", "coding", "extraction", "rewriting", "reasoning", "closed_qa", "translation")
_REASONS = ("too_similar", "exact_duplicate", "refusal", "answer_too_short", "language_mismatch")
# 2,500 characters and 6,000 words, drawn as texts draw them: few often, most seldom.
_CHARACTERS = [chr(0x4E00 + 7 * number) for number in range(2_500)]
_WORDS = [
    f"{a}{b}{c}"
    for a in ("ba", "ko", "ri", "tu", "se", "mo", "fa", "li", "no", "que")
    for b in (
        "lan",
        "ter",
        "mis",
        "pol",
        "gra",
        "sun",
        "vek",
        "dor",
        "hal",
        "fin",
        "cor",
        "wes",
        "jup",
        "zan",
        "bel",
        "tor",
        "nik",
        "lum",
        "rad",
        "pes",
    )
    for c in range(30)
]


def texts(rng: random.Random, *, chinese: bool) -> tuple[str, str]:
    """An instruction and an answer: about 30 and 120 characters, or 12 and 45 words."""
    pool, blank, lengths = (_CHARACTERS, "", (30, 120)) if chinese else (_WORDS, " ", (12, 45))
    drawn = [blank.join(pool[int(len(pool) * rng.random() ** 3)] for _ in range(length)) for length in lengths]
    return drawn[0], drawn[1]


def samples(rows: int) -> Iterator[Sample]:
    """Made-up rows, the same each time."""
    rng = random.Random(13)
    for row in range(rows):
        asked, answer = texts(rng, chinese=row % 2 == 0)
        yield Sample(
            row=row,
            task_id=f"made#{row}",
            messages=task_messages(asked, None, answer),
            category=rng.choice(_CATEGORIES),
            language="zh" if row % 2 == 0 else "en",
            origin="imported",
            source=f"made.jsonl#{row + 1}",
            instruction=asked,
        )


def verdicts(rows: int) -> pa.Table:
    """A third of the rows dropped, each for a reason with a check."""
    rng = random.Random(17)
    records = []
    for row in range(rows):
        reason = rng.choice(_REASONS) if rng.random() < 1 / 3 else None
        of = rng.randrange(row) if reason == "too_similar" and row else None
        check = {"reason": reason, "value": rng.random(), "threshold": 0.7, "of": of, "evidence": ""}
        split = None if reason else "validation" if rng.random() < 0.05 else "train"
        records.append(
            {
                "row": row,
                "kept": reason is None,
                "reason": reason,
                "of": of,
                "checks": [check] if reason else [],
                "split": split,
            }
        )
    return pa.Table.from_pylist(records, schema=VERDICT_SCHEMA)


def make(root: Path, rows: int) -> None:
    """Write the folder, and say what its search index cost."""
    folder = DatasetFolder(root)
    with folder.lock():
        write_text(folder.settings, dump_settings(Settings()))
        folder.write_samples(samples(rows))
        folder.write_verdicts(verdicts(rows))
        rng = random.Random(19)
        folder.write_signal("quality", pa.table({"row": range(rows), "quality": [rng.random() for _ in range(rows)]}))
        before, begun = _cpu(), time.perf_counter()
        write_indexes(folder, Execution())
        size = sum(path.stat().st_size for path in folder.search.iterdir())
        print(
            f"search index: {_cpu() - before:.1f} s of CPU, {time.perf_counter() - begun:.1f} s, {size / 2**20:,.0f} MiB"
        )
        folder.write_manifest()


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(ask: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each asking but the first, rising."""
    ask()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - begun))
    return sorted(found)


def questions(database: Database, rows: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is asked of us, and the same of Polars."""
    rng = random.Random(23)
    folder = database.folder

    def word() -> str:
        return "".join(_CHARACTERS[int(len(_CHARACTERS) * rng.random() ** 3)] for _ in range(2))

    def decided() -> pl.LazyFrame:
        labels = scan_samples(folder).select("row", "category", "language")
        return labels.join(scan_files(folder.verdicts).select("row", "kept", "reason"), on="row", how="inner")

    def holding(text: str) -> pl.LazyFrame:
        turns = (
            pl.col("messages")
            .list.eval(pl.element().struct.field("content").str.contains(text, literal=True))
            .list.any()
        )
        return scan_samples(folder).filter(turns).select("row")

    def page_of_polars(kept: pl.Expr) -> object:
        begin = rng.randrange(rows)
        chosen = decided().filter(kept & (pl.col("row") > begin)).sort("row").head(_LIMIT).collect()
        return (
            scan_samples(folder)
            .filter(pl.col("row").is_in(chosen["row"].implode()))
            .select("row", "messages")
            .collect()
        )

    return {
        "rows that hold a word of two characters": (
            lambda: search(database, word()),
            lambda: holding(word()).collect(),
        ),
        "one character": (
            lambda: search(database, word()[0]),
            lambda: holding(word()[0]).collect(),
        ),
        "rows by category, kept among them": (
            lambda: count_by(database, "category"),
            lambda: decided().group_by("category").agg(pl.len(), pl.col("kept").sum()).collect(),
        ),
        "reasons of the rows of a category": (
            lambda: count_by(database, "reason", Filters(category=rng.choice(_CATEGORIES))),
            lambda: decided().filter(pl.col("category") == rng.choice(_CATEGORIES)).group_by("reason").len().collect(),
        ),
        "categories of what holds a word": (
            lambda: count_by(database, "category", Filters(search=word())),
            lambda: holding(word()).join(decided(), on="row").group_by("category").len().collect(),
        ),
        "50 kept rows at any depth, with texts": (
            lambda: read_page(database, Filters(kept=True), after=Key(None, rng.randrange(rows)), limit=_LIMIT),
            lambda: page_of_polars(pl.col("kept")),
        ),
        "50 rows by quality at any depth": (
            lambda: read_rows(
                database, sort="quality", descending=True, after=Key(rng.random(), rng.randrange(rows)), limit=_LIMIT
            ),
            lambda: (
                decided()
                .join(scan_files(folder.signals / "quality.parquet"), on="row")
                .filter(pl.col("quality") < rng.random())
                .sort("quality", "row", descending=[True, False])
                .head(_LIMIT)
                .collect()
            ),
        ),
    }


def _percentile(rising: list[float], share: float) -> float:
    return rising[min(len(rising) - 1, int(share * len(rising)))]


def main() -> None:
    """Make the folder where it is not there, and ask."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp()) / "made"
    if not (root / "MANIFEST.json").exists():
        make(root, rows)
    with Database.open(root) as database:
        begun = time.perf_counter()
        count_by(database, "category")
        print(f"labels read: {time.perf_counter() - begun:.1f} s, once a process; {rows:,} rows")
        for name, (ours, polars) in questions(database, rows).items():
            mine, theirs = timed(ours, _ASKED), timed(polars, _ASKED_POLARS)
            ratio = _percentile(theirs, 0.5) / _percentile(mine, 0.5)
            print(
                f"{name:40} {_percentile(mine, 0.5):7.1f} {_percentile(mine, 0.95):7.1f}   "
                f"Polars {_percentile(theirs, 0.5):7.1f} {theirs[-1]:7.1f}   {ratio:,.0f} times"
            )
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB")
    if len(sys.argv) <= 2:
        shutil.rmtree(root.parent)


if __name__ == "__main__":
    main()
