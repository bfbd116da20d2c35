"""`seedbed teacher serve` on a real port: who it answers, and what it bears."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from builder.procedural.teacher import embedded, embedded_batches, guard
from builder.procedural.teacher.embedded import BodyCounts, create_app
from builder.procedural.teacher.faults import Faults
from builder.procedural.teacher.guard import Guard, is_loopback

ASKED = {"model": "seedbed-procedural", "messages": [{"role": "user", "content": "- number of tasks: 2"}]}
BEARER = {"Authorization": "Bearer any"}


@contextmanager
def command(*arguments: str) -> Iterator[tuple[str, str]]:
    """The server's address on loopback, and what it said before it listened."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "builder", "teacher", "serve", "--port", str(port), *arguments]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, "SECRET": "of ours"}) as server:
        try:
            assert server.stderr is not None
            said = ""
            while "Ctrl-C" not in said:
                line = server.stderr.readline()
                assert line, said
                said += line
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", said
        finally:
            server.terminate()


@contextmanager
def served(*, key: str | None = None, body_seconds: float = 30.0) -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = Guard(create_app(Faults(), key), "127.0.0.1", key, body_seconds=body_seconds)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def test_only_addresses_and_its_own_name_are_answered() -> None:
    with command() as (address, said):
        assert "key, shown" not in said
        statuses = {
            host: httpx2.post(
                f"{address}/v1/chat/completions", json=ASKED, headers={**BEARER, "Host": host}
            ).status_code
            for host in (
                "127.0.0.1",
                "localhost:8765",
                "[::1]:8765",
                "192.168.1.7",
                "evil.example",
                "evil.example:8765",
            )
        }
        rebound = httpx2.get(f"{address}/stats", headers={"Host": "rebound.example"})
    assert statuses == {
        "127.0.0.1": 200,
        "localhost:8765": 200,
        "[::1]:8765": 200,
        "192.168.1.7": 200,
        "evil.example": 421,
        "evil.example:8765": 421,
    }
    assert rebound.status_code == 421
    assert "rebound.example" in rebound.json()["error"]["message"]


def test_an_address_that_others_reach_has_a_key_that_is_shown_once() -> None:
    with command("--host", "0.0.0.0") as (address, said):
        (key,) = re.findall(r"shown this once: (\S{32})\n", said)
        statuses = [
            httpx2.get(f"{address}{path}", headers={"Authorization": f"Bearer {token}"}).status_code
            for path in ("/v1/models", "/stats")
            for token in ("any", key)
        ]
    assert statuses == [401, 200, 401, 200]


def test_the_key_comes_from_the_environment_where_it_is_named() -> None:
    with command("--host", "0.0.0.0", "--api-key-env", "SECRET") as (address, said):
        statuses = [
            httpx2.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code
            for token in ("any", "of ours")
        ]
    assert statuses == [401, 200]
    assert "of ours" not in said


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("my-machine", False),
    ],
)
def test_loopback_is_told_by_the_address(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_limit_is_refused_and_the_next_one_answered(declared: bool) -> None:
    large = b'{"model": "' + b"x" * guard.MOST_BODY
    with served() as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=BEARER) as client:
        content = large if declared else (large[at : at + 65536] for at in range(0, len(large), 65536))
        with contextlib.suppress(httpx2.TransportError):  # it may have stopped reading, and closed
            assert client.post("/v1/chat/completions", content=content).status_code == 413
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
        assert client.get("/stats").json()["requests"] == 1


def test_nobody_without_the_key_has_a_body_read() -> None:
    with served(key="k") as port, socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(10)
        line.sendall(b"POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30000000\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_does_not_come_is_given_up() -> None:
    with served(body_seconds=0.3) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(10)
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=BEARER) as other:
            assert other.post("/v1/chat/completions", json=ASKED).status_code == 200
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_counts_are_of_recent_bodies_and_totals_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_MOST_BODIES", 3)
    counts = BodyCounts()
    assert [counts.add(name) for name in "ababcda"] == [1, 1, 2, 2, 1, 1, 1]  # "a" was forgotten when "d" came
    assert (counts.total, counts.distinct, counts.again, len(counts._counts)) == (7, 5, 2, 3)


def test_old_files_and_ended_batches_are_forgotten_and_waiting_ones_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_batches, "_MOST_FILES", 4)
    monkeypatch.setattr(embedded_batches, "_MOST_BATCHES", 2)
    line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": ASKED}).encode()
    now = [0.0]
    app = Guard(create_app(Faults.parse("batch_seconds=10"), None, lambda: now[0]), "127.0.0.1", None)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with httpx2.Client(headers=BEARER) as client:

            def upload() -> str:
                sent = client.post(f"{base}/files", files={"file": ("in.jsonl", line)}, data={"purpose": "batch"})
                return str(sent.json()["id"])

            def create(file: str) -> httpx2.Response:
                wanted = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
                return client.post(f"{base}/batches", json=wanted)

            waiting = upload()
            first, second = create(waiting).json()["id"], create(waiting).json()["id"]
            assert create(waiting).status_code == 429
            others = [upload() for _ in range(6)]
            assert client.get(f"{base}/files/{waiting}").status_code == 200
            assert [client.get(f"{base}/files/{one}").status_code for one in others] == [404] * 3 + [200] * 3
            now[0] = 20.0
            assert [client.get(f"{base}/batches/{one}").json()["status"] for one in (first, second)] == [
                "completed"
            ] * 2
            create(others[-1])
            upload()
            assert client.get(f"{base}/batches/{first}").status_code == 404
            assert client.get(f"{base}/batches?limit=x").status_code == 400
    finally:
        server.should_exit = True
        thread.join()
