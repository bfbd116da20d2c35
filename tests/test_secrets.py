"""A planted key is in no file, no output, no log and no traceback of a whole run at debug level, error paths included.

The run is the real command in a process of its own, against real servers that echo the key wherever a server can.
"""

import asyncio
import base64
import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from builder.errors import UsageError
from builder.settings_file import load_settings
from tests.builder.test_endpoints import RawServer
from tests.endpoint import completion, serving

KEY = "sk-planted/Q7w9Zx3+Lm5Vb8n2Kd4Rt6Yh1"
ROOT = Path(__file__).parents[1]
WORDS = [
    first + second for first in ("ba", "co", "du", "fe", "gri", "ha") for second in ("rn", "st", "lo", "mmer", "ve")
]
DEBUGGING = """
import logging
logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
logging.getLogger().addHandler(logging.FileHandler("debug.log", delay=True))
for name in ("openai", "httpx2", "httpcore2", "asyncio", "uvicorn", "uvicorn.access", "uvicorn.error"):
    logging.getLogger(name).setLevel(logging.DEBUG)
"""


class Run:
    """Commands in one folder, with a home and a debugging interpreter of its own; keeps all that they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = folder / "d"
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(DEBUGGING, encoding="utf-8")
        (folder / "home").mkdir()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SEEDBED_", "OPENAI_"))}
        self.environ = clean | {
            "HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join((str(folder / "site"), str(ROOT))),
            "OPENAI_API_KEY": KEY,
            "OPENAI_LOG": "debug",
            "PYTHONASYNCIODEBUG": "1",
            "PYTHONFAULTHANDLER": "1",
        }
        self.said: list[bytes] = []

    def python(self, *arguments: str | Path) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)], capture_output=True, cwd=self.folder, env=self.environ, timeout=120
        )
        self.said += [done.stdout, done.stderr]
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    def seedbed(self, *arguments: str | Path) -> tuple[int, str]:
        return self.python("-m", "builder", *arguments)

    def seedbed_each(self, *commands: list[str]) -> list[int]:
        """Several commands in one process; returns their exit codes."""
        code = (
            "import sys\n"
            "from builder.cli import main\n"
            f"for command in {commands!r}:\n"
            "    sys.argv = ['seedbed', *command]\n"
            "    try: main(); ended = 0\n"
            "    except SystemExit as end: ended = end.code or 0\n"
            "    print('EXIT', ended, file=sys.__stdout__, flush=True)\n"
        )
        _, said = self.python("-c", code)
        return [int(line.split()[1]) for line in said.splitlines() if line.startswith("EXIT ")]

    def assert_no_key(self) -> None:
        assert self.said
        for said in self.said:
            assert_clean(said, "output")
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert files
        for path in files:
            for content in contents(path):
                assert_clean(content, str(path))


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what compressed and paged files hold."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        yield repr(pq.read_table(path).to_pylist()).encode()
    if path.suffix == ".sqlite":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
            tables = [name for (name,) in connection.execute(query)]
            assert {"attempts", "part"} & set(tables)  # a ledger, or the words of rows
            for table in tables:
                yield repr(connection.execute(f"SELECT * FROM {table}").fetchall()).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def traces(key: str) -> set[str]:
    """How a key may stand somewhere: as it is, in halves, in an address, in JSON and in base64 at every offset."""
    half = len(key) // 2
    parts = {key[:half], key[half:]}
    parts |= {urllib.parse.quote(part, safe="") for part in parts} | {part.replace("/", "\\/") for part in parts}
    for offset in range(3):
        encoded = base64.b64encode(b"." * offset + key.encode()).decode()
        parts |= {encoded[8:20], encoded[-20:-8]}
    assert all(len(part) > 8 for part in parts)
    return parts


TRACES = {part.encode() for part in traces(KEY)}


def assert_clean(content: bytes, where: str) -> None:
    for trace in TRACES:
        at = content.find(trace)
        assert at < 0, (where, content[max(0, at - 300) : at + 60])


def tasks(number: int, echo: str) -> str:
    draw = random.Random(number)
    entries = [
        {
            "instruction": " ".join(draw.sample(WORDS, 9)).capitalize() + ".",
            "category": "writing",
            "is_classification": False,
            "instances": [{"input": f"It came with {echo}", "output": f"The header was {echo}, as asked."}],
        }
    ]
    return json.dumps({"tasks": entries})


def echoing() -> Starlette:
    """One server with endpoints that fail in their own ways, one that fails every other time, and one that serves."""
    served: list[str] = []

    async def chat(request: Request) -> Response:
        await request.body()
        key = request.headers["authorization"].removeprefix("Bearer ")
        kind = request.path_params["kind"]
        headers = {"X-Echo": f"Bearer {key}", "X-Request-Id": key, "Retry-After": "0"}
        failing = {"400": 400, "401": 401, "307": 307}
        if kind == "307":
            headers["Location"] = f"http://localhost:9/v1/chat/completions?key={urllib.parse.quote(key)}"
        if kind in failing:
            encoded = base64.b64encode(key.encode()).decode()
            said = f"Incorrect key {key} ({urllib.parse.quote(key, safe='')}, {encoded})"
            return Response(json.dumps({"error": {"message": said}}), failing[kind], headers)
        served.append(kind)
        good = completion(tasks(len(served), f"Bearer {key}"))
        bodies = {
            0: (500, json.dumps({"error": {"message": f"broken, key {key}"}})),
            2: (429, json.dumps({"error": {"message": f"slow down, {key}"}})),
            4: (200, f"<html><title>{key}</title>Bearer {key}"),
            6: (200, json.dumps({**completion(None), "debug": {"authorization": key}})),
        }
        fault = served.count("unsteady") % 8 if kind == "unsteady" else -1
        status, body = bodies.get(fault, (200, json.dumps(good).replace("/", "\\/").replace("-", "\\u002d")))
        return Response(body, status, headers)

    async def late(request: Request) -> Response:
        await request.body()
        await asyncio.sleep(1.5)
        return Response("{}")

    return Starlette(
        routes=[
            Route("/v1/late/chat/completions", late, methods=["POST"]),
            Route("/v1/{kind}/chat/completions", chat, methods=["POST"]),
        ]
    )


SETTINGS = """
seeds: {{files: [seeds.jsonl]}}
target: 16
growth: {{languages: {{en: 1}}, tasks_per_request: 1, human_demonstrations: 2, demonstrations: 2}}
split: {{min_validation_rows: 0}}
teacher:
  provider: openai
  model: m
  max_attempts: 2
  timeout: 1
  endpoints: [{endpoints}]
