"""Adding files to a dataset: the result of one curation of all the rows, whole or not at all."""

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder import pipeline
from builder.curation.partitions import Work, measure_partition
from builder.errors import InputFileError, UsageError
from builder.formats.importing import distinct_names
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store import dataset_folder
from builder.store.dataset_folder import DatasetFolder, Partition
from builder.store.reviews import Review

QUIET = Reporter(quiet=True)
ROOT = Path(__file__).parents[2]

# Files added to a folder.

STEMS = [
    ("Name {} plants that grow near the {} and say what each of them is good for", ["three", "five"], ["sea", "road"]),
    ("请列出{}种适合在{}种植的植物并说明各有什么用处", ["三", "五"], ["山地", "河边"]),
    ("Explain how the {} of a clock moves the {}", ["spring", "weight"], ["hands", "wheel"]),
]
# Of different length, so that added rows fall among earlier ones in the order of preference.
ANSWERS = [
    "Moss and fern.",
    "Reed grows there, and it holds the bank together. " * 3,
    "山地适合种植苹果和梨，它们耐寒。",
    "",
    "好的" * 40,
]


@st.composite
def rows_of_a_file(draw: st.DrawFn) -> list[dict[str, str]]:
    rows = []
    for _ in range(draw(st.integers(4, 16))):
        frame, *slots = draw(st.sampled_from(STEMS))
        words = (draw(st.sampled_from(slot)) for slot in slots)
        extra = draw(st.sampled_from(["", " now", "。"]))
        rows.append({"instruction": frame.format(*words) + extra, "output": draw(st.sampled_from(ANSWERS))})
    return rows


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered(count: int, start: int = 0) -> list[dict[str, str]]:
    """Rows that nothing drops."""
    kinds = ["lamp", "boat", "stove", "wheel", "fence", "kite", "drum", "clock", "saddle", "plough"]
    return [
        {"instruction": f"{row} {kinds[row % 10]} w{row} x{row} y{row}", "output": f"Answer {row} of them is here."}
        for row in range(start, start + count)
    ]


def curated(files: Sequence[Path], root: Path, *overrides: str) -> DatasetFolder:
    chosen = load_settings(None, ["name=d", "execution.workers=1", *overrides], {})
    pipeline.curate_files(files, chosen, root, QUIET)
    return DatasetFolder(root)


