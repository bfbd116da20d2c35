"""`seedbed push` against a hub on loopback, through the real client: what is sent, what is not, and what is refused."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from builder import pipeline
from builder.config import Settings
from builder.hub.sending import wait_no_longer
from builder.progress import Reporter
from builder.store.manifest import hash_json
from tests.command import Seedbed
from tests.hub_server import TOKEN, Hub, Repo, serve_hub

QUIET = Reporter(quiet=True)
ROWS = [
    ("How deep is the lake at its northern end?", "It is forty metres deep there, says the survey."),
    ("请用一句话介绍苏州的园林。", "苏州园林以小巧精致、移步换景著称。"),
    ("Name three rivers of Germany.", "The Rhine, the Elbe and the Danube."),
]
DATA = "data/train-00000-of-00001.parquet"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serve_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "ours")


def make(root: Path, *more: tuple[str, str]) -> Path:
    file = root.with_name(f"{root.name}.jsonl")
    rows = [{"instruction": question, "output": answer} for question, answer in (*ROWS, *more)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pipeline.curate_files([file], Settings(name="lakes", license="cc-by-4.0"), root, QUIET)
    return root


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_published_folder_arrives_as_one_commit(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    ended = seedbed("push", folder, "ada/lakes")
    assert ended.code == 0
    repo = hub.repos["ada/lakes"]
    commit = repo.branches["main"]
    assert ended.out == (
        f"README.md: sent\ncroissant.json: sent\n{DATA}: sent\n"
        f"{hub.address}/datasets/ada/lakes: a new private repository\nbranch main: commit {commit}\n"
    )
    assert repo.private
    assert repo.messages == ["initial commit", "3 rows of lakes"]
    there = repo.files()
    assert sorted(there) == [".gitattributes", "README.md", "croissant.json", DATA]
    assert there[DATA] == (folder / "publish" / DATA).read_bytes()
    assert there["README.md"] == (folder / "publish" / "README.md").read_bytes()
    described = json.loads(there["croissant.json"])
    ours = json.loads((folder / "publish" / "croissant.json").read_text("utf-8"))
    assert described["url"] == f"{hub.address}/datasets/ada/lakes"
    assert described["creator"]["name"] == "ada"
    assert described["datePublished"] == time.strftime(
        "%Y-%m-%d", time.gmtime((folder / "MANIFEST.json").stat().st_mtime)
    )
    assert described["recordSet"] == ours["recordSet"]
    assert described["distribution"][0]["contentUrl"] == f"{hub.address}/datasets/ada/lakes/resolve/main/{DATA}"


def test_what_is_there_is_not_sent_again(folder: Path, hub: Hub, seedbed: Seedbed, tmp_path: Path) -> None:
    seedbed("push", folder, "ada/lakes", "--public")
    first = hub.repos["ada/lakes"].branches["main"]
    assert not hub.repos["ada/lakes"].private
    again = seedbed("push", folder, "ada/lakes")
    assert again.out == f"{hub.address}/datasets/ada/lakes: holds all of it already (commit {first[:12]})\n"
    assert hub.repos["ada/lakes"].messages == ["initial commit", "3 rows of lakes"]
    # In another repository of the hub the card is new, and the rows are among its large files already.
    assert seedbed("push", folder, "lakes/all", "--message", "下一批").code == 0
    assert hub.sent() == [sha256(folder / "publish" / DATA)]
    assert hub.repos["lakes/all"].messages == ["initial commit", "下一批"]

    hub.repos["ada/lakes"].files()["notes.md"] = b"mine"
    more = make(tmp_path / "more", ("What is the capital of Norway?", "It is Oslo, on the Oslofjord."))
    update = seedbed("push", more, "ada/lakes")
    assert "/datasets/ada/lakes: a new commit in a public repository\n" in update.out
    assert hub.repos["ada/lakes"].files()[DATA] == (more / "publish" / DATA).read_bytes()
    assert hub.repos["ada/lakes"].files()["notes.md"] == b"mine"


def test_files_of_earlier_rows_go(
    folder: Path, hub: Hub, seedbed: Seedbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("builder.pipeline.publishing.ROWS_PER_PART", 1)
        parts = make(tmp_path / "parts")
    seedbed("push", parts, "ada/lakes")
    assert sorted(hub.repos["ada/lakes"].files())[3:] == [
        f"data/train-0000{part}-of-00003.parquet" for part in range(3)
    ]
    ended = seedbed("push", folder, "ada/lakes", "--json")
    assert json.loads(ended.out)["removed"] == [f"data/train-0000{part}-of-00003.parquet" for part in range(3)]
    assert sorted(hub.repos["ada/lakes"].files()) == [".gitattributes", "README.md", "croissant.json", DATA]
    hub.repos["ada/lakes"].files()["data/train-mine.parquet"] = b"rows of somebody"
    refused = seedbed("push", parts, "ada/lakes")
    assert refused.code == 2
    assert "holds data/train-mine.parquet, which load_dataset would read with the rows" in refused.err


def test_what_another_tool_put_there_stays(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    repo = hub.repos["ada/lakes"] = Repo(private=True)
    theirs = {"README.md": b"mine", "data/train-00000-of-00002.parquet": b"rows of somebody", "croissant.json": b"{}"}
    repo.commit("main", theirs, "theirs")
    refused = seedbed("push", folder, "ada/lakes")
    assert refused.code == 2
    assert "/datasets/ada/lakes: holds README.md, which `seedbed push` did not put there\n" in refused.err
    assert repo.files() == theirs
    assert seedbed("push", folder, "ada/lakes", "--overwrite").code == 0
    assert sorted(repo.files()) == ["README.md", "croissant.json", DATA]
    assert seedbed("push", folder, "ada/lakes", "--message", "again").code == 0


def test_another_branch_is_made_and_the_others_stay(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    assert seedbed("push", folder, "ada/lakes", "--revision", "v2/next").code == 0
    repo = hub.repos["ada/lakes"]
    assert sorted(repo.branches) == ["main", "v2/next"]
    assert sorted(repo.files("main")) == [".gitattributes"]
    assert DATA in repo.files("v2/next")
    assert "/resolve/v2%2Fnext/" in repo.files("v2/next")["croissant.json"].decode()


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    dry = seedbed("push", folder, "ada/lakes", "--dry-run", "--json", HF_TOKEN="")
    assert hub.requests == []
    facts = json.loads(dry.out)
    assert (facts["private"], facts["revision"], facts["message"]) == (True, "main", "3 rows of lakes")
    assert facts["address"] == f"{hub.address}/datasets/ada/lakes"
    seedbed("push", folder, "ada/lakes", HF_TOKEN=TOKEN)
    assert facts["files"] == [
        {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(hub.repos["ada/lakes"].files().items())
        if path != ".gitattributes"
    ]
    shown = seedbed("push", folder, "ada/lakes", "--dry-run", "--public")
    assert f"{sha256(folder / 'publish' / DATA)}  {DATA}\n" in shown.out
    assert shown.out.endswith("would be public\nmessage: 3 rows of lakes\n")


def test_load_dataset_reads_what_was_pushed(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    seedbed("push", folder, "ada/lakes")
    code = "import datasets; print([turn['content'] for turn in datasets.load_dataset('ada/lakes')['train'][1]['messages']])"
    environ = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONIOENCODING": "utf-8"}
    read = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=120, check=True
    )
    assert read.stdout == f"{[*ROWS[1]]}\n"


def test_what_is_no_finished_dataset_is_refused(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    data = folder / "publish" / DATA
    whole = data.read_bytes()
    data.write_bytes(whole[:-1] + b"x")
    damaged = seedbed("push", folder, "ada/lakes")
    assert damaged.code == 6
    assert f"{DATA}: its content is not what was written (SHA-256 differs)" in damaged.err
    data.write_bytes(whole)
    (folder / "publish" / "mine.txt").write_text("x", encoding="utf-8")
    stray = seedbed("push", folder, "ada/lakes")
    assert (stray.code, "publish/mine.txt: not in the manifest" in stray.err) == (6, True)
    (folder / "publish" / "mine.txt").unlink()
    manifest = (folder / "MANIFEST.json").read_bytes()
    (folder / "MANIFEST.json").unlink()
    assert seedbed("push", folder, "ada/lakes").code == 6
    (folder / "MANIFEST.json").write_bytes(manifest)
    pipeline.curate_folder(folder, None, ["filters.min_answer_words=999"], QUIET)
    nothing = seedbed("push", folder, "ada/lakes")
    assert (nothing.code, "no rows are published" in nothing.err) == (2, True)
    assert hub.requests == []


def test_a_folder_of_before_gets_its_croissant_by_a_new_report(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    manifest = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    del manifest["files"]["publish/croissant.json"], manifest["sha256"]
    (folder / "publish" / "croissant.json").unlink()
    (folder / "MANIFEST.json").write_text(json.dumps({**manifest, "sha256": hash_json(manifest)}), encoding="utf-8")
    before = seedbed("push", folder, "ada/lakes")
    assert (before.code, f"`seedbed report {folder}` writes it" in before.err) == (2, True)
    assert seedbed("report", folder).code == 0
    assert seedbed("push", folder, "ada/lakes").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lakes"], "lakes: expected a repository as user/name"),
        (["ada/la--kes"], "ada/la--kes: expected a repository as user/name"),
        (["../lakes"], "../lakes: expected a repository as user/name"),
        (["ada/lakes/x"], "ada/lakes/x: expected a repository as user/name"),
        (["ada/lakes", "--revision", "../main"], "--revision ../main: expected the name of a branch"),
        (["ada/lakes", "--message", " "], "--message: a commit has one line at least"),
    ],
)
def test_names_that_cannot_be_are_refused(
    folder: Path, hub: Hub, seedbed: Seedbed, arguments: list[str], said: str
) -> None:
    ended = seedbed("push", folder, *arguments)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert hub.requests == []


def test_a_repository_is_not_made_public_or_private_by_the_way(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    seedbed("push", folder, "ada/lakes", "--public")
    ended = seedbed("push", folder, "ada/lakes", "--private")
    assert ended.code == 2
    assert "is there already, and public, where --private was asked for" in ended.err
    seedbed("push", folder, "ada/quiet")
    assert "is there already, and private" in seedbed("push", folder, "ada/quiet", "--public").err


class TestEndpoint:
    """What goes wrong at the hub: exit code 5, one message, the token in none of it."""

    def refused(self, seedbed: Seedbed, folder: Path, repository: str = "ada/lakes", **environ: str) -> str:
        start = time.monotonic()
        ended = seedbed("push", folder, repository, **environ)
        assert time.monotonic() - start < 5
        assert ended.code == 5, ended.err
        assert TOKEN not in ended.out + ended.err
        assert "Traceback" not in ended.err
        return ended.err

    def test_without_a_token(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        assert "HF_TOKEN is not set" in self.refused(seedbed, folder, HF_TOKEN="")
        assert "HF_TOKEN holds what no token holds" in self.refused(seedbed, folder, HF_TOKEN="令牌")
        assert hub.requests == []

    def test_with_a_token_that_nobody_knows(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        said = self.refused(seedbed, folder, HF_TOKEN="hf_ofsomebodyelse")
        assert f"{hub.address}: does not know the token in HF_TOKEN (401" in said
        assert "hf_ofsomebodyelse" not in said

    def test_where_the_user_is_another(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        said = self.refused(seedbed, folder, "nobody/lakes")
        assert "/datasets/nobody/lakes: the token in HF_TOKEN may not write there, or there is no such user" in said
        assert "It is known as ada, lakes: name one of them before the slash" in said
        assert hub.repos == {}

    def test_where_the_token_may_only_read(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        hub.refuse["POST /api/repos/create"] = (403, f"{TOKEN} has no write permission")
        assert "(403: *** has no write permission)" in self.refused(seedbed, folder)

    def test_where_nobody_listens(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{free.getsockname()[1]}"
            said = self.refused(seedbed, folder, HF_ENDPOINT=address)
        assert f"{address}: cannot be reached (ConnectError: " in said
        assert "cannot be reached" in self.refused(seedbed, folder, HF_ENDPOINT="http://no-such-host.invalid")

    def test_where_a_commit_came_between(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        def between(repo: Repo) -> None:
            repo.commit("main", {**repo.files(), "theirs.md": b"x"}, "theirs")

        hub.before_commit = between
        said = self.refused(seedbed, folder)
        assert "changed while it was sent to, so nothing was committed (412: A commit has happened since." in said
        hub.before_commit = None
        assert seedbed("push", folder, "ada/lakes").code == 0
        assert sorted(hub.repos["ada/lakes"].files())[-1] == "theirs.md"
        assert hub.sent() == [sha256(folder / "publish" / DATA)]

    @pytest.mark.parametrize(
        ("request_", "status", "said"),
        [
            ("PUT /lfs/", 403, "may not write there"),
            ("POST /api/datasets/ada/lakes/commit/", 507, "the hub has no room for it (507: no)"),
            ("POST /api/datasets/ada/lakes/commit/", 500, "the hub refuses or fails (500: no)"),
            ("GET /api/whoami-v2", 500, "the hub refuses or fails (500: no)"),
            ("GET /api/whoami-v2", 404, "does not answer as the hub does (404: no)"),
        ],
    )
    def test_where_the_hub_fails(
        self, folder: Path, hub: Hub, seedbed: Seedbed, request_: str, status: int, said: str
    ) -> None:
        hub.refuse[request_] = (status, "no")
        assert said in self.refused(seedbed, folder)
        assert all(repo.messages == ["initial commit"] for repo in hub.repos.values())

    @pytest.mark.parametrize("answer", [[], "no", json.loads("[" * 500 + "]" * 500)])
    def test_where_it_answers_with_something_else(
        self, folder: Path, hub: Hub, seedbed: Seedbed, answer: object
    ) -> None:
        hub.answers["POST /api/datasets/ada/lakes/preupload/"] = answer
        assert "does not answer as the hub does" in self.refused(seedbed, folder)

    def test_where_it_is_no_hub(self, folder: Path, hub: Hub, seedbed: Seedbed) -> None:
        hub.html = True
        assert "does not answer as the hub does" in self.refused(seedbed, folder)


def test_a_hub_that_wants_a_request_again_after_hours_is_not_waited_for() -> None:
    """The client sleeps as long as it is told to, without a word."""
    for name, value in (("retry-after", "86400"), ("ratelimit", '"api";r=0;t=3600')):
        long = httpx2.Response(429, headers={name: value})
        wait_no_longer(long)
        assert name not in long.headers
        short = httpx2.Response(429, headers={name: value.replace("86400", "55").replace("3600", "300")})
        wait_no_longer(short)
        assert name in short.headers


def test_an_address_of_the_hub_must_be_one(folder: Path, seedbed: Seedbed) -> None:
    for address in (
        "huggingface.co",
        "https://ada:hf_secret@example.org",
        "https://example.org/?token=hf_secret",
        "http://127.0.0.1:99999",
        "http://[::1",
    ):
        ended = seedbed("push", folder, "ada/lakes", "--dry-run", HF_ENDPOINT=address)
        assert (ended.code, "HF_ENDPOINT: expected an http:// or https:// address" in ended.err) == (2, True)
        assert "hf_secret" not in ended.err


def test_it_is_said_in_chinese(folder: Path, hub: Hub, seedbed: Seedbed) -> None:
    ended = seedbed("push", folder, "ada/lakes", SEEDBED_REPORT_LANGUAGE="zh")
    commit = hub.repos["ada/lakes"].branches["main"]
    assert ended.out == (
        f"README.md：已发送\ncroissant.json：已发送\n{DATA}：已发送\n"
        f"{hub.address}/datasets/ada/lakes：新建了私有仓库\n分支 main：提交 {commit}\n"
    )
    missing = seedbed("push", folder, "ada/lakes", SEEDBED_REPORT_LANGUAGE="zh", HF_TOKEN="")
    assert missing.err.startswith(f"seedbed: 没有设置 HF_TOKEN，而 {hub.address} 只接收已登录用户的文件\n")
