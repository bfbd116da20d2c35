"""What the growing benchmark drives: a build, the bare client, a server of kept replies, and one row's way through the parts."""

import asyncio
import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai

from benchmarks.instructions import Instructions
from builder.config import Filters, Settings
from builder.curation.filtering import check_row
from builder.generation.admission import Admission, Admitted
from builder.pipeline import build
from builder.progress import Reporter
from builder.recipes import RECIPES
from builder.recipes.recipe import Draft, Instance, Job, Needs, Reading, Task
from builder.requests.completion import read_completion
from builder.requests.ledger import Ledger, Received, Request
from builder.schema import Sample
from builder.signals import SignalValue, measure_row
from builder.store.dataset_folder import DatasetFolder
from builder.text import Thresholds, detect_language

Body = Mapping[str, Any]

_POLL = 0.05  # seconds between looks at the server's count
_TIMEOUT = 60.0
_TASKS = 8
_TOKENS = (1_000, 600)  # what each reply says it used


@dataclass(frozen=True, slots=True)
class Pace:
    """Replies a second between the first and the last tenth of a run, and the client's CPU for each in milliseconds."""

    per_second: float
    cpu_ms: float


@contextlib.contextmanager
def serving(latency: float, replies: Path) -> Iterator[str]:
    """A server of kept replies in its own process; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.replaying", port, str(latency), str(replies)])
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


def write_replies(path: Path, count: int, tasks: int) -> None:
    """So many different replies of whole tasks in each language, for `serving`."""
    writer = _Writer(tasks)
    replies: dict[str, list[str]] = {"en": [], "zh": []}
    for language in itertools.islice(itertools.cycle(replies), 2 * count):
        replies[language].append(writer.reply(language))
    path.write_text(json.dumps(replies), encoding="utf-8")


def grow_rows(root: Path, address: str, requests: int, concurrency: int, tasks: int) -> Pace:
    """Build until so many requests are spent."""
    settings = Settings.model_validate(
        {
            "target": requests * 64,
            "teacher": {
                "provider": "openai",
                "base_url": address,
                "model": "kept",
                "concurrency": concurrency,
                "timeout": _TIMEOUT,
            },
            "growth": {"ordered": False, "tasks_per_request": tasks},
            "budget": {"max_requests": requests},
        }
    )
    return _watched(address, requests, lambda: build(settings, root, Reporter(quiet=True), {"OPENAI_API_KEY": "none"}))


def read_bodies(root: Path) -> tuple[list[Body], float]:
    """The bodies that a build sent, and the share of its candidates that became rows."""
    folder = DatasetFolder(root)
    with Ledger(folder.ledger) as ledger:
        bodies = [step.request.body for entry in ledger.entries() for step in entry.steps]
    rows, rejected = folder.count_samples(), folder.rejections_table().num_rows
    return bodies, rows / (rows + rejected)


def bare_client(address: str, bodies: Sequence[Body], requests: int, concurrency: int) -> Pace:
    """The same bodies through the openai client alone, with the same options; nothing is kept."""
    return _watched(address, requests, lambda: asyncio.run(_ask_all(address, bodies, requests, concurrency)))


async def _ask_all(address: str, bodies: Sequence[Body], requests: int, concurrency: int) -> None:
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    http = httpx2.AsyncClient(limits=limits, follow_redirects=False, timeout=_TIMEOUT)
    waiting = itertools.islice(itertools.cycle(bodies), requests)

    async def work(client: openai.AsyncOpenAI) -> None:
        for body in waiting:
            await client.chat.completions.create(**body)

    async with openai.AsyncOpenAI(
        api_key="none", base_url=address, max_retries=0, timeout=_TIMEOUT, http_client=http
    ) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))


def _watched(address: str, requests: int, work: Callable[[], Any]) -> Pace:
    """Do the work and read its pace off the server's own count; start and end are not part of it."""
    seen: list[tuple[float, int, float]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL):
            with urllib.request.urlopen(address) as answer:
                seen.append((time.perf_counter(), int(answer.read()), time.process_time()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        ended.set()
        watcher.join()
    before = seen[0][1]
    first = next(look for look in seen if look[1] - before >= 0.1 * requests)
    last = next(look for look in seen if look[1] - before >= 0.9 * requests)
    replies = last[1] - first[1]
    return Pace(replies / (last[0] - first[0]), (last[2] - first[2]) / replies * 1e3)


class _Writer:
    """Replies of whole tasks, and the tasks themselves."""

    def __init__(self, tasks: int, seed: int = 5) -> None:
        self._texts = Instructions(random.Random(seed))
        self._tasks = tasks

    def pairs(self, language: str) -> list[tuple[str, str]]:
        """Instructions and answers."""
        found: list[tuple[str, str]] = []
        while len(found) < self._tasks:
            text = self._texts.next()
            if detect_language(text) == language:
                found.append((text, self._texts.answer(language == "zh")))
        return found

    def reply(self, language: str) -> str:
        """A chat completion."""
        tasks = [
            {"instruction": instruction, "category": "open_qa", "instances": [{"input": "", "output": output}]}
            for instruction, output in self.pairs(language)
        ]
        message = {"role": "assistant", "content": json.dumps({"tasks": tasks}, ensure_ascii=False)}
        usage = dict(zip(("prompt_tokens", "completion_tokens"), _TOKENS, strict=True))
        return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU: for one candidate admission and the signals measured meanwhile, and everything for one admitted row."""

    candidate: float
    signals: float
    row: float


class Processing:
    """A pool of rows, and one more row's way: its request and reply into the ledger, the reply read, its tasks admitted.

    Args:
        path: of the ledger.
        pool: rows that are there before.
        threshold: of novelty.
    """

    def __init__(self, path: Path, pool: int, threshold: float) -> None:
        self._writer = _Writer(_TASKS)
        self._ledger = Ledger(path)
        self._admission = Admission(
            Thresholds(threshold, threshold),
            measure=self._timed_signals,
            check=lambda sample, values: check_row(sample, values, Filters()),
            teacher="benchmark",
        )
        self._recipe = RECIPES["alpaca"]
        self._jobs = 0
        self._signals = 0.0
        self.rows = 0
        self.held: list[Admitted] = []
        while self.rows < pool:
            job = self._job()
            drafts = [
                Draft(Task("", text, (Instance("", answer),), "open_qa", job.needs.language, False))
                for text, answer in self._writer.pairs(job.needs.language)
            ]
            self._admit(job, Reading(tuple(drafts)))

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def measure(self, replies: int) -> Cost:
        """The costs over so many replies, which are made before."""
        drawn = [(job := self._job(), self._writer.reply(job.needs.language)) for _ in range(replies)]
        rows, self._signals = self.rows, 0.0
        started = time.process_time()
        admission = asyncio.run(self._process(drawn))
        whole = time.process_time() - started
        candidates = replies * _TASKS
        return Cost(admission / candidates * 1e3, self._signals / candidates * 1e3, whole / (self.rows - rows) * 1e3)

    def _timed_signals(self, sample: Sample) -> dict[str, SignalValue]:
        started = time.thread_time()
        values = measure_row(sample)
        self._signals += time.thread_time() - started
        return values

    async def _process(self, drawn: list[tuple[Job, str]]) -> float:
        admission = 0.0
        for place in range(0, len(drawn), 16):
            part = drawn[place : place + 16]
            kept = await asyncio.gather(*(self._keep(job, reply) for job, reply in part))
            for (job, _), received in zip(part, kept, strict=True):
                completion = read_completion(received.reply)
                reading = self._recipe.proceed(job, [completion] if completion else [])
                assert isinstance(reading, Reading)
                started = time.thread_time()  # meanwhile the ledger commits what was read, in its own thread
                self._admit(job, reading)
                admission += time.thread_time() - started
                self._ledger.mark_read(job.number, job.number)
        return admission

    def _admit(self, job: Job, reading: Reading) -> None:
        admitted = self._admission.admit_job(job, reading, f"{job.id}.0")
        self.rows += len(admitted.samples)
        self.held.append(admitted)

    async def _keep(self, job: Job, reply: str) -> Received:
        body = {"model": "benchmark", "messages": [{"role": "user", "content": reply}]}
        self._ledger.add_job(job.number, job.recipe, job.context(of_a_parent=RECIPES[job.recipe].of_a_parent))
        attempt = await self._ledger.begin(Request(job.number, 0, body, 4_000, 4_000))
        return await self._ledger.finish(attempt, "received", status=200, reply=reply, usable=True, usage=_TOKENS)

    def _job(self) -> Job:
        self._jobs += 1
        return Job(self._jobs, "alpaca", Needs(_TASKS, ("en", "zh")[self._jobs % 2], ("open_qa",), 1, 1), ())