budget: {{max_cost: 100, prices: {{m: {{input: 1, output: 2}}}}}}
"""


SEEDS = "".join(
    json.dumps({"instruction": text, "input": "", "output": "Yes.", "category": "writing"}) + "\n"
    for text in ("Say whether bees sleep at night.", "Write a note about a lost umbrella.")
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_whole_run_against_endpoints_that_echo_the_key(run: Run) -> None:
    cut = f"HTTP/1.1 200 {KEY}\r\nX-Echo: {KEY}\r\nContent-Length: 999\r\n\r\n" + '{"choices": "' + KEY[:-1]
    garbage = f"HTTP/1.1 200 OK\r\n{KEY} is no header\r\n\r\n"
    with (
        serving(echoing()) as url,
        RawServer(cut.encode()) as cutting,
        RawServer(garbage.encode()) as babbling,
        socket.socket() as unused,
    ):
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        urls = [f"{url}/{kind}" for kind in ("good", "unsteady", "400", "401", "307", "late")]
        endpoints = ", ".join(f"{{base_url: '{one}'}}" for one in (*urls, cutting.url, babbling.url, refused))
        (run.folder / "seeds.jsonl").write_text(SEEDS, encoding="utf-8")
        (run.folder / "s.yaml").write_text(SETTINGS.format(endpoints=endpoints), encoding="utf-8")
        code, said = run.seedbed("build", "s.yaml", "--out", "d")
        assert (code, cutting.posts > 0, babbling.posts > 0) == (0, True, True), said[-3000:]
    for logger in ("httpcore2.http11", "openai._base_client", "asyncio"):
        assert f"{logger} DEBUG" in said
    out = "d"
    codes = run.seedbed_each(
        ["status", out],
        ["status", out, "--costs"],
        ["estimate", "s.yaml", "--out", out],
        ["show", out, "--limit", "100"],
        ["why", out, "2", "--json"],
        ["export", out, "--format", "alpaca", "--out", "rows.jsonl"],
        ["export", out, "--format", "alpaca", "--out", "rows.xlsx"],
        ["report", out, "--language", "zh"],
        ["verify", out],
    )
    assert codes == [0] * 9
    assert "The header was Bearer ***, as asked." in (run.folder / "rows.jsonl").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(run.dataset / "ledger.sqlite")) as connection:
        seen = {status for (status,) in connection.execute("SELECT DISTINCT status FROM attempts")}
    assert {None, 200, 307, 400, 401, 429, 500} <= seen
    run.assert_no_key()


def test_a_run_that_ends_with_an_error_and_one_that_ends_with_a_bug(run: Run) -> None:
    with serving(echoing()) as url:
        settings = [
            *(
                "--set",
                "teacher.provider=openai",
                "--set",
                "teacher.model=m",
                "--set",
                f"teacher.base_url={url}/401",
                "--set",
                "growth.languages={en: 1}",
            ),
            *("--target", "3", "--out", "d"),
        ]
        code, said = run.seedbed("build", *settings)
        assert (code, "Incorrect key *** (***, ***" in said) == (5, True), said[-2000:]
        bug = (
            "import sys, builder.teachers.openai as openai\n"
            "def read(self, response): raise RuntimeError(f'a bug with {response!r}')\n"
            "openai.OpenAIConnection._read = read\n"
            f"sys.argv = ['seedbed', 'build', *{settings!r}]\n"
            "from builder.cli import main\n"
            "main()\n"
        )
        run.environ["PYTHONDEVMODE"] = "1"
        code, said = run.python("-c", bug)
        assert (code, "Traceback (most recent call last)" in said, "RuntimeError: a bug with" in said) == (
            1,
            True,
            True,
        )
    run.assert_no_key()


def test_a_key_in_the_settings_is_refused_and_not_repeated(run: Run) -> None:
    quoted = urllib.parse.quote(KEY, safe="")
    files = {
        "pasted": f"teacher: {{provider: openai, api_key: '{KEY}'}}",
        "variable": f"teacher: {{provider: openai, api_key_env: '{KEY}'}}",
        "name": f"teacher: {{'{KEY}': true}}",
        "broken": f"teacher: {{api_key: '{KEY}'\nname: *{KEY}",
        "password": f"teacher: {{provider: openai, base_url: 'http://user:{quoted}@127.0.0.1:9/v1'}}",
        "odd": f"teacher: {{provider: openai, base_url: 'http://user:{quoted}℀@127.0.0.1:9/v1'}}",
        "port": f"teacher: {{provider: openai, base_url: 'http://127.0.0.1:{quoted}/v1'}}",
        "query": f"teacher: {{provider: openai, base_url: 'http://127.0.0.1:9/v1?key={quoted}'}}",
        "path": f"teacher: {{provider: openai, base_url: 'http://127.0.0.1:9/{KEY}/v1'}}",
        "endpoint": f"teacher: {{provider: openai, endpoints: [{{base_url: 'http://{quoted}@127.0.0.1:9/v1'}}]}}",
        "model": f"teacher: {{provider: openai, base_url: 'http://127.0.0.1:9/v1', model: '{KEY}'}}",
    }
    home = run.folder / "given"  # what the user wrote holds the key; what the commands say and write must not
    home.mkdir()
    for name, text in files.items():
        (home / f"{name}.yaml").write_text(text, encoding="utf-8")
    commands = [["build", f"given/{name}.yaml", "--target", "3", "--out", f"out-{name}"] for name in files]
    commands += [["build", "--set", f"teacher.api_key: {KEY}", "--json"], ["estimate", "--set", f"{KEY}=1"]]
    codes = run.seedbed_each(*commands)
    assert codes == [2] * len(commands)
    for path in home.iterdir():
        path.unlink()
    assert list(run.folder.glob("out-*")) == []
    run.assert_no_key()


def test_the_embedded_teacher_as_a_server_keeps_its_callers_key_to_itself(run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "builder",
        "teacher",
        "serve",
        "--port",
        str(port),
        "--api-key-env",
        "OPENAI_API_KEY",
    ]
    with (run.folder / "teacher.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=run.folder, env=run.environ)
        try:
            while not accepts(port):
                assert server.poll() is None
                time.sleep(0.05)
            assert ask(port, KEY) == 200
            assert ask(port, f"{KEY}x") == 401
        finally:
            server.terminate()
            server.wait(10)
    run.said.append((run.folder / "teacher.log").read_bytes())
    run.assert_no_key()


def ask(port: int, key: str) -> int:
    body = json.dumps(
        {"model": "seedbed-procedural", "messages": [{"role": "user", "content": "- number of tasks: 1"}]}
    )
    reply = httpx2.post(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        content=body,
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    return reply.status_code


def accepts(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY_2", "_KEY", "DEEPSEEK_API_KEY"])
def test_names_of_variables_are_taken(name: str) -> None:
    assert load_settings(None, [f"teacher.api_key_env={name}"], {}).teacher.api_key_env == name


@pytest.mark.parametrize(
    "key",
    ["sk-abc", "gsk_8aB3dE5fG7", "AIzaSyB0123456789", "hf_abcdefghijkl", "AKIAIOSFODNN7EXAMPLE", "0123456789abcdef"],
)
def test_keys_in_place_of_a_variables_name_are_not(key: str) -> None:
    with pytest.raises(UsageError, match="must be the name of an environment variable") as caught:
        load_settings(None, [f"teacher.api_key_env='{key}'"], {})
    assert key not in str(caught.value)
