"""Data at addresses: the command as a user calls it, on fsspec's own stores."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cli.training import default_run
from builder.errors import (
    DiskError,
    EndpointError,
    FolderInUseError,
    InputFileError,
    IntegrityError,
    UsageError,
)
from builder.pipeline import curate_folder
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.addresses import Address, masked
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import remove_file, write_text
from builder.store.object_store import Store, local_files
from builder.store.working_copy import working_copy
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
STORE = fsspec.filesystem("memory")


@pytest.fixture
def seedbed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Seedbed:
    """The command where fsspec's memory is, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return Seedbed(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "cache"


@pytest.fixture
def bucket() -> Iterator[str]:
    name = f"memory://b{uuid.uuid4().hex}"
    yield name
    if STORE.exists(name):
        STORE.rm(name, recursive=True)


TASKS = {
    "bread": ("Explain why dough rises overnight.", "Yeast turns sugar into gas, which the gluten holds."),
    "glass": ("Name one property of glass bottles.", "They keep no smell of what was in them."),
    "paper": ("Who first folded paper cranes?", "Nobody knows; pictures of them are some centuries old."),
    "silk": ("Translate 'silk road' into French.", "La route de la soie."),
    "wool": ("Give two uses for sheep's wool besides clothes.", "Carpets, and insulation under a roof."),
    "salt\0": ("What does salt do to ice\0?", "It lowers the temperature at which the ice melts."),
}


def rows(*names: str) -> bytes:
    lines = (json.dumps(dict(zip(("instruction", "output"), TASKS[name], strict=True))) for name in names)
    return "".join(f"{line}\n" for line in lines).encode()


def put(address: str, content: bytes) -> str:
    STORE.pipe_file(address, content)
    return address


@pytest.fixture
def ours(seedbed: Seedbed, bucket: str) -> str:
    """A dataset at an address."""
    put(f"{bucket}/in/a.jsonl", rows("bread", "glass", "paper", "silk"))
    assert seedbed("curate", f"{bucket}/in/a.jsonl", "--out", f"{bucket}/sets/ours", "-q").code == 0
    return f"{bucket}/sets/ours"


def files_at(address: str) -> dict[str, bytes]:
    prefix = Store(Address.parse(address))._path("")
    return {path.removeprefix(f"{prefix}/"): STORE.cat_file(path) for path in STORE.find(address)}


def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "elsewhere") -> None:
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / name))


# What is read


def test_files_and_globs_are_read_as_local_files_are(seedbed: Seedbed, bucket: str, tmp_path: Path) -> None:
    put(f"{bucket}/一/a.jsonl", rows("bread"))
    put(f"{bucket}/二/x.jsonl", rows("glass"))
    put(f"{bucket}/二/y.jsonl", rows("paper"))
    put(f"{bucket}/二/z.csv", b"not,asked\nfor,it\n")
    local = tmp_path / "own.jsonl"
    local.write_bytes(rows("silk"))
    done = seedbed("curate", f"{bucket}/一/a.jsonl", f"{bucket}/二/*.jsonl", local, "--out", tmp_path / "out", "--json")
    assert done.code == 0
    sources = [sample.source for sample in DatasetFolder(tmp_path / "out").iter_samples()]
    assert sources == ["a.jsonl#1", "x.jsonl#1", "y.jsonl#1", "own.jsonl#1"]
    assert not list(tmp_path.glob("seedbed-*"))


def test_files_of_one_name_are_told_apart_by_their_folders(bucket: str) -> None:
    places = [put(f"{bucket}/{folder}/a.jsonl", rows("bread")) for folder in ("new", "old")]
    with local_files(places, QUIET) as paths:
        assert [(path.parent.name, path.name) for path in paths] == [("new", "a.jsonl"), ("old", "a.jsonl")]


def test_errors_name_the_address_and_the_row(seedbed: Seedbed, bucket: str, tmp_path: Path) -> None:
    put(f"{bucket}/a.jsonl", rows("bread") + b"{]\n")
    done = seedbed("curate", f"{bucket}/a.jsonl", "--out", tmp_path / "out", "-q")
    assert done.code == 2
    assert done.err.startswith(f"seedbed: {bucket}/a.jsonl, row 2: ")
    assert str(tmp_path) not in done.err


