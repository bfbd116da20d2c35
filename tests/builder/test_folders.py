"""Rows from standard input, from folders as `datasets` writes them, and from the hub."""

import gzip
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import DiskError, EndpointError, InputFileError, UsageError
from builder.formats.folders import Part, find_parts, list_folder, read_from
from builder.formats.importing import read_samples
from builder.formats.inputs import is_folder_of_tables, local_inputs, name_of
from builder.formats.reading import open_rows
from builder.progress import Reporter
from builder.store.files import spill
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
LINE = '{"question": "%s", "answer": "a"}\n'


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            pq.write_table(pa.table({"question": [text], "answer": ["a"]}), path)
        else:
            path.write_text(text, encoding="utf-8")
    return folder


def questions(*places: str | Path, **given: Any) -> list[str]:
    with local_inputs(places, QUIET, **given) as paths:
        return [sample.messages[0].content for sample in read_samples(paths, reporter=QUIET).samples]


CARD = """---
license: cc0-1.0
configs:
- config_name: en
  data_files:
  - split: train
    path: [en/*.jsonl, "more/**/x?.jsonl"]
  - split: test
    path: test.jsonl
- config_name: zh
  data_dir: zh
- config_name: all
  data_files: en/**
---
# A card
"""


class TestFolders:
    def test_a_card_lists_configurations_and_splits(self, tmp_path: Path) -> None:
        folder = make(
            tmp_path / "data",
            {
                "README.md": CARD,
                "en/a.jsonl": LINE % "en a",
                "en/b.jsonl": LINE % "en b",
                "more/deep/er/x1.jsonl": LINE % "more",
                "more/y.jsonl": LINE % "not listed",
                "test.jsonl": LINE % "test",
                "zh/train.jsonl": LINE % "zh",
                ".git/train.jsonl": LINE % "hidden",
                "data.py": "raise SystemExit('this was run')",
            },
        )
        assert questions(f"{folder}#en/train") == ["en a", "en b", "more"]
        assert questions(f"{folder}#zh", f"{folder}#test") == ["zh", "test"]
        assert questions(f"{folder}#all") == ["en a", "en b"]
        with pytest.raises(InputFileError) as raised:
            questions(folder)
        assert str(raised.value) == (
            f"{folder}: a dataset of several configurations or splits: en/train, en/test, zh/train, all/train\n"
            f"  Name one behind a #, such as {folder}#en/train; several are named one by one."
        )
        with pytest.raises(InputFileError, match=r"no configuration or split 'zh/trian', did you mean 'zh/train'\?"):
            questions(f"{folder}#zh/trian")
        with pytest.raises(InputFileError, match="several configurations or splits: en/train, zh/train, all/train"):
            questions(f"{folder}#train")

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"],
             {"train": 2, "test": 1}),
            (["train.jsonl", "my-dev.jsonl", "eval_1.jsonl", "trained.csv"], {"train": 1, "validation": 1, "test": 1}),
            (["train/a.csv", "train/b.csv", "valid/a.csv"], {"train": 2, "validation": 1}),
            (["en/train/0000.parquet", "en/train/0001.parquet", "zh/test/0000.parquet"], {"en/train": 2, "zh/test": 1}),
            (["train.jsonl.gz", "test.jsonl.zst"], {"train": 1, "test": 1}),
            (["a.jsonl", "b.csv"], {}),
            (["train.py", "train.png", "dataset_info.json"], {}),
        ],
    )  # fmt: skip
    def test_splits_by_their_names(self, names: list[str], expected: dict[str, int]) -> None:
        parts = find_parts("x", names, lambda name: None)
        assert {str(part): len(files) for part, files in parts.items()} == expected

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({"README.md": "---\nconfigs:\n- data_files: ../../etc/*.csv\n---\n"}, "names what is not inside it: ../../etc/*.csv"),
            ({"README.md": "---\nconfigs:\n- data_files: https://example.org/a.csv\n---\n"}, "names what is not inside it: https"),
            ({"README.md": "---\nconfigs:\n- data_files: lost/*.csv\n---\n"}, "no file matches what its README.md lists as train: lost/*.csv"),
            ({"a" * 200 + "/" + "a" * 200 + ".csv": "q", "README.md": "---\nconfigs:\n- data_files: '" + "**/" * 30 + "*a" * 40 + "b'\n---\n"},
             "no file matches what its README.md lists as train: **/**/"),
            ({"README.md": "---\nconfigs:\n- data_files: &a [*a]\n---\n"}, "no file matches what its README.md lists as train"),
            ({"README.md": "---\na: [\n---\n"}, "the front matter of its README.md is not YAML"),
            ({"train.csv": "q,a\n", "train.jsonl": "{}"}, "its train is files of several kinds: .csv, .jsonl"),
            ({"dataset_dict.json": '{"splits": ["../x"]}'}, "its dataset_dict.json is not what `datasets` writes"),
            ({"state.json": "[]", "dataset_info.json": "{}"}, "its state.json is not what `datasets` writes"),
            ({"a.jsonl": LINE}, "a folder where a data file was expected\n  Name the files in it."),
            ({"made.py": "1/0"}, "a folder where a data file was expected\n  Its rows come from a program, which is never run."),
        ],
    )  # fmt: skip
    def test_what_cannot_be_followed_is_named(self, tmp_path: Path, files: dict[str, str], expected: str) -> None:
        folder = make(tmp_path / "made", files)
        with pytest.raises(InputFileError) as raised:
            questions(folder)
        assert expected in str(raised.value)

    def test_what_save_to_disk_wrote(self, tmp_path: Path) -> None:
        datasets = pytest.importorskip("datasets")
        features = datasets.Features(
            {
                "question": datasets.Value("string"),
                "answer": datasets.ClassLabel(names=["不", "是"]),
                "tags": datasets.List({"kind": datasets.ClassLabel(names=["x", "y"])}),
                "picture": datasets.Image(),
            }
        )
        rows = {
            "question": ["a", "b", "c"],
            "answer": [1, 0, -1],
            "tags": [[{"kind": 1}], [], []],
            "picture": [None] * 3,
        }
        made = datasets.Dataset.from_dict(rows, features=features)
        made.select([2, 0]).save_to_disk(str(tmp_path / "one"))
        datasets.DatasetDict(train=made, test=made.select([1])).save_to_disk(
            str(tmp_path / "both"), num_shards={"train": 2, "test": 1}
        )
        made.to_parquet(str(tmp_path / "a.parquet"))
        with local_inputs([tmp_path / "one"], QUIET) as paths:
            opened = open_rows(paths[0])
        assert opened.details == {}
        assert [row.values for row in opened.rows()] == [
            {"question": "c", "answer": None, "tags": [], "picture": None},
            {"question": "a", "answer": "是", "tags": [{"kind": "y"}], "picture": None},
        ]
        assert questions(f"{tmp_path}/both#train", f"{tmp_path}/both#test") == ["a", "b", "c", "b"]
        assert [row.values["answer"] for row in open_rows(tmp_path / "a.parquet").rows()] == ["是", "不", None]

    def test_a_person_is_asked(self, tmp_path: Path) -> None:
        folder = make(tmp_path / "d", {"train.jsonl": LINE % "one", "test.jsonl": LINE % "two"})
        asked: list[Any] = []

        def ask(place: str, parts: Any) -> str:
            asked.append((place, parts))
            return "test"

        assert questions(folder, ask=ask) == ["two"]
        assert asked == [(str(folder), ["test", "train"])]

    def test_a_file_whose_name_holds_the_sign_is_that_file(self, tmp_path: Path) -> None:
        make(tmp_path, {"c#.jsonl": LINE % "sharp"})
        assert questions(tmp_path / "c#.jsonl") == ["sharp"]

    def test_a_dataset_of_ours_is_none_of_these(self, tmp_path: Path) -> None:
        folder = make(
            tmp_path / "ours", {"seedbed.yaml": "name: a\n", "publish/data/train-00000-of-00001.parquet": "q"}
        )
        assert not is_folder_of_tables(folder)
        assert is_folder_of_tables(folder / "publish")
        assert find_parts(folder, list_folder(folder / "publish"), read_from(folder)) == {
            Part("default", "train"): ["data/train-00000-of-00001.parquet"]
        }

    def test_names_of_what_is_made_of_it(self) -> None:
        names = {"-": "stdin", "a/rows.jsonl.gz": "rows", "data/v1.2#train": "v1.2", "me/tiny": "tiny", "x.csv": "x"}
        assert {place: name_of(Path(place)) for place in names} == names