def content(folder: DatasetFolder) -> dict[str, Any]:
    """All that says something of the rows, but for how they are cut into parts, what was decided before and how."""
    left_out = {"MANIFEST.json", ".lock", "verdicts-previous.parquet", "verdicts.parquet"}
    paths = [path.relative_to(folder.root) for path in sorted(folder.root.rglob("*")) if path.is_file()]
    kept = [path for path in paths if str(path) not in left_out and path.parts[0] not in ("samples", "search")]
    verdicts = {"verdicts": pq.read_table(folder.verdicts).to_pylist()}
    return verdicts | {str(path): (folder.root / path).read_bytes() for path in kept}


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=st.lists(rows_of_a_file(), min_size=2, max_size=4),
    reviewed=st.dictionaries(st.integers(0, 13), st.sampled_from(["keep", "drop"]), max_size=3),
    more=st.sampled_from([(), ("balance.max_share=0.5",), ("novelty.threshold=0.5", "split.validation_share=0.3")]),
)
def test_rows_added_in_steps_give_what_one_curation_of_all_gives(
    files: list[list[dict[str, str]]],
    reviewed: dict[int, Any],
    more: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("added")
    paths = [write_rows(tmp_path / f"{number}.jsonl", rows) for number, rows in enumerate(files)]
    grown, whole = curated(paths[:1], tmp_path / "grown", *more), curated(paths, tmp_path / "whole", *more)
    for folder in (grown, whole):
        for row, decision in reviewed.items():
            if row < len(files[0]):
                folder.reviews.append(Review(row, "", decision, review_id=f"{row:016x}"))
    pipeline.curate_folder(whole.root, None, (), QUIET)
    for path in paths[1:]:
        pipeline.add_files(grown.root, [path], (), QUIET)
    assert grown.samples_table() == whole.samples_table()
    assert content(grown) == content(whole)
    assert grown.verify() == []


def test_deciding_again_by_other_filters_gives_what_a_first_decision_gives(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [
        {
            "instruction": frame.format(*map(rng.choice, slots)) + rng.choice(["", " now", "。"]),
            "output": rng.choice(ANSWERS),
        }
        for frame, *slots in rng.choices(STEMS, k=40)
    ]
    file = write_rows(tmp_path / "a.jsonl", rows + numbered(40))
    folder = curated([file], tmp_path / "again")
    for least in (4, 25, 3, 1):
        setting = f"filters.min_answer_words={least}"
        pipeline.curate_folder(folder.root, None, [setting], QUIET, may_measure=False)
        assert content(folder) == content(curated([file], tmp_path / str(least), setting))
    assert folder.verify() == []


def test_earlier_parts_stay_and_only_new_rows_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = curated([write_rows(tmp_path / "a.jsonl", numbered(30))], tmp_path / "d")
    part = (folder.samples / "part-00000.parquet").stat()
    measured: list[int] = []

    def counted(work: Work, partition: Partition) -> dict[str, pa.Table]:
        measured.append(partition.count)
        return measure_partition(work, partition)

    monkeypatch.setattr("builder.pipeline.measuring.measure_partition", counted)
    added = pipeline.add_files(folder.root, [write_rows(tmp_path / "b.jsonl", numbered(7, 30))], (), QUIET)
    assert (added.first, added.rows, added.kept, added.repeated) == (30, 7, 7, 0)
    assert measured == [7]
    now = (folder.samples / "part-00000.parquet").stat()
    assert (now.st_ino, now.st_mtime_ns) == (part.st_ino, part.st_mtime_ns)
    assert [pq.read_metadata(path).num_rows for path in folder.parts(folder.samples)] == [30, 7]
    assert [sample.row for sample in folder.iter_samples()] == list(range(37))
    assert not folder.staging.exists()


def test_one_file_twice_is_exact_duplicates_in_tasks_of_their_own(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.jsonl", numbered(12))
    folder = curated([file], tmp_path / "d")
    for time_ in range(2):
        added = pipeline.add_files(folder.root, [file], (), QUIET)
        assert (added.first, added.rows, added.kept, added.repeated) == (12 * (time_ + 1), 12, 0, 12)
    verdicts = folder.read_verdicts()
    assert [(v.reason, v.of) for v in verdicts[24:]] == [("exact_duplicate", row) for row in range(12)]
    samples = list(folder.iter_samples())
    assert len({sample.task_id for sample in samples}) == len({sample.source for sample in samples}) == 36


def test_names_that_are_taken_are_lengthened_or_numbered() -> None:
    def names(paths: list[str], *taken: str) -> list[str]:
        return distinct_names([Path(path) for path in paths], lambda path: path.name, taken)

    assert names(["x/a.json", "b.json"]) == ["a.json", "b.json"]
    assert names(["x/a.json", "x/b.json"], "a.json") == ["x/a.json", "x/b.json"]
    assert names(["x/a.json"], "a.json", "x/a.json") == ["x/a.json~1"]
    assert names(["x/a.json", "x/a.json"], "x/a.json~2") == ["x/a.json~1", "x/a.json~3"]


def test_settings_and_a_mapping_go_with_the_added_files(tmp_path: Path) -> None:
    folder = curated([write_rows(tmp_path / "a.jsonl", numbered(10))], tmp_path / "d")
    rows = [{"ask": row["instruction"], "say": row["output"]} for row in numbered(5, 10)]
    file = write_rows(tmp_path / "b.jsonl", rows)
    added = pipeline.add_files(
        folder.root, [file], ["filters.max_answer_words=1"], QUIET, {"instruction": "ask", "output": "say"}
    )
    assert (added.rows, added.kept) == (5, 0)
    assert {verdict.reason for verdict in folder.read_verdicts()} == {"answer_too_long"}
    assert load_settings(folder.settings, environ={}).filters.max_answer_words == 1


def test_vectors_of_earlier_rows_are_found_again(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    files = [write_rows(tmp_path / f"{name}.jsonl", numbered(8, 8 * place)) for place, name in enumerate("ab")]
    whole = curated(files, tmp_path / "whole", "meaning.encoder=characters")
    folder = curated(files[:1], tmp_path / "d", "meaning.encoder=characters")
    pipeline.add_files(folder.root, files[1:], (), QUIET)
    assert content(folder) == content(whole)
    assert folder.verify() == []


def test_a_failed_addition_leaves_the_dataset_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_folder, "ROWS_PER_PART", 3)
    folder = curated([write_rows(tmp_path / "a.jsonl", numbered(5))], tmp_path / "d")
    before, names = content(folder), {path.name for path in folder.root.rglob("*")}
    broken = tmp_path / "b.jsonl"
    broken.write_text("".join(json.dumps(row) + "\n" for row in numbered(9, 5)) + "{\n", encoding="utf-8")
    with pytest.raises(InputFileError, match=r"b.jsonl"):
        pipeline.add_files(folder.root, [broken], (), QUIET)
    benchmark = f"contamination.against=[{tmp_path / 'none.jsonl'}]"
    whole = write_rows(tmp_path / "c.jsonl", numbered(4, 5))
    with pytest.raises(InputFileError, match=r"none.jsonl"):
        pipeline.add_files(folder.root, [whole], [benchmark], QUIET)
    assert content(folder) == before
    assert {path.name for path in folder.root.rglob("*")} == names
    assert folder.verify() == []
    assert not folder.staging.exists()


def test_what_cannot_be_added_to_is_refused(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.jsonl", numbered(3))
    with pytest.raises(InputFileError, match="no such dataset folder"):
        pipeline.add_files(tmp_path / "none", [file], (), QUIET)
    with pytest.raises(InputFileError, match=r"not a dataset folder: it holds no seedbed.yaml"):
        pipeline.add_files(tmp_path, [file], (), QUIET)
    chosen = load_settings(None, ["target=12", "growth.tasks_per_request=4", "split.min_validation_rows=0"], {})
    pipeline.build(chosen, tmp_path / "grown", QUIET, {})
    grown = DatasetFolder(tmp_path / "grown")
    before = content(grown)
    with pytest.raises(UsageError, match="was grown, and its rows are what its ledger gives") as refused:
        pipeline.add_files(grown.root, [file], (), QUIET)
    assert content(grown) == before
    # The way out that is named works.
    assert f"`seedbed curate {grown.root}/publish/data/*.parquet FILE --out NEW`" in refused.value.remedy
    both = curated([*sorted((grown.publish / "data").glob("*.parquet")), file], tmp_path / "both")
    assert both.count_samples() == 15


# A kill in the middle.

SLOW = """
import sys, time
from pathlib import Path
from builder import pipeline
from builder.pipeline import {module}
from builder.progress import Reporter
plain = {module}.{name}
def slow(*arguments, **named):
    {before}
    print("there", flush=True)
    time.sleep(60)
    {after}
{module}.{name} = slow
pipeline.add_files(Path(sys.argv[1]), [Path(sys.argv[2])], (), Reporter(quiet=True))
"""


def kill_in(module: str, name: str, folder: DatasetFolder, file: Path, *, done: bool = False) -> None:
    """Add a file in a process that is killed before, or after, a function has run."""
    call = "result = plain(*arguments, **named)" if done else "pass"
    code = SLOW.format(module=module, name=name, before=call, after="return result" if done else "raise SystemExit")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.root), str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "there\n"
        process.kill()


@pytest.mark.parametrize(("name", "done"), [("import_files", True), ("finish", False)])
def test_a_killed_addition_leaves_the_dataset_as_it_was_and_can_be_run_again(
    name: str, done: bool, tmp_path: Path
) -> None:
    files = [write_rows(tmp_path / f"{file}.jsonl", numbered(6, 6 * place)) for place, file in enumerate("ab")]
    folder, whole = curated(files[:1], tmp_path / "d"), curated(files, tmp_path / "whole")
    before = content(folder)
    kill_in("adding", name, folder, files[1], done=done)
    assert folder.staging.exists()
    staged = {path for path in content(folder) if path.startswith(".rebuild/")}
    assert {path: data for path, data in content(folder).items() if path not in staged} == before
    assert folder.count_samples() == 6
    assert folder.verify() == []
    pipeline.add_files(folder.root, files[1:], (), QUIET)
    assert content(folder) == content(whole)


def test_an_addition_killed_at_its_end_is_completed_and_not_repeated(tmp_path: Path) -> None:
    files = [write_rows(tmp_path / f"{file}.jsonl", numbered(6, 6 * place)) for place, file in enumerate("ab")]
    folder, whole = curated(files[:1], tmp_path / "d"), curated(files, tmp_path / "whole")
    kill_in("adding", "finish", folder, files[1], done=True)
    assert folder.count_samples() == 6
    with pytest.raises(
        UsageError, match="a run that was cut short at its very end is completed now; the dataset has 12"
    ):
        pipeline.add_files(folder.root, files[1:], (), QUIET)
    assert content(folder) == content(whole)
    assert folder.verify() == []
