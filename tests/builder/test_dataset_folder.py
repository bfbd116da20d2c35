import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import DiskError, FolderInUseError, InputFileError, IntegrityError
from builder.reporting.tables import Tables
from builder.schema import (
    MESSAGE_TYPE,
    SAMPLE_SCHEMA,
    Check,
    Message,
    Rejection,
    Sample,
    Verdict,
    conversation_id,
    sample_from_record,
    task_messages,
)
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import atomic_path, write_json, write_text
from builder.store.manifest import Problem
from builder.store.reviews import Review


def sample(row: int, instruction: str = "数一数", output: str = "三") -> Sample:
    return Sample(
        row=row,
        task_id=f"t{row}",
        messages=task_messages(instruction, "甲乙丙", output),
        category="mathematics",
        language="zh",
        origin="generated",
        source="alpaca:test",
        instruction=instruction,
        input="甲乙丙",
        parents=("s1",),
    )


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    folder = DatasetFolder(tmp_path / "data")
    folder.write_samples([sample(0), sample(1)])
    folder.write_verdicts(
        [Verdict(0, True, split="train"), Verdict(1, False, "too_similar", 0, (Check("too_similar", 0.8, 0.7, 0),))]
    )
    write_text(folder.settings, "name: data\n")
    folder.write_manifest()
    return folder


def test_samples_come_back_as_they_were_with_tool_calls_and_preference(folder: DatasetFolder) -> None:
    rich = Sample(
        row=2,
        task_id="r",
        messages=(
            Message("system", "You help."),
            Message("user", "天气？"),
            Message("assistant", "", '[{"name": "weather", "arguments": {"city": "西安"}}]'),
            Message("tool", '{"sky": "晴"}', name="weather"),
            Message("assistant", "晴。"),
        ),
        category=None,
        language="zh",
        origin="imported",
        source="a.json#1",
        tools='[{"name": "weather"}]',
        rejected="不知道。",
        answer_key='{"family": "x", "check": "exact", "answer": "晴"}',
    )
    folder.write_samples([rich])
    assert list(folder.iter_samples())[2] == rich
    assert folder.samples_table().schema.equals(SAMPLE_SCHEMA)


def test_rows_must_continue_the_numbering(folder: DatasetFolder) -> None:
    with pytest.raises(ValueError, match="row 5 does not follow row 1"):
        folder.write_samples([sample(5)])


def test_a_part_without_a_newer_column_reads_as_nulls(folder: DatasetFolder) -> None:
    part = folder.samples / "part-00000.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["answer_key", "rejected"]), part)
    assert [s.answer_key for s in folder.iter_samples()] == [None, None]
    assert folder.samples_table()["rejected"].null_count == 2


def test_ids_of_rows_without_newer_members_stay(folder: DatasetFolder) -> None:
    """Reviews, parents and splits name rows by ids that were made before turns had reasoning and weights."""
    turns = (
        Message("user", "Is 91 prime?"),
        Message("assistant", "", '[{"name": "divide", "arguments": {"a": 91}}]'),
        Message("tool", "7 × 13", name="divide"),
        Message("assistant", "No."),
    )
    assert conversation_id(turns, '[{"name": "divide"}]') == "05b9ad079337bc3d"
    later = [(*turns[:3], replace(turns[3], **member)) for member in ({"reasoning": "7 × 13"}, {"weight": 0})]
    assert len({conversation_id(turns), *map(conversation_id, later)}) == 3


def test_parts_of_before_and_after_a_member_came_read_as_one(folder: DatasetFolder) -> None:
    part = folder.samples / "part-00000.parquet"
    turns = [[{key: turn[key] for key in ("role", "content", "tool_calls", "name")} for turn in row] for row in
             pq.read_table(part)["messages"].to_pylist()]  # fmt: skip
    older = pa.list_(pa.struct([MESSAGE_TYPE.field(place) for place in range(4)]))
    old = folder.samples_table()
    place = old.schema.get_field_index("messages")
    pq.write_table(old.set_column(place, pa.field("messages", older, nullable=False), pa.array(turns, older)), part)
    thoughtful = (Message("user", "Q"), Message("assistant", "A.", reasoning="R.", weight=0))
    folder.write_samples([replace(sample(2), messages=thoughtful)])
    for found in (
        [row.messages for row in folder.iter_samples()],
        [row.messages for row in Tables(folder, *[pl.DataFrame()] * 3).samples([0, 1, 2]).values()],  # type: ignore[arg-type]
        [sample_from_record(record).messages for record in folder.sample_records([0, 1, 2])],
    ):
        assert found == [sample(0).messages, sample(1).messages, thoughtful]


def test_verdicts_and_rejections_come_back(folder: DatasetFolder) -> None:
    assert folder.read_verdicts()[1].checks == (Check("too_similar", 0.8, 0.7, 0),)
    folder.write_rejections([Rejection("r1", 0, "not_json", evidence="<html>", text="<html>")])
    folder.write_rejections([])
    assert folder.rejections_table()["reason"].to_pylist() == ["not_json"]


def test_a_whole_folder_verifies(folder: DatasetFolder) -> None:
    assert folder.verify() == []