def test_what_is_said_of_a_row_names_the_address(seedbed: Seedbed, bucket: str, tmp_path: Path) -> None:
    put(f"{bucket}/a.jsonl", rows("bread", "salt\0"))
    done = seedbed("curate", f"{bucket}/a.jsonl", "--out", tmp_path / "out")
    assert f"{bucket}/a.jsonl, row 2: NUL characters were removed" in done.err
    assert "seedbed-" not in done.err


@pytest.mark.parametrize("name", ["gone.jsonl", "none/*.jsonl"])
def test_a_missing_object_is_named(seedbed: Seedbed, bucket: str, tmp_path: Path, name: str) -> None:
    done = seedbed("curate", f"{bucket}/{name}", "--out", tmp_path / "out", "-q")
    assert done.code == 2
    assert f"{bucket}/{name}: " in done.err
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named(seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # as if it were not installed
    done = seedbed("curate", "gs://bucket/a.jsonl", "--out", tmp_path / "out", "-q")
    assert (done.code, done.err) == (
        2,
        "seedbed: gs://bucket/a.jsonl: reading gs:// needs gcsfs\n  pip install gcsfs\n",
    )


def test_a_wrong_protocol_is_named_with_the_nearest(seedbed: Seedbed, tmp_path: Path) -> None:
    done = seedbed("curate", "memry://bucket/a.jsonl", "--out", tmp_path / "out", "-q")
    assert done.code == 2
    assert "no such protocol: memry, did you mean 'memory'?" in done.err


def test_benchmarks_seeds_and_documents_may_be_at_addresses(seedbed: Seedbed, bucket: str, tmp_path: Path) -> None:
    same = "Tell in full detail how the old bridge over the river near the mill was built by monks long ago"
    held_out = json.dumps({"instruction": same, "output": "With stones."}).encode() + b"\n"
    put(f"{bucket}/eval.jsonl", held_out)
    put(f"{bucket}/a.jsonl", rows("bread") + held_out)
    place = tmp_path / "out"
    done = seedbed("curate", f"{bucket}/a.jsonl", "--against", f"{bucket}/eval.jsonl", "--out", place, "-q")
    assert done.code == 0
    assert [verdict.reason for verdict in DatasetFolder(place).read_verdicts()] == [None, "contaminated"]
    # Decided again, the settings in the folder still name the address.
    curate_folder(place, None, (), QUIET)
    assert load_settings(place / "seedbed.yaml").contamination.against == (f"{bucket}/eval.jsonl",)

    seeds = put(f"{bucket}/seeds.jsonl", rows("bread", "glass", "paper", "silk"))
    estimated = seedbed(
        "estimate", "--target", "10", "--set", f"seeds.files=[{seeds}]", "--set", "growth.languages={en: 1}"
    )
    assert estimated.code == 0, estimated.err


# Credentials


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/dir/*.parquet", "s3://bucket/dir/*.parquet"),
        ("s3://AKIAKEY:se/cr@et@bucket/a.jsonl", "s3://***@bucket/a.jsonl"),
        ("sftp://me@host/a.jsonl", "sftp://***@host/a.jsonl"),
        ("https://host:8443/a@b.jsonl?X-Amz-Signature=1f&X-Amz-Credential=AK", "https://host:8443/a@b.jsonl?***"),
        ("abfs://box/a.jsonl?sv=2026&sig=abc", "abfs://box/a.jsonl?***"),
        ("s3://bucket/what?.jsonl", "s3://bucket/what?.jsonl"),
        ("https://user:pass/word@host/a.jsonl", "https://***@host/a.jsonl"),
        ("s3://bucket/me@home.jsonl", "s3://bucket/me@home.jsonl"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert masked(address) == shown == str(Address(address)) == repr(Address(address))


@given(st.from_regex(r"[A-Za-z0-9/+]{8,40}", fullmatch=True))
def test_no_secret_in_an_address_is_ever_shown(secret: str) -> None:
    for address in (f"s3://AKIA:{secret}@bucket/a.jsonl", f"https://h/a.jsonl?X-Amz-Signature={secret}"):
        assert secret not in masked(address)
        assert masked(masked(address)) == masked(address)


@pytest.mark.parametrize(
    "command", ["curate {0} --out out", "curate a.jsonl --out {0}", "show {0}", "curate a.jsonl --against {0}"]
)
def test_an_address_with_a_password_is_refused_and_not_repeated(seedbed: Seedbed, tmp_path: Path, command: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(rows("bread"))
    done = seedbed(*command.format("s3://AKIAKEY:planted-secret@bucket/a").split())
    assert done.code == 2
    assert "planted-secret" not in done.out + done.err
    assert "AKIAKEY" not in done.out + done.err
    assert "environment" in done.err


def test_settings_never_hold_a_signed_address() -> None:
    with pytest.raises(UsageError, match="credentials come from the environment") as error:
        load_settings(None, ["contamination.against=['https://host/e.jsonl?sig=planted']"], {})
    assert "planted" not in str(error.value)


class _Refusing:
    """A store whose package says no, with the signed address in its words as some do."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def info(self, _: str) -> Any:
        raise self._error


class NoCredentialsError(Exception):
    """As botocore names it."""


class _Forbidden(Exception):
    """As aiohttp says it."""

    status = 403


def not_found_for(cause: Exception) -> FileNotFoundError:
    """What fsspec makes of it."""
    error = FileNotFoundError("https://h/x?sig=planted-one")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Access Denied"), "the store refuses the credentials"),
        (NoCredentialsError("Unable to locate credentials"), "the store refuses the credentials"),
        (not_found_for(_Forbidden("403, url='https://h/x?sig=planted-one'")), "the store refuses the credentials"),
        (OSError("reset by https://h/x?sig=planted-one planted-two"), "the store does not work"),
    ],
)
def test_what_a_store_says_no_with(error: Exception, words: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-two")
    store = Store(Address.parse(f"{bucket}/a.jsonl"))
    store._files = _Refusing(error)
    with pytest.raises(EndpointError, match=words) as raised:
        store.size()
    assert str(raised.value).startswith(f"{bucket}/a.jsonl: ")
    assert "planted" not in str(raised.value)


# A dataset at an address


def test_a_dataset_is_made_shown_decided_again_and_exported(seedbed: Seedbed, ours: str, tmp_path: Path) -> None:
    assert {"CONTENTS.json", "MANIFEST.json", "seedbed.yaml", "verdicts.parquet", "samples/part-00000.parquet"} <= set(
        files_at(ours)
    )
    assert not any(name.startswith((".push", ".lock")) for name in files_at(ours))
    assert "4 of 4 rows shown" in seedbed("show", ours).out
    assert seedbed("why", ours, "2").out.startswith("Row 2 is kept")
    assert seedbed("verify", ours).out == f"{ours}: every file is as it was written\n"
    facts = json.loads(seedbed("curate", ours, "--set", "filters.blocked_words=[glass]", "--json", "-q").out)
    assert (facts["folder"], facts["rows"]["kept"]) == (ours, 3)
    assert seedbed("export", ours, "--format", "alpaca", "--out", tmp_path / "kept.json").code == 0
    assert len(json.loads((tmp_path / "kept.json").read_text("utf-8"))) == 3
    sent = seedbed("export", ours, "--format", "alpaca", "--out", f"{ours}-kept.json")
    assert sent.out == f"{ours}-kept.json: 3 rows\n"
    assert STORE.cat_file(f"{ours}-kept.json") == (tmp_path / "kept.json").read_bytes()
    again = ("export", ours, "--format", "alpaca", "--split", "validation", "--out")
    assert f"{ours}-kept.json: exists already" in seedbed(*again, f"{ours}-kept.json").err
    assert f"inside the dataset folder {ours}" in seedbed(*again, f"{ours}/publish/a.json", "--overwrite").err
    assert STORE.cat_file(f"{ours}-kept.json") == (tmp_path / "kept.json").read_bytes()
    assert seedbed(*again, f"{ours}-kept.json", "--overwrite").code == 0
    assert STORE.cat_file(f"{ours}-kept.json") != (tmp_path / "kept.json").read_bytes()
    assert seedbed("report", ours, "--language", "zh").code == 0
    assert b'"language": "zh"' in files_at(ours)["report.json"]


def test_only_what_changed_moves(ours: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[str] = []
    sent: list[str] = []
    fetch, send = Store.fetch, Store.put

    def noted_fetch(self: Store, name: str, *more: Any) -> None:
        fetched.append(name)
        fetch(self, name, *more)

    def noted_send(self: Store, path: Path, name: str = "") -> None:
        sent.append(path.name)
        send(self, path, name)

    monkeypatch.setattr(Store, "fetch", noted_fetch)
    monkeypatch.setattr(Store, "put", noted_send)
    another_machine(monkeypatch, tmp_path)
    for _ in range(2):
        with working_copy(Address.parse(ours), QUIET, use="read") as root:
            assert DatasetFolder(root).verify() == []
    assert sorted(fetched) == sorted(files_at(ours).keys() - {"CONTENTS.json"})
    with working_copy(Address.parse(ours), QUIET, use="change") as root:
        curate_folder(root, None, ["filters.blocked_words=[glass]"], QUIET)
    assert "part-00000.parquet" not in sent
    assert {"verdicts.parquet", "MANIFEST.json"} <= set(sent)


def test_a_file_that_is_no_longer_published_goes(ours: str) -> None:
    with working_copy(Address.parse(ours), QUIET, use="change") as root:
        DatasetFolder(root).withdraw_manifest()
        remove_file(root / "signals" / "length.parquet")
        DatasetFolder(root).write_manifest()
    assert "signals/length.parquet" not in files_at(ours)


def test_a_run_goes_beside_a_folder_and_never_into_the_cache(ours: str, tmp_path: Path) -> None:
    assert default_run(tmp_path / "ours") == tmp_path / "ours-run"
    with working_copy(Address.parse(ours), QUIET, use="read") as root:
        assert default_run(root) == Path("datasets_out/ours-run")


@pytest.mark.parametrize(
    "command", ["build --target 5 --out {0}", "judge {0}", "estimate --out {0}", "build --settings {0}"]
)
def test_what_is_paid_for_needs_a_disk(seedbed: Seedbed, bucket: str, tmp_path: Path, command: str) -> None:
    done = seedbed(*command.format(f"{bucket}/new").split())
    assert done.code == 2
    assert f"seedbed: {bucket}/new: an address where this command needs a path" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_an_address_with_something_else_below_it_stays_as_it_is(seedbed: Seedbed, bucket: str, ours: str) -> None:
    put(f"{bucket}/photos/cat.png", b"cat")
    before = files_at(bucket)
    for out, words in ((f"{bucket}/photos", "holds other files, such as cat.png"), (ours, "holds a dataset already")):
        done = seedbed("curate", f"{bucket}/in/a.jsonl", "--out", out, "-q")
        assert (done.code, words in done.err) == (2, True)
    assert "no dataset is there" in seedbed("show", f"{bucket}/photos").err
    assert files_at(bucket) == before


def test_a_dataset_that_was_copied_there_by_other_means_is_read_and_changed(
    seedbed: Seedbed, ours: str, bucket: str
) -> None:
    other = f"{bucket}/synced"
    for name, content in files_at(ours).items():
        if name != "CONTENTS.json":
            put(f"{other}/{name}", content)
    assert "4 of 4 rows shown" in seedbed("show", other).out
    assert seedbed("curate", other, "--set", "filters.blocked_words=[glass]", "-q").code == 0
    assert seedbed("verify", other).code == 0
    assert "CONTENTS.json" in files_at(other)


def test_two_datasets_at_addresses_are_compared(seedbed: Seedbed, ours: str, bucket: str) -> None:
    put(f"{bucket}/in/b.jsonl", rows("bread", "glass", "wool"))
    assert seedbed("curate", f"{bucket}/in/b.jsonl", "--out", f"{bucket}/sets/theirs", "-q").code == 0
    counts = json.loads(seedbed("diff", ours, f"{bucket}/sets/theirs", "--json").out)
    assert (counts["rows"]["before"], counts["rows"]["after"]) == (4, 3)


def test_rows_are_added_from_an_address_to_an_address(seedbed: Seedbed, ours: str, bucket: str) -> None:
    put(f"{bucket}/in/more.jsonl", rows("wool"))
    assert seedbed("add", ours, f"{bucket}/in/more.jsonl", "-q").code == 0
    assert "5 of 5 rows shown" in seedbed("show", ours).out


# Writers beside each other, and pushes that are cut short


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    address = f"{bucket}/d"
    write_version(address, 0)

    def write_beside_another() -> None:
        with working_copy(Address.parse(address), QUIET, use="change") as root:
            DatasetFolder(root).withdraw_manifest()
            write_text(root / "report.html", "7")
            DatasetFolder(root).write_manifest()
            with monkeypatch.context() as elsewhere:
                another_machine(elsewhere, tmp_path)
                write_version(address, 2)

    with pytest.raises(UsageError, match="somebody else has written there") as error:
        write_beside_another()
    (home,) = cache.iterdir()
    assert str(home) in str(error.value)
    assert (home / "d" / "report.html").read_text("utf-8") == "7"  # nothing was lost
    with pytest.raises(UsageError, match=r"Nothing is lost: move the copy"):
        read_version(address)
    home.rename(tmp_path / "moved")
    assert read_version(address) == 2
    assert DatasetFolder(tmp_path / "moved" / "d").verify() == []


class Cut(Exception):
    """The machine stops here."""


def cut_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on a store takes so many changes and no more."""
    left = calls

    def counted(method: Any) -> Any:
        def call(self: Store, *given: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cut
            return method(self, *given, **more)

        return call

    for name in ("put", "write", "copy", "remove"):
        monkeypatch.setattr(Store, name, counted(getattr(Store, name)))


def write_version(address: str, version: int) -> None:
    """A small dataset folder; odd versions hold a file that even ones do not."""
    with working_copy(Address.parse(address), QUIET, use="change" if version else "make") as root:
        folder = DatasetFolder(root)
        folder.withdraw_manifest()
        write_text(folder.settings, f"name: v{version}\n")
        write_text(folder.report_html, f"{version}")
        write_text(root / "odd.txt", "odd")
        if version % 2 == 0:
            remove_file(root / "odd.txt")
        folder.write_manifest()


def read_version(address: str) -> int:
    with working_copy(Address.parse(address), QUIET, use="read") as root:
        assert DatasetFolder(root).verify() == []
        version = int((root / "report.html").read_text("utf-8"))
        assert (root / "seedbed.yaml").read_text("utf-8") == f"name: v{version}\n"
        assert (root / "odd.txt").exists() == (version % 2 == 1)
        return version


def test_a_reader_sees_the_old_or_the_new_one_wherever_a_push_is_cut(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, whole, version, seen = f"{bucket}/d", False, 0, set()
    write_version(address, 0)
    while not whole:
        with monkeypatch.context() as cutting:
            cut_after(version, cutting)
            try:
                write_version(address, version + 1)
                whole = True
            except Cut:
                pass
        with monkeypatch.context() as elsewhere:
            another_machine(elsewhere, tmp_path)
            found = read_version(address)
        assert found in ((version + 1,) if whole else (version, version + 1))
        seen.add(found - version)
        with working_copy(Address.parse(address), QUIET, use="change"):
            pass  # takes up what was cut short
        version += 1
        with monkeypatch.context() as elsewhere:
            another_machine(elsewhere, tmp_path)
            assert read_version(address) == version
        assert not any(name.startswith(".push") for name in files_at(address))
        assert ("odd.txt" in files_at(address)) == (version % 2 == 1)
    assert seen == {0, 1}
    assert version > 5


def test_another_machine_mends_what_a_cut_push_left(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = f"{bucket}/d"
    write_version(address, 0)
    write_version(address, 1)
    with monkeypatch.context() as cutting:
        cut_after(4, cutting)  # three files and the decision
        with pytest.raises(Cut):
            write_version(address, 2)
    another_machine(monkeypatch, tmp_path)
    write_version(address, 4)
    assert "odd.txt" not in files_at(address)
    another_machine(monkeypatch, tmp_path, "third")
    assert read_version(address) == 4


def test_an_address_can_be_emptied_and_used_again(bucket: str) -> None:
    write_version(f"{bucket}/d", 0)
    STORE.rm(f"{bucket}/d", recursive=True)
    with pytest.raises(InputFileError, match="no dataset is there"):
        read_version(f"{bucket}/d")
    write_version(f"{bucket}/d", 0)
    assert read_version(f"{bucket}/d") == 0


def test_a_store_that_fails_leaves_what_to_send(seedbed: Seedbed, ours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise EndpointError(f"{ours}: the store does not work")

    with monkeypatch.context() as failing:
        failing.setattr(Store, "put", refuse)
        failed = seedbed("curate", ours, "--set", "filters.blocked_words=[glass]", "-q")
    assert failed.code == 5
    assert f"`seedbed report {ours}` sends it" in failed.err
    shown = seedbed("show", ours, "--kept")
    assert ("3 of 3 rows shown" in shown.out, "never sent" in shown.err) == (True, True)  # from the copy
    assert seedbed("report", ours).code == 0
    assert "never sent" not in seedbed("show", ours).err


def test_an_error_in_a_command_sends_nothing(seedbed: Seedbed, ours: str) -> None:
    before = files_at(ours)
    assert seedbed("curate", ours, "--set", "novelty.threshold=7", "-q").code == 2
    assert files_at(ours) == before
    assert seedbed("show", ours).code == 0


def test_one_process_at_a_time_changes_a_copy(bucket: str) -> None:
    write_version(f"{bucket}/d", 0)
    with working_copy(Address.parse(f"{bucket}/d"), QUIET, use="read"):
        assert read_version(f"{bucket}/d") == 0  # readers do not mind each other
        with pytest.raises(FolderInUseError, match="another process works on its copy"):
            write_version(f"{bucket}/d", 1)


# What anybody can put at an address


def test_damage_at_the_address_is_found(seedbed: Seedbed, ours: str) -> None:
    put(f"{ours}/verdicts.parquet", files_at(ours)["verdicts.parquet"][::-1])
    assert seedbed("show", ours).code == 0  # from the copy, which is whole
    done = seedbed("verify", ours)
    assert done.code == 6
    assert f"{ours}/verdicts.parquet: its content is not what CONTENTS.json says" in done.err


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a/../../escaped", "..", ".lock", "a\\..\\b", ""])
def test_names_cannot_leave_the_folder(bucket: str, name: str, tmp_path: Path) -> None:
    tree = {"version": 1, "files": {name: {"sha256": "0" * 64, "bytes": 1}}, "removed": []}
    put(f"{bucket}/d/CONTENTS.json", json.dumps(tree).encode())
    with (
        pytest.raises(IntegrityError, match="is damaged"),
        working_copy(Address.parse(f"{bucket}/d"), QUIET, use="read"),
    ):
        pass
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_file_larger_than_the_disk_is_refused_before_it_is_fetched(bucket: str, tmp_path: Path) -> None:
    store = Store(Address.parse(put(f"{bucket}/a.jsonl", rows("bread"))))
    store._files = _Large(store._files)
    with pytest.raises(DiskError, match=r"a.jsonl: 1,048,576.0 GiB, and .* GiB free"):
        store.fetch("", tmp_path / "here", lambda _: None)
    assert not (tmp_path / "here").exists()


class _Large:
    def __init__(self, files: Any) -> None:
        self._files = files

    def info(self, path: str) -> Any:
        return {**self._files.info(path), "size": 2**50}


def test_a_killed_push_is_taken_up_by_the_next_command(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(rows("bread", "glass", "paper"))
    at = f"file://{tmp_path}/store/ours"
    dying = (
        "import os, signal, sys\n"
        "from builder.store.object_store import Store\n"
        "from builder.cli import main\n"
        "copy = Store.copy\n"
        "def cut(self, name, target):\n"
        "    if target == 'verdicts.parquet': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    copy(self, name, target)\n"
        "Store.copy = cut\n"
        "main()\n"
    )
    command = ["curate", str(tmp_path / "a.jsonl"), "--out", at, "-q"]
    killed = subprocess.run([sys.executable, "-c", dying, *command], capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    there = tmp_path / "store" / "ours"
    assert not (there / "verdicts.parquet").exists()
    with working_copy(Address.parse(at), QUIET, use="read") as root:
        assert DatasetFolder(root).verify() == []
        assert [verdict.kept for verdict in DatasetFolder(root).read_verdicts()] == [True, True, True]
    assert DatasetFolder(there).verify() == []
    assert not list((there / ".push").iterdir())
