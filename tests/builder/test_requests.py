"""The ledger, the budget and the retry layer, against a real server on loopback."""

import asyncio
import datetime
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.config import Budget as BudgetSettings
from builder.config import Teacher
from builder.errors import BudgetReachedError, DiskError, EndpointError, IntegrityError
from builder.requests.budget import Budget
from builder.requests.ledger import Ledger, Received, Request, Step
from builder.requests.ledger_file import check_ledger, count_unsealed
from builder.requests.sender import Sender, read_completion
from builder.requests.spending import Spending, read_latencies, read_spending
from builder.teachers.openai import connect_openai
from tests.endpoint import Answer, completion, scripted

GOOD = Answer(completion("好"))
KEY = "sk-planted-0123456789"


def request(number: int = 0) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 16}
    return Request(number, 0, body, prompt_ceiling=84, completion_ceiling=16)


def send(
    ledger: Ledger, url: str, *requests: Request, cap: int | None = None, max_attempts: int = 4, timeout: float = 5.0
) -> list[Received | BaseException]:
    settings = Teacher(provider="openai", base_url=url, model="m", max_attempts=max_attempts, timeout=timeout)
    budget = Budget(BudgetSettings(max_tokens=cap), ledger.spending())

    async def run() -> list[Received | BaseException]:
        for one in requests:
            ledger.add_job(one.job, "alpaca", {})
        async with connect_openai(settings, {"OPENAI_API_KEY": KEY}) as client:
            sender = Sender(client, ledger, budget, settings, random=random.Random(0), now=time.time, first_wait=0.01)
            flights: list[asyncio.Task[Received]] = []
            refused: list[BaseException] = []
            for one in requests:
                try:
                    flights.append(asyncio.ensure_future(sender.send(one, first=True)))
                except BudgetReachedError as error:
                    refused.append(error)
            return [*await asyncio.gather(*flights, return_exceptions=True), *refused]

    return asyncio.run(run())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def test_a_good_reply_costs_one_post_and_is_in_the_ledger(ledger: Ledger) -> None:
    with scripted(GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request())
    assert isinstance(reply, Received)
    assert read_completion(reply.reply).content == "好"  # type: ignore[union-attr]
    assert endpoint.posts == 1
    (entry,) = ledger.entries()
    assert entry.steps == [Step(request(), 1, reply)]
    assert ledger.spending() == Spending(1, 1, 1, 0, 0, 10, 5, 15)


def test_a_request_that_still_fits_on_a_full_disk_has_its_job(ledger: Ledger) -> None:
    def limit(pages: int) -> None:
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be full

    async def fill() -> None:
        limit(20)
        ledger.add_job(0, "alpaca", {"passage": "x" * 100_000})
        for _ in range(2):
            with pytest.raises(DiskError):
                await ledger.begin(request())
        limit(2**20)
        await ledger.begin(request())

    asyncio.run(fill())
    (entry,) = ledger.entries()
    assert [step.request for step in entry.steps] == [request()]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_passing_failures_are_tried_again(ledger: Ledger, status: int) -> None:
    with scripted(Answer({"error": {"message": "later"}}, status), GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request())
    assert isinstance(reply, Received)
    assert endpoint.posts == 2
    assert (ledger.spending().failed, ledger.spending().received) == (1, 1)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, r"\$OPENAI_API_KEY was refused"), (403, "may not use m"), (404, r"check teacher\.model")],
)
def test_what_retrying_cannot_mend_stops_at_once(ledger: Ledger, status: int, advice: str) -> None:
    with scripted(Answer({"error": {"message": f"no, {KEY}"}}, status)) as endpoint:
        (error,) = send(ledger, endpoint.url, request())
    assert isinstance(error, EndpointError)
    assert endpoint.posts == 1
    with pytest.raises(EndpointError, match=advice):
        raise error
    assert KEY not in str(error)
    assert KEY.encode() not in ledger.path.read_bytes()


def test_an_exhausted_quota_stops_at_once(ledger: Ledger) -> None:
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    with scripted(Answer(body, 429)) as endpoint:
        (error,) = send(ledger, endpoint.url, request())
    assert isinstance(error, EndpointError)
    assert endpoint.posts == 1


def test_attempts_run_out_with_the_last_cause(ledger: Ledger) -> None:
    with scripted(Answer({"error": {"message": "overloaded"}}, 503)) as endpoint:
        (error,) = send(ledger, endpoint.url, request(), max_attempts=3)
    assert endpoint.posts == 3
    assert "503 overloaded (3 attempts)" in str(error)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept(ledger: Ledger, form: str) -> None:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    value = "1" if form == "seconds" else at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    started = time.monotonic()
    with scripted(Answer({"error": {}}, 429, {"Retry-After": value}), GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request())
    assert isinstance(reply, Received)
    assert endpoint.posts == 2
    assert time.monotonic() - started > 0.9