def test_every_flipped_byte_is_found(folder: DatasetFolder) -> None:
    for path in (folder.samples / "part-00000.parquet", folder.verdicts, folder.settings):
        original = path.read_bytes()
        for place in range(0, len(original), max(1, len(original) // 40)):
            damaged = bytearray(original)
            damaged[place] ^= 1
            path.write_bytes(bytes(damaged))
            assert [problem.path for problem in folder.verify()] == [path.relative_to(folder.root).as_posix()]
        path.write_bytes(original)
    assert folder.verify() == []


def test_a_manifest_or_a_journal_of_any_content_is_no_traceback(folder: DatasetFolder) -> None:
    folder.manifest.write_text("[" * 200_000, encoding="utf-8")
    assert folder.verify() == [Problem("MANIFEST.json", "damaged (nested too deeply)")]
    with pytest.raises(IntegrityError, match="nested too deeply"):
        folder.check_finished(folder.samples)
    folder.manifest.unlink()
    name = "samples/part-00000.parquet"
    files: tuple[Any, ...] = (1, "x", {"sha256": "x"}, {"sha256": "x", "cytes": 3}, [])
    lines = [{"name": name, "by": None, "file": file} for file in files]
    text = "\n".join(["[" * 200_000, "[]", "7", *map(json.dumps, lines)])
    (folder.root / "MANIFEST-pending.jsonl").write_text(text, encoding="utf-8")
    assert folder.verify() == [Problem("MANIFEST.json", "missing: the run that writes it did not finish")]


def test_every_flipped_byte_of_the_manifest_is_found(folder: DatasetFolder) -> None:
    original = folder.manifest.read_bytes()
    for place in range(0, len(original), 7):
        damaged = bytearray(original)
        damaged[place] ^= 1
        folder.manifest.write_bytes(bytes(damaged))
        if original[place : place + 1].isspace():
            continue  # white space between JSON values says nothing
        assert "MANIFEST.json" in {problem.path for problem in folder.verify()}, place


@pytest.mark.parametrize("times", ["kept", "new"])
def test_damage_stays_visible_when_the_manifest_is_written_again(folder: DatasetFolder, times: str) -> None:
    part = folder.samples / "part-00000.parquet"
    before, damaged = part.stat(), bytearray(part.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part.write_bytes(bytes(damaged))
    if times == "kept":
        os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a failing disk damages a file
    folder.refresh_manifest()
    folder.withdraw_manifest()
    folder.write_manifest()
    assert [problem.path for problem in folder.verify()] == ["samples/part-00000.parquet"]


def test_only_what_was_written_here_gets_a_new_hash(folder: DatasetFolder) -> None:
    folder.withdraw_manifest()
    write_text(folder.settings, "name: other\n")
    folder.write_manifest()
    assert folder.verify() == []
    folder.settings.write_text("name: mine\n", encoding="utf-8")
    (folder.root / "notes.txt").write_text("x", encoding="utf-8")
    folder.verdicts.unlink()
    folder.withdraw_manifest()
    folder.write_manifest()
    assert folder.verify() == [
        Problem("verdicts.parquet", "missing"),
        Problem("notes.txt", "not in the manifest"),
        Problem("seedbed.yaml", "its content is not what was written (SHA-256 differs)"),
    ]


KILLED = """
import os, sys
from pathlib import Path
import pyarrow as pa
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import remove_file
folder = DatasetFolder(Path(sys.argv[1]))
with folder.lock():
    folder.withdraw_manifest()
    folder.write_signal("known", pa.table({"row": [0, 1]}))
    remove_file(folder.signals / "old.parquet")
    replace = Path.replace
    Path.replace = lambda path, other: os._exit(9) if other.name == sys.argv[2] else replace(path, other)
    folder.write_signal("first", pa.table({"row": [0]}))
    folder.write_verdicts([])
"""


def test_a_file_that_a_killed_process_never_put_in_place_is_not_missing(folder: DatasetFolder) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder.root), "first.parquet"], check=False)
    assert killed.returncode == 9
    assert folder.verify() == [Problem("MANIFEST.json", "missing: the run that writes it did not finish")]
    folder.check(folder.signals)
    (folder.signals / "known.parquet").unlink()
    (folder.samples / "part-00000.parquet").unlink()
    with folder.lock():
        folder.write_manifest()
    assert folder.verify() == [Problem("samples/part-00000.parquet", "missing")]


def test_what_a_killed_write_left_beside_whole_files_is_no_damage(folder: DatasetFolder) -> None:
    (folder.samples / ".seedbed-1-0.tmp").write_bytes(b"x")
    assert folder.verify() == []


