"""Nothing that is not ours is deleted or overwritten: folders that hold other files, files inside datasets, files that are there."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder import pipeline
from builder.errors import IntegrityError, UsageError
from builder.formats.targets import TARGETS
from builder.progress import Reporter
from builder.requests.ledger import Ledger
from builder.settings_file import load_settings
from builder.store.files import atomic_path
from builder.store.ownership import is_dataset
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
SETTINGS = load_settings(None, ["execution.workers=1", "novelty.threshold=0.99", "split.min_validation_rows=0"], {})


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    things = ("kite", "drum", "plough", "saddle", "lamp", "well")
    texts = [{"instruction": f"How is a {one} mended?", "output": f"Glue the {one}, and let it dry."} for one in things]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("curated")
    texts = [
        {"instruction": f"Name a {one}.", "output": f"A {one} is named."} for one in ("moss", "fern", "reed", "fig")
    ]
    (root / "rows.json").write_text(json.dumps(texts), encoding="utf-8")
    pipeline.curate_files([root / "rows.json"], SETTINGS, root / "ours", QUIET)
    return root / "ours"


@pytest.fixture
def ours(curated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(curated, tmp_path / "ours"))


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    root = tmp_path / "theirs"
    names = (
        *(".letter.tmp", "deep/.draft.12.tmp", "samples/part-00000.parquet", "rejections/part-old.parquet"),
        *("publish/data/mine.parquet", "publish/README.md", "report.html", "ledger.sqlite"),
    )
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"irreplaceable " + name.encode())
    return root


@pytest.mark.parametrize("beside", ["", "seedbed.yaml", ".lock"])
@pytest.mark.parametrize("command", ["curate rows.jsonl --out {0}", "build --target 5 --out {0}", "curate {0}"])
def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_was(
    seedbed: Seedbed, rows: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch, command: str, beside: str
) -> None:
    if beside:
        (theirs / beside).write_text("name: mine\n", encoding="utf-8")
    before = contents(theirs)
    monkeypatch.chdir(rows.parent)
    ended = seedbed(*command.format(theirs).split())
    assert ended.code == 2, ended.err
    if "--out" in command:
        assert f"{theirs}: not a dataset folder, and holds other files, such as " in ended.err
        monkeypatch.chdir(theirs)
        assert seedbed(*command.replace("rows.jsonl", str(rows)).format(".").split()).code == 2
    assert contents(theirs) == before


def test_a_folder_without_anybodys_files_is_taken(rows: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    root.mkdir()
    for name in (".lock", ".DS_Store"):
        (root / name).touch()
    assert pipeline.curate_files([rows], SETTINGS, root, QUIET).report["rows"]["total"] == 6


def test_in_a_folder_of_ours_only_what_we_wrote_goes(ours: Path) -> None:
    mine = (ours / "verdicts.parquet").read_bytes()
    names = (
        *(".letter.tmp", "samples/.part-00000.parquet.12.tmp", "samples/part-old.json", "rejections/part-a.json"),
        *("publish/data/mine.parquet", "publish/data/train-mine.parquet"),
    )
    for name in names:
        (ours / name).parent.mkdir(exist_ok=True)
        (ours / name).write_bytes(mine)
    left_behind = ours / "samples" / ".seedbed-12-3.tmp"
    left_behind.write_bytes(b"half a file")
    outcome = pipeline.curate_folder(ours, None, [], QUIET)
    assert outcome.report["rows"]["total"] == 4
    assert {name: (ours / name).read_bytes() for name in names} == dict.fromkeys(names, mine)
    assert not left_behind.exists()


def test_a_dataset_is_known_without_its_lock(ours: Path) -> None:
    (ours / ".lock").unlink()
    assert pipeline.curate_folder(ours, None, [], QUIET).report["rows"]["kept"] == 4
    assert (ours / ".lock").read_text() == "seedbed dataset folder\n"


@pytest.mark.parametrize("gone", [(".lock", "MANIFEST.json"), ("MANIFEST.json",)])
def test_a_dataset_without_its_manifest_is_known_and_not_believed(ours: Path, gone: tuple[str, ...]) -> None:
    for name in gone:
        (ours / name).unlink()
    assert is_dataset(ours)
    with pytest.raises(IntegrityError, match="nobody knows whether its files are what was written"):
        pipeline.curate_folder(ours, None, [], QUIET)


def test_a_dataset_is_not_made_inside_another_one(rows: Path, ours: Path) -> None:
    before = contents(ours)
    with pytest.raises(UsageError, match=r"new: inside the dataset folder .*/ours"):
        pipeline.curate_files([rows], SETTINGS, ours / "publish" / "new", QUIET)
    assert contents(ours) == before


def test_a_way_through_a_folder_that_is_not_there_yet_leads_to_what_is_there(
    seedbed: Seedbed, theirs: Path, ours: Path, tmp_path: Path
) -> None:
    before = contents(theirs)
    with pytest.raises(UsageError, match="not a dataset folder, and holds other files"):
        pipeline.build(SETTINGS.model_copy(update={"target": 4}), tmp_path / "new" / ".." / "theirs", QUIET, {})
    ended = seedbed("export", ours, "--format", "alpaca", "--out", tmp_path / "new" / ".." / "rows.jsonl")
    assert ended.code == 0
    again = seedbed("export", ours, "--format", "messages", "--out", tmp_path / "new2" / ".." / "rows.jsonl")
    assert (again.code, "exists already" in again.err) == (2, True)
    assert contents(theirs) == before


def test_what_a_killed_process_left_under_a_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    stays = tmp_path / "stays"
    stays.write_bytes(b"as it was")
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"a")
    number = int(temporary.name.removesuffix(".tmp").rpartition("-")[2])
    temporary.with_name(f".seedbed-{os.getpid()}-{number + 1}.tmp").hardlink_to(stays)
    with atomic_path(tmp_path / "b") as temporary:
        temporary.write_bytes(b"other")
    assert stays.read_bytes() == b"as it was"


_KILLED = """
import os, signal, sys
from pathlib import Path
from builder.cli import main

