"""Reads a dataset beside a writer that decides again and again: every read is of one decision, and none finds damage.

    python -m benchmarks.readers                3,000 reads in all, by three processes
    python -m benchmarks.readers --reads 300

The writer takes turns between two lengths of answers under which different rows are kept. A reader looks at the folder as `show`, `why`,
`status`, `verify` and training do, and as somebody does who loads what is published beside its report and verdicts.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.alpaca_rows import write_rows
from builder import pipeline
from builder.errors import SeedbedError
from builder.pipeline.publishing import read_report
from builder.progress import Reporter
from builder.queries.browsing import explain_row, find_rows
from builder.queries.selecting import Filters
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.snapshot import consistent, decision_of, open_snapshot
from trainer.data import read_published

LONGEST = (8_000, 100)  # words of an answer
_QUIET = Reporter(quiet=True)
# Decides in turn until it is told to end, and says how often it did.
_WRITER = """
import sys
from pathlib import Path
from builder import pipeline
from builder.progress import Reporter
turn = 0
while not Path(sys.argv[2]).exists():
    pipeline.curate_folder(Path(sys.argv[1]), None, [f"filters.max_answer_words={sys.argv[3 + turn % 2]}"], Reporter(quiet=True))
    turn += 1
print(turn)
"""


@consistent
def facts(root: Path) -> tuple[int, int, int, int]:
    """What the files of one decision say: its setting, and the kept rows by verdicts, report and published files."""
    folder = open_snapshot(root)
    longest = load_settings(folder.settings, environ={}).filters.max_answer_words
    kept = sum(folder.verdicts_table(["kept"])["kept"].to_pylist())
    report = read_report(folder)["rows"]["kept"]
    published = read_published(folder.root)
    rows = len(published.train) + len(published.validation)
    return longest, kept, report, rows


def _facts_agree(root: Path) -> bool:
    longest, *kept = facts(root)
    return longest in LONGEST and len(set(kept)) == 1


def _why_agrees(root: Path) -> bool:
    why = explain_row(root, "1")
    return bool(why["kept"] == (why["reason"] is None) == (why["split"] is not None))


def _published_loads(root: Path) -> bool:
    published = read_published(root)
    return len(published.train) + len(published.validation) > 0


READS: tuple[Callable[[Path], bool], ...] = (
    _facts_agree,
    lambda root: not pipeline.verify(root),
    lambda root: find_rows(root, Filters(kept=True), limit=5).total > 0,
    _why_agrees,
    lambda root: pipeline.status(root)["finished"],
    _published_loads,
)


def read_often(root: Path, reads: int) -> tuple[Counter[str], list[str]]:
    """How many reads there were and on how many decisions, and what was wrong: mixed, or damage that is none."""
    wrong: list[str] = []
    seen = set()
    for number in range(reads):
        seen.add(decision_of(root))
        try:
            if not READS[number % len(READS)](root):
                wrong.append(f"read {number}: two decisions in one answer, or a problem")
        except (SeedbedError, OSError) as error:
            wrong.append(f"read {number}: {error}")
    return Counter(reads=reads, changes_seen=len(seen)), wrong


def race(root: Path, reads: int, readers: int = 3) -> tuple[Counter[str], list[str]]:
    """Let readers read beside a writer; returns what was counted and what was wrong."""
    end = root.parent / "end"
    longest = map(str, LONGEST)
    arguments = [sys.executable, "-c", _WRITER, str(root), str(end), *longest]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        try:
            with ProcessPoolExecutor(readers, mp_context=get_context("spawn")) as pool:
                found = list(pool.map(read_often, [root] * readers, [-(-reads // readers)] * readers))
        finally:
            end.touch()
        decisions, _ = writer.communicate()
    counts = Counter(decisions=int(decisions))
    for counted, _ in found:
        counts += counted
    return counts, [problem for _, problems in found for problem in problems]


def _refuse_equal(root: Path) -> None:
    """Two decisions that keep as many rows could be mixed unseen."""
    kept = set()
    for longest in LONGEST:
        pipeline.curate_folder(root, None, [f"filters.max_answer_words={longest}"], _QUIET)
        kept.add(facts(root)[1])
    if len(kept) < len(LONGEST):
        raise SystemExit("the two decisions keep as many rows as each other")


def main() -> int:
    """Run the race and print what it came to; 1 where a read was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=3_000)
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="seedbed-readers-"))
    try:
        file = place / "rows.jsonl"
        write_rows(file, options.rows)
        settings = load_settings(None, [f"filters.max_answer_words={LONGEST[0]}"], {})
        pipeline.curate_files([file], settings, place / "d", _QUIET)
        _refuse_equal(place / "d")
        counts, wrong = race(place / "d", options.reads)
        left = DatasetFolder(place / "d").verify()
    finally:
        shutil.rmtree(place)
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    print(f"wrong reads {len(wrong):,}; problems at the end {len(left)}")
    for problem in wrong[:10]:
        print(f"  {problem}")
    return 1 if wrong or left else 0


if __name__ == "__main__":
    raise SystemExit(main())