class TestStandardInput:
    def test_packed_rows_are_curated_against_a_packed_file(
        self, tmp_path: Path, seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "Explain in one paragraph why the northern lakes freeze from the top down and never from the bottom up."
        held_out = json.dumps({"question": text, "answer": "Cold water sinks until four degrees, colder water floats."})
        (tmp_path / "held_out.jsonl.gz").write_bytes(gzip.compress(held_out.encode(), mtime=0))
        piped = io.TextIOWrapper(io.BytesIO(gzip.compress(f"{held_out}\n{LINE % 'Name a lake.'}".encode(), mtime=0)))
        monkeypatch.setattr(sys, "stdin", piped)
        monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
        monkeypatch.setattr("tempfile.tempdir", None)
        (tmp_path / "temporary").mkdir()
        against = ("--against", tmp_path / "held_out.jsonl.gz")
        ended = seedbed("curate", "-", "--out", tmp_path / "out", *against, "--json")
        assert ended.code == 0
        assert json.loads(ended.out)["rows"]["by_reason"] == {"contaminated": 1}
        assert "stdin: 2 rows, question–answer pairs (JSON Lines)" in ended.err
        parts = pq.read_table(tmp_path / "out" / "samples")
        assert parts["source"].to_pylist() == ["stdin#1", "stdin#2"]
        assert list((tmp_path / "temporary").iterdir()) == []

    @pytest.mark.parametrize(
        ("data", "container"),
        [
            ((LINE % "q").encode(), "JSON Lines"),
            (b'[{"question": "q", "answer": "a"}]', "JSON"),
            (b"question;answer\nq;a\n", "CSV"),
            (gzip.compress(b"question,answer\nq,a\n", mtime=0), "CSV"),
        ],
    )
    def test_the_container_is_found(self, data: bytes, container: str) -> None:
        with local_inputs(["-"], QUIET, stdin=io.BytesIO(data)) as paths:
            assert [(path.name, open_rows(path).container) for path in paths] == [("stdin", container)]
        assert not paths[0].exists()

    def test_what_cannot_be_read_is_said(self) -> None:
        with pytest.raises(UsageError, match="-: standard input can be read once, and only where rows are curated"):
            questions("-")
        with pytest.raises(UsageError, match="-: standard input can be read once"):
            questions("-", "-", stdin=io.BytesIO(b"[]"))
        with pytest.raises(InputFileError, match=r"^stdin: a name without a suffix, and bytes of no known format,"):
            questions("-", stdin=io.BytesIO(b"hello"))
        with pytest.raises(InputFileError, match=r"^stdin: the file is empty"):
            questions("-", stdin=io.BytesIO(b""))

    def test_more_than_the_disk_holds(self) -> None:
        with pytest.raises(DiskError, match=r"/dev/full: No space left on device\n  Free some space, or name a folder"):
            spill(io.BytesIO(b"x" * 2**21), Path("/dev/full"), lambda count: None)


HUB = {
    "README.md": "---\nconfigs:\n- config_name: main\n  data_files:\n  - {split: train, path: data/train*}\n---\n",
    "data/train-00000-of-00001.jsonl": LINE % "from the hub",
    "data/test-00000-of-00001.jsonl": LINE % "not asked for",
    "tiny.py": "raise SystemExit('this was run')",
}
ASK_THE_HUB = """
import sys
from builder.errors import SeedbedError
from builder.formats.importing import read_samples
from builder.formats.inputs import local_inputs
from builder.progress import Reporter
for place in sys.argv[1:]:
    try:
        with local_inputs([place], Reporter(quiet=True)) as paths:
            print([(s.source, s.messages[0].content) for s in read_samples(paths, reporter=Reporter(quiet=True)).samples])
    except SeedbedError as error:
        print(error.message)
"""


@contextmanager
def hub() -> Iterator[str]:
    """A server that speaks as much of the hub's HTTP as reading a dataset takes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            listed = [{"type": "file", "path": name, "size": len(text), "oid": "0"} for name, text in HUB.items()]
            api = "/api/datasets/me/tiny"
            known = {
                api: {"id": "me/tiny", "sha": "0"},
                f"{api}/tree/main": listed,
                f"{api}/tree/main/data": listed[1:3],
            }
            name = path.removeprefix("/datasets/me/tiny/resolve/main/")
            body = json.dumps(known[path]) if path in known else HUB.get(name, "")
            self.send_response(200 if body else 404)
            self.send_header("X-Repo-Commit" if body else "X-Error-Code", "0" if body else "RepoNotFound")
            self.send_header("ETag", '"0"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode() if self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestHub:
    def test_a_dataset_by_its_name(self, tmp_path: Path) -> None:
        pytest.importorskip("huggingface_hub")
        places = ["me/tiny", "hf://datasets/me/tiny#main/train", "me/tiny#test", "me/nothing"]
        with hub() as endpoint:
            environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)}
            command = [sys.executable, "-c", ASK_THE_HUB, *places]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=True)
        assert done.stdout.splitlines() == [
            "[('train-00000-of-00001.jsonl#1', 'from the hub')]",
            "[('train-00000-of-00001.jsonl#1', 'from the hub')]",
            "me/tiny: it has no configuration or split 'test'",
            "me/nothing: no such file or folder here, and no such dataset on the hub, or one that may not be read",
        ]

    def test_without_a_network_it_is_said_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(EndpointError, match="me/tiny: no such file or folder here, and the hub at 127"):
            questions("me/tiny")


def test_files_of_no_split_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path / "d", {"train.jsonl": LINE % "Train?", "more.jsonl": LINE % "More?", "README.md": "# Ours"})
    with local_inputs([folder], Reporter()) as paths:
        assert [path.name for path in paths] == ["train.jsonl"]
    assert capsys.readouterr().err == f"{folder}: files of no split are not read: 1, such as more.jsonl\n"


def test_a_folder_of_files_is_not_called_a_dataset_folder(tmp_path: Path, seedbed: Seedbed) -> None:
    folder = make(tmp_path / "chats", {"may.jsonl": LINE % "May?", "june.jsonl": LINE % "June?"})
    ended = seedbed("curate", folder, "--out", tmp_path / "out")
    assert ended.code == 2
    assert ended.err == f"seedbed: {folder}: a folder where a data file was expected\n  Name the files in it.\n"