end = sys.argv.pop(1)
original = Path.replace
def replace(self, target):
    if str(target).endswith(end):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, target)
Path.replace = replace
main()
"""


def test_a_killed_curation_is_run_again_and_ends_as_if_nothing_had_been(rows: Path, tmp_path: Path) -> None:
    command = ["curate", str(rows), "--out", str(tmp_path / "d"), "--set", "execution.workers=1"]
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, "publish/README.md", *command], capture_output=True, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    chosen = load_settings(None, ["execution.workers=1", "name=d"], {})
    pipeline.curate_files([rows], chosen, tmp_path / "d", QUIET)
    pipeline.curate_files([rows], chosen, tmp_path / "undisturbed", QUIET)
    assert contents(tmp_path / "d") == contents(tmp_path / "undisturbed")
    assert pipeline.verify(tmp_path / "d") == []


@pytest.mark.parametrize("at", ["/d/seedbed.yaml", "/d/verdicts.parquet", "/d/MANIFEST.json"])
def test_a_curation_killed_while_it_takes_its_place_is_completed_by_the_same_command(
    rows: Path, tmp_path: Path, at: str
) -> None:
    command = ["curate", str(rows), "--out", str(tmp_path / "d"), "--set", "execution.workers=1"]
    killed = subprocess.run([sys.executable, "-c", _KILLED, at, *command], capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    chosen = load_settings(None, ["execution.workers=1", "name=d"], {})
    with pytest.raises(UsageError, match="holds a dataset already"):
        pipeline.curate_files([rows], chosen, tmp_path / "d", QUIET)
    pipeline.curate_files([rows], chosen, tmp_path / "undisturbed", QUIET)
    found, expected = contents(tmp_path / "d"), contents(tmp_path / "undisturbed")
    assert found == {**expected, ".lock": found[".lock"]}
    assert pipeline.verify(tmp_path / "d") == []


@pytest.mark.parametrize("wrong", ["--against=nowhere.jsonl", "--set=meaning.encoder=local", "--set=seed=often"])
def test_a_curation_that_could_not_work_leaves_nothing_and_can_be_run_again(
    seedbed: Seedbed, rows: Path, tmp_path: Path, wrong: str
) -> None:
    assert seedbed("curate", rows, "--out", tmp_path / "d", wrong).code == 2
    assert not (tmp_path / "d" / "seedbed.yaml").exists()
    if "against" in wrong:
        assert not (tmp_path / "d").exists()
    assert seedbed("curate", rows, "--out", tmp_path / "d", "-q").code == 0
    again = seedbed("curate", rows, "--out", tmp_path / "d", "-q")
    assert again.code == 2
    assert "holds a dataset already" in again.err


def test_a_rebuild_into_another_dataset_spares_its_ledger(ours: Path, tmp_path: Path) -> None:
    """Also where that one's own rebuild was cut short, and left its place for staging behind."""
    other = Path(shutil.copytree(ours, tmp_path / "other"))
    (other / ".rebuild").mkdir()
    (other / "ledger.sqlite").write_bytes(b"all that was paid for")
    Ledger(ours / "ledger.sqlite").close()
    with pytest.raises(UsageError, match="holds a dataset already"):
        pipeline.rebuild(ours, None, [], QUIET, other)
    assert (other / "ledger.sqlite").read_bytes() == b"all that was paid for"


