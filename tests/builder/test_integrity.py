"""What commands do where files are not what was written: they say so, and bless nothing."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from builder import pipeline
from builder.cores import usable_cores
from builder.errors import IntegrityError, UsageError
from builder.formats.writing import export
from builder.pipeline.judging import judge_folder
from builder.progress import Reporter
from builder.queries.browsing import explain_row, read_page
from builder.queries.comparing import compare
from builder.queries.database import Database
from builder.queries.selecting import Filters, chosen_samples
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.journal import JOURNAL
from builder.store.manifest import Problem
from tests.builder.older_ledgers import unseal
from tests.command import Seedbed
from trainer.data import read_published

QUIET = Reporter(quiet=True)
THINGS = ("the moon", "a river", "old maps", "green tea", "paper boats", "winter birds", "clocks", "bridges")


def flip(path: Path) -> None:
    """Change one bit in the middle, at the same size and time."""
    times, damaged = path.stat(), bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(bytes(damaged))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def settings(*overrides: str) -> list[str]:
    return ["execution.workers=1", "split.validation_share=0.3", *overrides]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    rows = [{"instruction": f"Write about {it}.", "output": f"Everybody likes {it} in June."} for it in THINGS]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    chosen = load_settings(None, settings(), {})
    pipeline.curate_files([folder / "a.jsonl"], chosen, folder / "d", QUIET)
    return folder / "d"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "d"
    pipeline.build(load_settings(None, settings("target=6"), {}), root, QUIET, {})
    return root


@pytest.fixture
def curated(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "d"))


@pytest.fixture
def grown(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "grown"))


def build_again(root: Path) -> None:
    pipeline.build(load_settings(None, settings("target=12"), {}), root, QUIET, {})


def curate_again(root: Path) -> None:
    pipeline.curate_folder(root, None, [], QUIET)


def report(root: Path) -> None:
    pipeline.rewrite_report(root)


def export_all(root: Path) -> None:
    export(chosen_samples(root, Filters()), "alpaca", root.parent / "out.jsonl")


def show(root: Path) -> None:
    with Database.open(root) as database:
        read_page(database, limit=20)


def why(root: Path) -> None:
    explain_row(root, "3")


def diff(root: Path) -> None:
    compare(root, root)


def train(root: Path) -> None:
    read_published(root)


PART = "samples/part-00000.parquet"
PUBLISHED = "publish/data/train-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *((export_all, PART), (export_all, "verdicts.parquet"), (train, PUBLISHED)),
        *((show, PART), (why, PART), (why, "verdicts.parquet"), (why, "signals/quality.parquet"), (diff, PART)),
        *((report, PART), (report, PUBLISHED), (report, "report.json"), (report, "signals/length.parquet")),
        *((curate_again, PART), (build_again, PART)),
    ],
)
@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_a_command_refuses_a_file_that_is_damaged_or_missing(
    curated: Path, grown: Path, command: Callable[[Path], None], name: str, harm: Callable[[Path], None]
) -> None:
    root = grown if command is build_again else curated
    harm(root / name)
    found = pipeline.verify(root)
    assert [problem.path for problem in found] == [name]
    with pytest.raises((IntegrityError, UsageError)) as refused:
        command(root)
    if name != "report.json":
        assert refused.value.exit_code == 6
    assert pipeline.verify(root) == found


@pytest.mark.parametrize("command", [curate_again, report, lambda root: pipeline.rebuild(root, None, [], QUIET)])
def test_damaged_settings_are_not_taken_over(grown: Path, command: Callable[[Path], object]) -> None:
    path = grown / "seedbed.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("validation_share: 0.3", "validation_share: 0.2"), "utf-8")
    before = {one: one.read_bytes() for one in grown.rglob("*") if one.is_file() and one.name != ".lock"}
    with pytest.raises(IntegrityError, match=r"seedbed\.yaml: its content is not what was written"):
        command(grown)
    assert {one: one.read_bytes() for one in before} == before
    copy = Path(shutil.copy(path, grown.parent / "copy.yaml"))
    pipeline.curate_folder(grown, copy, [], QUIET)
    assert pipeline.verify(grown) == []


def test_what_can_be_made_anew_is_and_the_rest_stays_damaged(curated: Path) -> None:
    for name in ("signals/length.parquet", PUBLISHED, "report.html", "verdicts.parquet"):
        flip(curated / name)
    curate_again(curated)
    assert pipeline.verify(curated) == []


def test_a_planted_file_is_not_trained_on_exported_or_blessed(curated: Path) -> None:
    planted = curated / "publish" / "data" / "train-00001-of-00002.parquet"
    shutil.copy(curated / PUBLISHED, planted)
    with pytest.raises(IntegrityError, match=r"train-00001-of-00002\.parquet: not in the manifest"):
        train(curated)
    DatasetFolder(curated).refresh_manifest()
    name = planted.relative_to(curated).as_posix()
    assert pipeline.verify(curated) == [Problem(name, "not in the manifest")]
    shutil.copy(curated / PART, curated / "samples" / "part-00001.parquet")
    with pytest.raises(IntegrityError, match=r"part-00001\.parquet: not in the manifest\n.*move it out"):
        export_all(curated)


def test_an_unfinished_folder_is_looked_at_and_neither_trained_on_nor_exported(curated: Path) -> None:
    with DatasetFolder(curated).lock():
        DatasetFolder(curated).withdraw_manifest()
    for command in (train, export_all):
        with pytest.raises(IntegrityError, match=r"not finished: it holds no MANIFEST\.json"):
            command(curated)
    for command in (show, why, diff):
        command(curated)
    assert pipeline.status(curated)["finished"] is False
    curate_again(curated)
    assert pipeline.verify(curated) == []


def test_without_any_manifest_nothing_is_believed_and_the_rows_make_a_new_dataset(curated: Path) -> None:
    (curated / "MANIFEST.json").unlink()
    with pytest.raises(
        IntegrityError, match=r"holds no MANIFEST\.json.*\n.*seedbed curate .*samples/\*\.parquet --out"
    ):
        curate_again(curated)
    again = curated.with_name("again")
    pipeline.curate_files([curated / PART], load_settings(None, settings(), {}), again, QUIET)
    assert DatasetFolder(again).count_samples() == 8


def test_a_build_that_an_older_version_began_goes_on(grown: Path) -> None:
    """Nothing says what its files are to be; the ledger says what its rows are."""
    (grown / "MANIFEST.json").unlink()
    rows = DatasetFolder(grown).count_samples()
    damaged = Path(shutil.copytree(grown, grown.with_name("damaged")))
    build_again(grown)
    assert DatasetFolder(grown).count_samples() > rows
    assert pipeline.verify(grown) == []
    table = pq.read_table(damaged / PART)
    pq.write_table(table.slice(0, 1).take([0] * len(table)), damaged / PART)
    with pytest.raises(IntegrityError, match="row 0 is not what the ledger gives"):
        build_again(damaged)


def test_of_a_large_folder_the_pages_that_are_read_are_checked(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.store.dataset_folder._HASHED_TO_LOOK", 0)
    for name, column in ((PART, "category"), ("verdicts.parquet", "kept"), ("signals/quality.parquet", "quality")):
        path = curated / name
        whole = path.read_bytes()
        with pq.ParquetFile(path) as file:
            group = file.metadata.row_group(0)
            chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column)
        damaged = bytearray(whole)
        damaged[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
        path.write_bytes(bytes(damaged))
        with pytest.raises(
            IntegrityError, match=rf"{path.name}: not a readable Parquet file|a table cannot be read \(.*page integrity"
        ):
            why(curated)
        path.write_bytes(whole)
    why(curated)


def test_a_lost_ledger_is_named_and_nothing_is_bought_again(grown: Path) -> None:
    (grown / "ledger.sqlite").unlink()
    assert pipeline.verify(grown) == [Problem("ledger.sqlite", "missing")]
    for command in (build_again, report, curate_again):
        with pytest.raises(IntegrityError, match=r"ledger\.sqlite: missing, and with it every reply"):
            command(grown)
    with pytest.raises(IntegrityError, match=r"ledger\.sqlite: missing"):
        pipeline.rebuild(grown, None, [], QUIET)
    with pytest.raises(IntegrityError, match=r"ledger\.sqlite: missing"):
        pipeline.add_files(grown, [grown.parent / "more.jsonl"], [], QUIET)
    assert not (grown / "ledger.sqlite").exists()
    assert pipeline.verify(grown) == [Problem("ledger.sqlite", "missing")]


def test_a_build_never_buys_into_rows_that_have_no_ledger(curated: Path) -> None:
    with pytest.raises(IntegrityError, match=r"holds rows and no ledger\.sqlite"):
        build_again(curated)
    assert not (curated / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE attempts SET reply = substr(reply, 1, 90) WHERE id = 1",
            "attempts, row 1: it is not what was written",
        ),
        ("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)", "are missing"),
        ("DELETE FROM attempts; DELETE FROM requests; DELETE FROM jobs", "are missing"),
        ("DELETE FROM jobs WHERE number = (SELECT max(number) FROM jobs)", "missing"),
        ("UPDATE jobs SET read_order = 1 - read_order WHERE read_order < 2", "over its rows"),
        ("UPDATE jobs SET dropped = 1 WHERE number = 0", "over its rows"),
        ("UPDATE attempts SET refused = 1 WHERE id = 1", "over its rows"),
        ("UPDATE meta SET value = value || ' ' WHERE key = 'row_settings'", "over its rows"),
        ("DELETE FROM meta WHERE key = 'content'", "over its rows"),
    ],
)
def test_a_changed_ledger_is_not_grown_from(grown: Path, change: str, found: str) -> None:
    connection = sqlite3.connect(grown / "ledger.sqlite")
    with connection:
        connection.executescript(change)
    connection.close()
    first = pipeline.verify(grown)[0]
    assert (first.path, found in first.problem) == ("ledger.sqlite", True)
    for command in (build_again, lambda root: pipeline.rebuild(root, None, [], QUIET)):
        with pytest.raises(IntegrityError, match=found):
            command(grown)


def test_a_lost_judge_ledger_is_not_paid_for_again(grown: Path) -> None:
    cap = settings("teacher.provider=embedded")
    judge_folder(grown, None, cap, QUIET, {})
    assert not (grown / JOURNAL).exists()
    assert pipeline.verify(grown) == []
    (grown / "judge.sqlite").unlink()
    assert pipeline.verify(grown) == [Problem("judge.sqlite", "missing")]
    with pytest.raises(IntegrityError, match=r"judge\.sqlite: missing"):
        judge_folder(grown, None, cap, QUIET, {})
    (grown / "signals" / "judge.parquet").unlink()  # on purpose, then
    judge_folder(grown, None, cap, QUIET, {})
    assert pipeline.verify(grown) == []


def test_an_older_ledger_says_what_cannot_be_checked(grown: Path, seedbed: Seedbed) -> None:
    unseal(grown)
    connection = sqlite3.connect(grown / "ledger.sqlite")
    (count,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    connection.close()
    ended = seedbed("verify", grown)
    assert ended.code == 0
    assert ended.out.startswith(
        f"{grown}/ledger.sqlite: of {count} attempts, written by an older version, only the replies"
    )
    build_again(grown)
    assert pipeline.verify(grown) == []


def test_where_the_system_does_not_say_which_cores_are_free_all_count(
    curated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "process_cpu_count", os.cpu_count, raising=False)  # as Python 3.13 has it on such a system
    assert usable_cores() == os.cpu_count()
    pipeline.curate_folder(curated, None, ["execution.workers=null"], QUIET)


def test_a_system_without_file_locks_is_told_in_a_sentence() -> None:
    code = "import sys; sys.modules['fcntl'] = None; from builder.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (
        "seedbed: this system has no file locks as Linux and macOS have them, and Seedbed needs them\n"
        "  On Windows, run it inside the Windows Subsystem for Linux (WSL).\n"
    )