def test_a_killed_process_leaves_nothing_unknown_and_blesses_nothing(folder: DatasetFolder) -> None:
    folder.write_signal("old", pa.table({"row": [0, 1]}))
    folder.write_manifest()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder.root), "verdicts.parquet"], check=False)
    assert killed.returncode == 9
    assert folder.verify() == [Problem("MANIFEST.json", "missing: the run that writes it did not finish")]
    part = folder.samples / "part-00000.parquet"
    damaged = bytearray(part.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part.write_bytes(bytes(damaged))
    (folder.signals / "planted.parquet").write_bytes(b"PAR1")
    with folder.lock():
        folder.write_manifest()
    # The verdicts that were noted and never put in place are the old ones, and the removed table is nobody's loss.
    assert [problem.path for problem in folder.verify()] == ["signals/planted.parquet", "samples/part-00000.parquet"]
    with pytest.raises(IntegrityError, match=r"part-00000\.parquet: its content is not what was written"):
        folder.check(folder.samples)
    folder.check(folder.verdicts)


def test_missing_and_extra_files_are_found(folder: DatasetFolder) -> None:
    folder.verdicts.unlink()
    (folder.root / "notes.txt").write_text("x", encoding="utf-8")
    assert folder.verify() == [Problem("verdicts.parquet", "missing"), Problem("notes.txt", "not in the manifest")]


def test_a_folder_without_a_manifest_is_unfinished(folder: DatasetFolder) -> None:
    folder.manifest.unlink()
    assert folder.verify()[0].problem == "missing: the run that writes it did not finish"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"row": 1, "id": "x", "decision": "keep", "note": "", "who": "me"}', "'who'"),
        ('{"row": "1", "id": "x", "decision": "keep"}', "a row, an id, a decision"),
        ('{"row": 1, "id": "x", "decision": "perhaps"}', "a row, an id, a decision"),
        ("[1]", "not list"),
    ],
)
def test_a_review_of_another_version_is_no_traceback_and_not_passed_over(
    folder: DatasetFolder, body: str, said: str
) -> None:
    folder.reviews.append(Review(0, "a", "drop"))
    with folder.reviews.path.open("a", encoding="utf-8") as file:
        file.write(f"{hashlib.sha256(body.encode()).hexdigest()[:16]} {body}\n")
    with pytest.raises(
        IntegrityError, match=rf"reviews.jsonl, line 2: not a review that this version knows \(.*{said}"
    ):
        folder.reviews.read()
    problems = folder.verify()
    assert [problem.path for problem in problems] == ["reviews.jsonl"]
    assert problems[0].problem.startswith("line 2: not a review that this version knows")


def test_reviews_that_are_no_file_are_not_passed_over(folder: DatasetFolder) -> None:
    folder.reviews.path.symlink_to("/nowhere")
    with pytest.raises(IntegrityError, match=r"reviews\.jsonl: not a file"):
        folder.reviews.read()


def test_a_torn_line_is_named_and_costs_no_other(folder: DatasetFolder) -> None:
    folder.reviews.append(Review(0, "a", "drop", "错"))
    with folder.reviews.path.open("ab") as file:
        file.write(b"deadbeef {torn")
    folder.reviews.append(Review(0, "a", "keep"))
    with pytest.raises(IntegrityError, match=r"reviews.jsonl, line 2: torn, or changed by hand") as raised:
        folder.reviews.read()
    assert f"sed -i 2d {folder.reviews.path}" in raised.value.remedy
    assert folder.verify() == [Problem("reviews.jsonl", "line 2: its checksum does not match")]
    lines = folder.reviews.path.read_text("utf-8").split("\n")
    folder.reviews.path.write_text("\n".join(lines[:1] + lines[2:]), "utf-8")
    assert [(one.decision, one.note) for one in folder.reviews.read()] == [("drop", "错"), ("keep", "")]


def test_a_damaged_part_is_an_integrity_error(folder: DatasetFolder) -> None:
    (folder.samples / "part-00000.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(IntegrityError, match=r"part-00000\.parquet: not a readable Parquet file"):
        list(folder.iter_samples())


def test_opening_something_else_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such dataset folder"):
        DatasetFolder.open(tmp_path / "none")
    with pytest.raises(InputFileError, match="not a dataset folder"):
        DatasetFolder.open(tmp_path)


HOLD = """
import sys, time
from pathlib import Path
from builder.store.dataset_folder import DatasetFolder
with DatasetFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_names_its_owner_and_is_free_after_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUseError, match=f"in use by process {owner.pid}"), DatasetFolder(tmp_path).lock():
            pass
        owner.send_signal(signal.SIGKILL)
    with DatasetFolder(tmp_path).lock():
        pass


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"键": 1})

    def interrupted() -> None:
        with atomic_path(tmp_path / "a.json") as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"键": 1}


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file may grow beyond 4 KiB: the kernel refuses the write as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files_only")
def test_a_refused_write_is_a_disk_error_and_the_old_file_stays(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(DiskError) as caught:
        write_text(tmp_path / "a.txt", "x" * 10_000)
    assert caught.value.exit_code == 7
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_rows_beyond_one_part_are_numbered_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.store.dataset_folder.ROWS_PER_PART", 3)
    folder = DatasetFolder(tmp_path)
    assert folder.write_samples(sample(i) for i in range(7)) == 7
    assert [pa.parquet.read_metadata(p).num_rows for p in folder.parts(folder.samples)] == [3, 3, 1]
    assert [s.row for s in folder.iter_samples()] == list(range(7))