# What other commands write


@pytest.mark.parametrize("name", ["samples/part-00000.parquet", "report.json", "new.jsonl", "publish/data/new.parquet"])
def test_nothing_is_exported_into_a_dataset(
    seedbed: Seedbed, ours: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(ours)
    monkeypatch.chdir(ours / "publish")
    (ours.parent / "link").symlink_to(ours)
    export = ("export", ours, "--format", "messages", "--overwrite", "--out")
    for out in (ours / name, f"../{name}", ours.parent / "link" / name):
        ended = seedbed(*export, out)
        assert ended.code == 2
        assert f"inside the dataset folder {ours}" in ended.err
    for format in TARGETS:
        for out in (ours / "lf", ours / "lf.jsonl", ours):
            assert seedbed("export", ours, "--format", format, "--out", out, "--overwrite").code == 2
    assert seedbed("preview-mask", ours, "--html", ours / name, "--overwrite").code == 2
    assert seedbed("init", ours / "new.yaml").code == 2
    assert contents(ours) == before


def test_a_file_that_is_there_is_replaced_only_where_the_user_says_so(
    seedbed: Seedbed, ours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "thesis.jsonl"
    for command in (("export", ours, "--format", "alpaca", "--out"), ("preview-mask", ours, "--html"), ("init",)):
        out.write_text("my thesis", encoding="utf-8")
        ended = seedbed(*command, out)
        assert ended.code == 2
        assert f"{out}: exists already\n  Choose another name, or have it replaced with --overwrite." in ended.err
        assert out.read_text(encoding="utf-8") == "my thesis"
    for format in TARGETS:
        ended = seedbed("export", ours, "--format", format, "--out", out)
        assert ended.code == 2
        assert out.read_text(encoding="utf-8") == "my thesis"
    assert seedbed("export", ours, "--format", "alpaca", "--out", out, "--overwrite").code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 4
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("folder.json", "pipe.json"):
        ended = seedbed("export", ours, "--format", "alpaca", "--out", tmp_path / name, "--overwrite")
        assert ended.code == 2
        assert "not as a file that could be replaced" in ended.err


def test_datasets_are_exported_beside_each_other_for_llama_factory(
    seedbed: Seedbed, ours: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "lf", Path(shutil.copytree(ours, tmp_path / "second"))
    export = ("--format", "llamafactory", "--out", out)
    for command in (("export", ours, *export), ("export", other, *export, "--split", "train")):
        assert seedbed(*command).code == 0
    info = json.loads((out / "dataset_info.json").read_text(encoding="utf-8"))
    assert {name: entry["file_name"] for name, entry in info.items()} == {
        "ours": "ours.json",
        "second_train": "second_train.json",
    }
    before = contents(out)
    again = seedbed("export", ours, *export)
    assert again.code == 2
    assert f"{out}/dataset_info.json: describes a data set ours already" in again.err
    assert contents(out) == before
    assert seedbed("export", ours, *export, "--overwrite").code == 0
    assert contents(out) == before
    (out / "mine_train.json").write_text("mine", encoding="utf-8")
    mine = Path(shutil.copytree(ours, tmp_path / "mine"))
    assert f"{out}/mine_train.json: exists already" in seedbed("export", mine, *export, "--split", "train").err
    (out / "dataset_info.json").write_text('{"a": ', encoding="utf-8")
    assert seedbed("export", mine, *export, "--overwrite").code == 2
    assert (out / "dataset_info.json").read_text(encoding="utf-8") == '{"a": '


def test_a_dataset_called_like_the_description_of_data_sets_is_exported_whole(
    seedbed: Seedbed, ours: Path, tmp_path: Path
) -> None:
    named = ours.rename(tmp_path / "dataset_info")
    assert seedbed("export", named, "--format", "llamafactory", "--out", tmp_path / "lf").code == 0
    info = json.loads((tmp_path / "lf" / "dataset_info.json").read_text(encoding="utf-8"))
    assert [entry["file_name"] for entry in info.values()] == ["dataset_info_single.json"]
    assert len(json.loads((tmp_path / "lf" / "dataset_info_single.json").read_text(encoding="utf-8"))) == 4