BAD_200 = [
    "<html>gateway</html>",
    {},
    {"choices": []},
    {"error": {"message": "x"}},
    completion(None),
    "",
    "[" * 100_000,
]


@pytest.mark.parametrize("body", BAD_200, ids=["html", "empty", "no-choices", "error", "null", "nothing", "deep"])
def test_a_bad_200_is_kept_and_asked_again(ledger: Ledger, body: object) -> None:
    with scripted(Answer(body), GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request())
    assert isinstance(reply, Received)
    assert reply.usable
    assert endpoint.posts == 2
    assert ledger.spending().received == 2
    assert ledger.entries()[0].steps[0].received == reply


def test_only_bad_200s_end_as_an_unusable_reply(ledger: Ledger) -> None:
    with scripted(Answer("<html>")) as endpoint:
        (reply,) = send(ledger, endpoint.url, request(), max_attempts=2)
    assert reply == Received("<html>", False, 0, 0)
    assert endpoint.posts == 2


def test_a_redirect_is_not_followed(ledger: Ledger) -> None:
    with scripted(GOOD) as other, scripted(Answer("", 307, {"Location": other.url})) as endpoint:
        (error,) = send(ledger, endpoint.url, request())
    assert isinstance(error, EndpointError)
    assert (endpoint.posts, other.posts) == (1, 0)


def test_a_lost_reply_is_one_unknown_at_its_reserved_price(ledger: Ledger) -> None:
    with scripted(Answer(completion("late"), delay=3), GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request(), timeout=0.3)
    assert isinstance(reply, Received)
    assert endpoint.posts == 2
    spending = ledger.spending()
    assert (spending.unknown, spending.received, spending.tokens) == (1, 1, 100 + 15)


def test_an_unreachable_endpoint_is_named_and_nothing_is_counted_as_spent(ledger: Ledger) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        (error,) = send(ledger, url, request(), max_attempts=2)
    assert isinstance(error, EndpointError)
    assert url in str(error)
    assert ledger.spending().tokens == 0


def test_concurrent_requests_never_exceed_the_cap(ledger: Ledger) -> None:
    with scripted(Answer(completion("x"), delay=0.2)) as endpoint:
        results = send(ledger, endpoint.url, *(request(n) for n in range(64)), cap=1000)
    assert endpoint.posts == 10
    assert sum(isinstance(result, Received) for result in results) == 10
    assert sum(isinstance(result, BudgetReachedError) for result in results) == 54
    assert ledger.spending().tokens == 150


def test_a_sent_request_without_a_reply_is_unknown_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.add_job(0, "alpaca", {})
        asyncio.run(ledger.begin(request()))
        assert read_spending(path).unknown == 1
    with Ledger(path) as again:
        assert again.spending() == Spending(1, 1, 0, 0, 1, 0, 0, 100)
        assert again.entries()[0].steps[0].received is None


# In a process of its own: two threads that wait for each other hold the interpreter, and no time limit of the test's ends them.
READS_WHILE_IT_WRITES = """
import sys
from pathlib import Path
from builder.requests.ledger import Ledger

with Ledger(Path(sys.argv[1])) as ledger:
    for number in range(3000):
        ledger.add_job(number, "alpaca", {"demonstrations": ["x"] * 50})
        ledger.read_meta("run")
        ledger.served("m")
    ledger.write_meta("run", "r")
    print(ledger.read_meta("run"))
"""


def test_the_ledger_is_read_while_its_own_thread_writes(tmp_path: Path) -> None:
    script = [sys.executable, "-c", READS_WHILE_IT_WRITES, str(tmp_path / "ledger.sqlite")]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "r\n"
    assert check_ledger(tmp_path / "ledger.sqlite", {}) == []


def test_the_time_to_each_answer_is_kept_by_endpoint(ledger: Ledger) -> None:
    with scripted(Answer({"error": {}}, 503), Answer(completion("x"), delay=0.05)) as endpoint:
        send(ledger, endpoint.url, request())
        ((name, (seconds,)),) = read_latencies(ledger.path).items()
    assert name == f"{endpoint.url} (m)"
    assert seconds >= 0.05


