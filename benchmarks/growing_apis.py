"""What the growing benchmark drives: a build, the bare client, the embedded server, and one row's way through the parts."""

import asyncio
import contextlib
import itertools
import json
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai

from benchmarks.instructions import Instructions
from builder.config import Filters, Settings
from builder.curation.filtering import check_row
from builder.dataset_folder import DatasetFolder
from builder.errors import IntegrityError
from builder.generation.admission import Admission
from builder.pipeline import build
from builder.progress import Reporter
from builder.recipes import RECIPES
from builder.recipes.recipe import Instance, Job, Needs, Reading, Task
from builder.requests.ledger import Ledger, Request, read_spending
from builder.requests.sender import read_completion
from builder.signals import measure_row
from builder.text import detect_language

Body = Mapping[str, Any]

_POLL = 0.05  # seconds between looks at the ledger
_TIMEOUT = 60.0
_TASKS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """Replies a second between the first and the last tenth of a run, and the client's CPU for each in milliseconds."""

    per_second: float
    cpu_ms: float


@contextlib.contextmanager
def serving(latency: float, replies: Path | None = None) -> Iterator[str]:
    """The embedded teacher in its own process, or a server of kept replies; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    embedded = ["builder", "teacher", "serve", "--port", port, "--faults", f"latency={latency}"]
    replaying = ["benchmarks.replaying", port, str(latency), str(replies)]
    command = [sys.executable, "-m", *(embedded if replies is None else replaying)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _TIMEOUT
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", int(port)), 1).close()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def grow_rows(root: Path, address: str, requests: int, concurrency: int, tasks: int) -> Pace:
    """Build until so many requests are spent; gives its pace, as the ledger shows it from outside."""
    settings = Settings.model_validate(
        {
            "target": requests * 64,
            "teacher": {
                "provider": "openai",
                "base_url": address,
                "model": "seedbed-procedural",
                "concurrency": concurrency,
                "timeout": _TIMEOUT,
            },
            "growth": {"ordered": False, "tasks_per_request": tasks},
            "budget": {"max_requests": requests},
        }
    )
    ledger = DatasetFolder(root).ledger
    seen: list[tuple[float, int, float]] = []
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(ledger, ended, seen))
    watcher.start()
    try:
        build(settings, root, Reporter(quiet=True), {"OPENAI_API_KEY": "none"})
    finally:
        ended.set()
        watcher.join()
    first = next(look for look in seen if look[1] >= 0.1 * requests)
    last = next(look for look in seen if look[1] >= 0.9 * requests)
    return _pace(first, last)


def read_exchange(root: Path) -> tuple[list[Body], dict[str, list[str]]]:
    """The bodies that a build sent, and its replies by language."""
    bodies: list[Body] = []
    replies: dict[str, list[str]] = {}
    with Ledger(DatasetFolder(root).ledger) as ledger:
        for entry in ledger.entries():
            for step in entry.steps:
                bodies.append(step.request.body)
                if step.received is not None:
                    replies.setdefault(entry.context["needs"]["language"], []).append(step.received.reply)
    return bodies, replies


def _watch(ledger: Path, ended: threading.Event, seen: list[tuple[float, int, float]]) -> None:
    while not ended.wait(_POLL):
        if ledger.exists():
            with contextlib.suppress(IntegrityError, sqlite3.Error):
                seen.append((time.perf_counter(), read_spending(ledger).received, time.process_time()))


def bare_client(address: str, bodies: Sequence[Body], requests: int, concurrency: int) -> Pace:
    """The same bodies through the openai client alone, with the same options; nothing is kept."""
    return asyncio.run(_ask_all(address, bodies, requests, concurrency))


async def _ask_all(address: str, bodies: Sequence[Body], requests: int, concurrency: int) -> Pace:
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    http = httpx2.AsyncClient(limits=limits, follow_redirects=False, timeout=_TIMEOUT)
    waiting = itertools.islice(itertools.cycle(bodies), requests)
    answered: list[tuple[float, int, float]] = []

    async def work(client: openai.AsyncOpenAI) -> None:
        for body in waiting:
            await client.chat.completions.create(**body)
            answered.append((time.perf_counter(), len(answered), time.process_time()))

    async with openai.AsyncOpenAI(
        api_key="none", base_url=address, max_retries=0, timeout=_TIMEOUT, http_client=http
    ) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))
    return _pace(answered[int(0.1 * requests)], answered[int(0.9 * requests)])


def _pace(first: tuple[float, int, float], last: tuple[float, int, float]) -> Pace:
    replies = last[1] - first[1]
    return Pace(replies / (last[0] - first[0]), (last[2] - first[2]) / replies * 1e3)


class Processing:
    """One row's way: its request and reply into the ledger, the reply read, its tasks admitted.

    Args:
        path: of the ledger.
        pool: rows that are there before.
    """

    def __init__(self, path: Path, pool: int, threshold: float) -> None:
        self._texts = Instructions(random.Random(5))
        self._ledger = Ledger(path)
        self._admission = Admission(
            threshold,
            measure=measure_row,
            check=lambda sample, values: check_row(sample, values, Filters()),
            teacher="benchmark",
        )
        self._recipe = RECIPES["alpaca"]
        self._jobs = 0
        for number in range(pool):
            text = self._texts.next()
            task = Task(f"s{number}", text, (Instance("", self._texts.next()),), None, detect_language(text), False)
            self._admission.admit_seed(task, "benchmark")
        replies = pool // _TASKS
        asyncio.run(self._fill(replies))

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def milliseconds_per_row(self, replies: int) -> float:
        """CPU for one admitted row, over so many replies."""
        drawn = [self._reply() for _ in range(replies)]
        started = time.process_time()
        rows = asyncio.run(self._process(drawn))
        return (time.process_time() - started) / rows * 1e3

    async def _fill(self, replies: int) -> None:
        for _ in range(0, replies, 64):
            await asyncio.gather(*(self._keep(*self._reply()) for _ in range(64)))

    async def _process(self, drawn: list[tuple[Job, str]]) -> int:
        rows = 0
        for place in range(0, len(drawn), 16):
            part = drawn[place : place + 16]
            kept = await asyncio.gather(*(self._keep(job, reply) for job, reply in part))
            for (job, _), reply in zip(part, kept, strict=True):
                completion = read_completion(reply)
                reading = self._recipe.proceed(job, [completion] if completion else [])
                assert isinstance(reading, Reading)
                rows += len(self._admission.admit_job(job, reading, f"{job.id}.0").samples)
                self._ledger.mark_read(job.number, job.number)
        return rows

    async def _keep(self, job: Job, reply: str) -> str:
        body = {"model": "benchmark", "messages": [{"role": "user", "content": reply}]}
        self._ledger.add_job(job.number, job.recipe, job.context())
        attempt = await self._ledger.begin(Request(job.number, 0, body, 4_000, 4_000))
        return (await self._ledger.finish(attempt, "received", status=200, reply=reply, usable=True)).reply

    def _reply(self) -> tuple[Job, str]:
        language = ("en", "zh")[self._jobs % 2]
        job = Job(self._jobs, "alpaca", Needs(_TASKS, language, ("open_qa",), 1, 1), ())
        self._jobs += 1
        texts: list[str] = []
        while len(texts) < 2 * _TASKS:
            text = self._texts.next()
            if detect_language(text) == language:
                texts.append(text)
        tasks = [
            {"instruction": texts[i], "category": "open_qa", "instances": [{"input": "", "output": texts[_TASKS + i]}]}
            for i in range(_TASKS)
        ]
        message = {"role": "assistant", "content": json.dumps({"tasks": tasks}, ensure_ascii=False)}
        usage = {"prompt_tokens": 1_000, "completion_tokens": 600}
        return job, json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