def test_a_ledger_of_an_older_version_is_read_as_it_is_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, scripted(GOOD) as endpoint:
        send(ledger, endpoint.url, request())
    connection = sqlite3.connect(path)
    for table, column in (("attempts", "seconds"), *((table, "seal") for table in ("jobs", "requests", "attempts"))):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.close()
    assert count_unsealed(path) == 1
    assert read_latencies(path) == {}
    assert read_spending(path).received == 1
    assert check_ledger(path, {}) == []
    with Ledger(path) as ledger, scripted(GOOD) as endpoint:
        send(ledger, endpoint.url, request(1))
        assert [entry.steps[0].attempts for entry in ledger.entries()] == [1, 1]
    assert [len(seconds) for seconds in read_latencies(path).values()] == [1]
    assert (check_ledger(path, {}), count_unsealed(path)) == ([], 1)
    _change(path, "UPDATE attempts SET reply = substr(reply, 1, 40)")
    assert check_ledger(path, {}) == [
        "attempts, row 2: it is not what was written (its checksum differs)",
        "attempt 1 of request r000000.0: its reply is not what was received (SHA-256 differs)",
        "attempt 2 of request r000001.0: its reply is not what was received (SHA-256 differs)",
    ]


def test_an_oversized_reply_is_kept_as_its_beginning_and_never_used(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.requests.ledger.LONGEST_REPLY", 50)
    with scripted(GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, request(), max_attempts=1)
    assert isinstance(reply, Received)
    assert not reply.usable
    assert len(reply.reply) == 50
    assert check_ledger(ledger.path, {}) == []


def _change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE attempts SET reply = replace(reply, '好', '坏')",
            "attempt 1 of request r000000.0: its reply is not what",
        ),
        ("UPDATE attempts SET reply = substr(reply, 1, 40)", "attempts, row 1: it is not what was written"),
        ("UPDATE attempts SET reply = NULL WHERE id = 2", "attempts, row 2: it is not what was written"),
        ("UPDATE attempts SET prompt_tokens = 1 WHERE id = 2", "attempts, row 2: it is not what was written"),
        ("UPDATE attempts SET state = 'unknown' WHERE id = 2", "attempts, row 2: it is not what was written"),
        (
            "UPDATE attempts SET state = 'failed', seal = NULL WHERE id = 3",
            "attempts, row 3: it is not what was written",
        ),
        ("UPDATE requests SET body = '{}' WHERE id = 2", "request r000001.0: its body is not what was sent"),
        ("UPDATE requests SET completion_ceiling = 1 WHERE id = 1", "requests, row 1: it is not what was written"),
        ("UPDATE jobs SET context = '[]' WHERE number = 1", "jobs, row 1: it is not what was written"),
        ("DELETE FROM attempts WHERE id = 1", "1 of the attempts 1 to 3 are missing"),
        ("DELETE FROM attempts WHERE id = 2", "1 of the attempts 1 to 3 are missing"),
        ("DELETE FROM attempts WHERE id = 3", "attempts 3 to 3 are missing"),
        ("DELETE FROM attempts", "attempts 1 to 3 are missing"),
        ("DELETE FROM requests WHERE job = 1", "attempts, row 2: what it belongs to is missing"),
        ("DELETE FROM jobs WHERE number = 0", "requests, row 1: what it belongs to is missing"),
    ],
)
def test_whatever_was_changed_in_a_ledger_is_found(whole: Path, tmp_path: Path, change: str, found: str) -> None:
    path = Path(shutil.copy(whole, tmp_path))
    _change(path, change)
    assert check_ledger(path, {"last_attempt": 3})[0].startswith(found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with two answers and, last, a request without one."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    with Ledger(path) as ledger, scripted(GOOD) as endpoint:
        send(ledger, endpoint.url, request(0), request(1))
        ledger.add_job(2, "alpaca", {"n": 2})
        asyncio.run(ledger.begin(request(2)))
    assert check_ledger(path, {"last_attempt": 3}) == []
    assert check_ledger(path, {"last_attempt": 4}) == ["attempts 4 to 4 are missing"]
    return path


def test_what_was_forgotten_is_not_missing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, scripted(Answer({"error": {}}, 400)) as endpoint:
        send(ledger, endpoint.url, request())
        assert ledger.forget_unanswered()
    assert check_ledger(path, {"last_attempt": 1}) == []
    with Ledger(path) as ledger, scripted(GOOD) as endpoint:
        send(ledger, endpoint.url, request())
    assert check_ledger(path, {"last_attempt": 2}) == []


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(IntegrityError, match="not a readable ledger") as refused:
        Ledger(path)
    # The error holds what was open when it was raised: nothing, or Python 3.13 warns of it.
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert (path in opened, refused.value.exit_code) == (False, 6)
    assert len(check_ledger(path, {})) == 1


def test_a_key_is_needed_away_from_this_machine_only() -> None:
    with pytest.raises(EndpointError, match=r"\$OPENAI_API_KEY is not set"):
        connect_openai(Teacher(provider="openai", model="m"), {})

    async def run(url: str) -> int:
        async with connect_openai(Teacher(provider="openai", model="m", base_url=url), {}) as client:
            return (await client.post(request().body)).status

    with scripted(GOOD) as endpoint:
        assert asyncio.run(run(endpoint.url)) == 200
