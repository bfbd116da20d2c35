"""Several endpoints, their faults, their limits and their batches, against real servers on loopback."""

import asyncio
import gzip
import hashlib
import json
import logging
import random
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from builder.config import Budget as BudgetSettings
from builder.config import Endpoint as EndpointSettings
from builder.config import Teacher
from builder.errors import EndpointError, UsageError
from builder.procedural.teacher.embedded import Faults, create_app
from builder.requests.batch import Batches, write_lines
from builder.requests.budget import Budget
from builder.requests.lanes import Bell, Lane, rank_lanes
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.limits import Limits, TokenBucket, read_duration
from builder.requests.retrying import NothingUsableError
from builder.requests.sender import HttpReply, Sender, read_completion
from builder.settings_file import load_settings
from builder.teachers import TEACHERS
from builder.teachers.batch_client import connect_batches
from builder.teachers.openai import MOST_KEPT, ChatClient, connect_openai
from tests.endpoint import Answer, completion, scripted, serving

T = TypeVar("T")
GOOD = Answer(completion("好"))
BUSY = Answer({"error": {"message": "busy"}}, 503)
KEY = "sk-planted-0123456789"
ENVIRON = {"OPENAI_API_KEY": KEY}
BODY = {"model": "m", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 16}


def request(number: int = 0) -> Request:
    return Request(number, 0, BODY, prompt_ceiling=84, completion_ceiling=16)


def teacher(url: str | None = None, /, **changes: object) -> Teacher:
    values = {"provider": "openai", "model": "m", "base_url": url, "max_attempts": 3, "timeout": 5.0}
    return Teacher.model_validate(values | changes)


def pool(*urls: str, **changes: object) -> Teacher:
    return teacher(None, endpoints=tuple(EndpointSettings(base_url=url) for url in urls), **changes)


Results = list[Received | BaseException]


def send(
    ledger: Ledger,
    settings: Teacher,
    count: int = 1,
    watch: Callable[[Sender], None] = lambda sender: None,
    warnings: list[str] | None = None,
    gap: float = 0.0,
) -> Results:
    budget = Budget(BudgetSettings(), ledger.spending())

    async def run() -> Results:
        async with TEACHERS["openai"](settings, ENVIRON) as client:
            sender = Sender(
                client,
                ledger,
                budget,
                settings,
                random=random.Random(0),
                now=time.time,
                first_wait=0.01,
                warn=(warnings if warnings is not None else []).append,
            )
            flights = []
            for number in range(count):
                ledger.add_job(number, "alpaca", {})
                flights.append(asyncio.ensure_future(sender.send(request(number), first=True)))
                await asyncio.sleep(gap)
            results = await asyncio.gather(*flights, return_exceptions=True)
            watch(sender)
            return list(results)

    return asyncio.run(run())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


class RawServer:
    """Answers every POST with the same bytes, then closes the connection; for what no HTTP library would send."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.posts = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "RawServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                received = b""
                while b'"max_tokens"' not in received:
                    received += connection.recv(65536)
                self.posts += 1
                connection.sendall(self._answer)


def large(size: int, *, zipped: bool = False) -> Starlette:
    """Answers with a body of `size` bytes of JSON string."""
    block = b"x" * 65536
    packed = gzip.compress(b"x" * size, 1) if zipped else b""

    async def chat(http: HttpRequest) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(size // len(block)):
                yield block

        if zipped:
            return Response(packed, headers={"content-encoding": "gzip"})
        return StreamingResponse(body(), media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


# Bad 200s and how they are kept


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_body_of_50_megabytes_is_kept_as_its_beginning_length_and_hash(zipped: bool) -> None:
    size = 50 * 2**20

    async def post(url: str) -> HttpReply:
        async with connect_openai(teacher(url, timeout=60.0), ENVIRON) as client:
            return await client.post(BODY)

    with serving(large(size, zipped=zipped)) as url:
        tracemalloc.start()
        try:
            reply = asyncio.run(post(url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (reply.status, reply.whole, len(reply.text)) == (200, False, MOST_KEPT)
    assert reply.length == size
    assert reply.sha256 == hashlib.sha256(b"x" * size).hexdigest()
    # The 8 MiB that are kept, as bytes and as text.
    assert peak < 3.5 * MOST_KEPT


def test_an_oversized_reply_is_unusable_and_counts_at_its_ceiling(ledger: Ledger) -> None:
    with serving(large(9 * 2**20)) as url:
        (reply,) = send(ledger, teacher(url, max_attempts=1))
    assert isinstance(reply, Received)
    assert not reply.usable
    assert (ledger.spending().received, ledger.spending().tokens) == (1, 100)


def test_a_cut_stream_is_kept_and_counted_as_unknown(ledger: Ledger) -> None:
    text = json.dumps(completion("half"))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text) + 50}\r\n\r\n"
    with RawServer((head + text).encode()) as endpoint:
        (error,) = send(ledger, teacher(endpoint.url, max_attempts=2))
    assert isinstance(error, EndpointError)
    assert "in the middle of a reply (2 attempts)" in str(error)
    assert endpoint.posts == 2
    assert (ledger.spending().unknown, ledger.spending().received, ledger.spending().tokens) == (2, 0, 200)
    assert b'"half"' in wal_and_file(ledger)


def wal_and_file(ledger: Ledger) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(ledger.path.parent.glob("ledger.sqlite*")))


def test_an_endless_body_ends_with_the_time_out(ledger: Ledger) -> None:
    async def chat(http: HttpRequest) -> Response:
        async def drip() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.05)

        return StreamingResponse(drip())

    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        started = time.monotonic()
        (error,) = send(ledger, teacher(url, max_attempts=1, timeout=0.5))
    assert isinstance(error, EndpointError)
    assert time.monotonic() - started < 3
    assert ledger.spending().unknown == 1


@pytest.mark.parametrize(
    ("answer", "posts"),
    [
        (Answer({"error": {"message": "no"}}, 400), 1),
        (Answer({"error": {"message": "no"}}, 401), 1),
        (Answer({"error": {"message": "no credit"}}, 402), 1),
        (Answer({"error": {"message": "no"}}, 403), 1),
        (Answer({"error": {"message": "no"}}, 404), 1),
        (Answer({"error": {"message": "x", "code": "insufficient_quota"}}, 429), 1),
        (Answer({"error": {"message": "slow down"}}, 429), 3),
        (Answer({"error": {"message": "broken"}}, 500), 3),
        (Answer("<html>", 502), 3),
        (BUSY, 3),
        (Answer("<html>"), 3),
        (Answer({}), 3),
        (Answer({"choices": []}), 3),
        (Answer({"error": {"message": "x"}}), 3),
        (Answer(completion(None)), 3),
    ],
    ids=[
        *["400", "401", "402", "403", "404", "quota", "429", "500", "502", "503"],
        *["html", "empty", "no-choices", "error-200", "null"],
    ],
)
def test_each_fault_has_its_number_of_posts(ledger: Ledger, answer: Answer, posts: int) -> None:
    with scripted(answer) as endpoint:
        (result,) = send(ledger, teacher(endpoint.url))
    assert endpoint.posts == posts
    assert isinstance(result, EndpointError) == (answer.status != 200)
    spending = ledger.spending()
    assert (spending.received, spending.failed) == ((0, posts) if answer.status != 200 else (posts, 0))
    # A 200 may have been paid for: as it says, else its ceiling.
    of_one = 0 if answer.status != 200 else 15 if answer.body == completion(None) else 100
    assert spending.tokens == posts * of_one


def test_time_outs_back_off_and_each_is_one_unknown_at_its_reserved_price(ledger: Ledger) -> None:
    with scripted(Answer(completion("late"), delay=1.0)) as endpoint:
        (error,) = send(ledger, teacher(endpoint.url, timeout=0.2))
        assert endpoint.posts == 3
    assert isinstance(error, EndpointError)
    assert "no answer within teacher.timeout (3 attempts)" in str(error)
    spending = ledger.spending()
    assert (spending.received, spending.failed, spending.unknown, spending.tokens) == (0, 0, 3, 300)


# Concurrency, rates and back-off


def test_an_overload_halves_the_requests_in_flight_once_a_round_trip_and_service_raises_them() -> None:
    limits = Limits(16, None, None, clock=lambda: 0.0)
    first = [limits.start(10) for _ in range(16)]
    assert limits.slots == 0
    for number in first:
        limits.finish(number, 10, 0, "overloaded")
    assert limits.allowed == 8
    second = [limits.start(10) for _ in range(8)]
    limits.finish(second[0], 10, 0, "overloaded")
    assert limits.allowed == 4
    for number in second[1:]:
        limits.finish(number, 10, 0, "overloaded")
    assert limits.allowed == 4
    for _ in range(4):
        limits.finish(limits.start(10), 10, 5, "served")
    assert 4.8 < limits.allowed < 5
    for _ in range(400):
        limits.finish(limits.start(10), 10, 5, "served")
    assert limits.allowed == 16


def test_the_last_slot_is_never_taken_away() -> None:
    limits = Limits(2, None, None, clock=lambda: 0.0)
    for _ in range(5):
        limits.finish(limits.start(1), 1, 0, "overloaded")
    assert (limits.allowed, limits.slots) == (1.0, 1)


@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.floats(0, 20), st.integers(1, 3000), st.floats(0, 1)), max_size=60),
)
def test_a_rate_of_tokens_is_never_exceeded_by_more_than_one_request(
    per_second: int, requests: list[tuple[float, int, float]]
) -> None:
    bucket, now, taken = TokenBucket(per_second * 60, per_second * 60, 0.0), 0.0, 0.0
    for gap, ceiling, share in requests:
        now += gap + bucket.wait(ceiling, now + gap)
        assert taken <= per_second * (now + 1) + 1e-3
        bucket.reserve(ceiling)
        bucket.settle(ceiling, ceiling * share)
        taken += ceiling * share


def test_what_is_reserved_and_not_used_is_given_back() -> None:
    now = 0.0
    limits = Limits(64, None, 6000, clock=lambda: now)
    number = limits.start(1000)
    assert limits.wait(1000) == pytest.approx(10.0)
    limits.finish(number, 1000, 100, "served")
    assert limits.wait(1000) == pytest.approx(1.0)
    now = 1.0
    assert limits.free(1000) == 1


def test_requests_a_minute_hold_on_a_real_server(ledger: Ledger) -> None:
    with scripted(GOOD) as endpoint:
        started = time.monotonic()
        results = send(ledger, teacher(endpoint.url, requests_per_minute=600), count=16)
        assert time.monotonic() - started > 0.5
    assert all(isinstance(result, Received) for result in results)
    assert endpoint.posts == 16


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("7", 7),
        ("soon", None),
        ("1767225600000", None),
    ],
)
def test_durations_are_read(text: str, seconds: float | None) -> None:
    assert read_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("unit", ["requests", "tokens"])
def test_the_endpoints_own_count_pauses_in_time(ledger: Ledger, unit: str) -> None:
    spent = {f"x-ratelimit-remaining-{unit}": "0", f"x-ratelimit-reset-{unit}": "700ms"}
    with scripted(Answer(completion("x"), headers=spent), GOOD) as endpoint:
        started = time.monotonic()
        send(ledger, teacher(endpoint.url, concurrency=1), count=2)
        assert 0.7 < time.monotonic() - started < 3
    assert endpoint.posts == 2


def test_a_request_that_backs_off_leaves_its_slot_to_new_work(ledger: Ledger) -> None:
    free: list[tuple[int, int]] = []
    with scripted(Answer({"error": {}}, 429, {"Retry-After": "1"}), GOOD) as endpoint:
        settings = teacher(endpoint.url, concurrency=1)

        async def run() -> list[str]:
            async with connect_openai(settings, ENVIRON) as client:
                budget = Budget(BudgetSettings(), ledger.spending())
                sender = Sender(client, ledger, budget, settings, random=random.Random(0), now=time.time)
                ended: list[str] = []

                async def one(number: int) -> None:
                    ledger.add_job(number, "alpaca", {})
                    await sender.send(request(number), first=True)
                    ended.append(request(number).id)

                refused = asyncio.ensure_future(one(0))
                await asyncio.sleep(0)
                assert sender.free == 0
                await sender.room()
                while not sender.retrying:  # the refusal is being committed
                    await asyncio.sleep(0.001)
                free.append((sender.free, sender.retrying))
                for number in range(1, 6):
                    await one(number)
                await refused
                return ended

        assert asyncio.run(run()) == [request(number).id for number in (1, 2, 3, 4, 5, 0)]
    assert free == [(1, 1)]
    assert endpoint.posts == 7


def test_no_more_are_in_flight_than_the_endpoint_bears(ledger: Ledger) -> None:
    now_in, served, refused = 0, 0, 0

    async def chat(http: HttpRequest) -> Response:
        nonlocal now_in, served, refused
        now_in += 1
        try:
            await http.body()
            if now_in > 4:
                refused += 1
                return Response('{"error": {"message": "too many"}}', 429)
            await asyncio.sleep(0.03)
            served += 1
            return Response(json.dumps(completion("x")))
        finally:
            now_in -= 1

    allowed: list[float] = []
    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        results = send(
            ledger,
            teacher(url, concurrency=16, max_attempts=12),
            count=80,
            watch=lambda sender: allowed.append(sender._lanes[0].limits.allowed),
        )
    assert all(isinstance(result, Received) for result in results)
    assert served == 80
    assert allowed[0] < 9
    assert refused < 80


def test_closing_sends_nothing_more(ledger: Ledger) -> None:
    with scripted(Answer(completion("x"), delay=0.3)) as endpoint:
        settings = teacher(endpoint.url, concurrency=2)

        async def run() -> Results:
            async with connect_openai(settings, ENVIRON) as client:
                budget = Budget(BudgetSettings(), ledger.spending())
                sender = Sender(client, ledger, budget, settings, random=random.Random(0), now=time.time)
                for number in range(6):
                    ledger.add_job(number, "alpaca", {})
                flights = [asyncio.ensure_future(sender.send(request(n), first=True)) for n in range(6)]
                await asyncio.sleep(0.1)
                sender.close()
                results = await asyncio.gather(*flights, return_exceptions=True)
                assert budget.fits(10**6, new_request=False)
                return list(results)

        results = asyncio.run(run())
    assert endpoint.posts == 2
    assert [isinstance(result, Received) for result in results] == [True, True, False, False, False, False]


# Several endpoints


def test_weights_share_the_requests_by_their_number_alone() -> None:
    clients = [
        ChatClient(teacher(f"http://127.0.0.1:{port}/v1"), KEY, weight=weight)
        for port, weight in ((1, 3.0), (2, 1.0), (3, 1.0))
    ]
    lanes = [Lane(client, time.monotonic, Bell()) for client in clients]
    orders = [rank_lanes(lanes, request(number).id) for number in range(5000)]
    assert orders == [rank_lanes(lanes, request(number).id) for number in range(5000)]
    shares = [sum(order[0] is lane for order in orders) / 5000 for lane in lanes]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.02)
    without = [order[1] for order in orders if order[0] is lanes[0]]
    assert sum(lane is lanes[1] for lane in without) / len(without) == pytest.approx(0.5, abs=0.04)


def test_every_endpoint_gets_its_own_model_and_key_and_the_ledger_names_it(ledger: Ledger) -> None:
    with scripted(GOOD) as one, scripted(GOOD) as other:
        settings = teacher(
            endpoints=(
                EndpointSettings(base_url=one.url, model="small", api_key_env="ONE"),
                EndpointSettings(base_url=other.url, model="large", api_key_env="OTHER"),
            )
        )

        async def run() -> list[HttpReply]:
            async with TEACHERS["openai"](settings, {"ONE": "key-one", "OTHER": "key-other"}) as clients:
                assert not isinstance(clients, ChatClient)
                return [await client.post(BODY) for client in clients]

        replies = asyncio.run(run())
        send(ledger, pool(one.url, other.url), count=12)
    assert [reply.served_by for reply in replies] == [f"{one.url} (small)", f"{other.url} (large)"]
    assert (one.bodies[0]["model"], other.bodies[0]["model"]) == ("small", "large")
    assert (one.authorisations[0], other.authorisations[0]) == ("Bearer key-one", "Bearer key-other")
    assert one.posts + other.posts == 14
    assert f"{other.url} (m)".encode() in wal_and_file(ledger)


@pytest.mark.parametrize("status", [401, 403, 404, "quota", "refused"])
def test_an_endpoint_that_is_out_is_left_for_the_others(ledger: Ledger, status: int | str) -> None:
    answers = {"quota": Answer({"error": {"code": "insufficient_quota", "message": "used up"}}, 429)}
    answer = answers.get(str(status)) or Answer(
        {"error": {"message": "no"}}, 500 if status == "refused" else int(status)
    )
    warnings: list[str] = []
    out: list[dict[str, str]] = []
    with scripted(answer) as bad, scripted(GOOD) as good, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = bad.url if status != "refused" else f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        results = send(
            ledger, pool(url, good.url), 20, lambda sender: out.append(sender.out), warnings=warnings, gap=0.02
        )
    assert all(isinstance(result, Received) for result in results)
    assert bad.posts == (1 if status != "refused" else 0)
    assert good.posts == 20
    assert len(warnings) == 1
    assert url in warnings[0]
    assert list(out[0]) == [f"{url} (m)"]


def test_an_endpoint_that_fails_all_attempts_rests_and_the_others_take_over(ledger: Ledger) -> None:
    with scripted(BUSY) as bad, scripted(GOOD) as good:
        results = send(ledger, pool(bad.url, good.url), count=20, gap=0.02)
    assert all(isinstance(result, Received) for result in results)
    assert good.posts == 20
    assert 3 <= bad.posts < 20


def test_only_all_endpoints_out_end_the_run(ledger: Ledger) -> None:
    with scripted(Answer({"error": {"message": "who?"}}, 401)) as one, scripted(BUSY) as other:
        (error,) = send(ledger, pool(one.url, other.url))
    assert isinstance(error, EndpointError)
    assert "401 who?" in str(error)
    assert "503 busy (3 attempts)" in str(error)
    assert (one.posts, other.posts) == (1, 3)


def test_where_all_endpoints_are_out_it_is_said_what_mends_each(ledger: Ledger) -> None:
    refusal = Answer({"error": {"param": "seed", "message": "unknown"}}, 400)
    with scripted(Answer({"error": "who?"}, 401)) as one, scripted(refusal) as other:
        (error,) = send(ledger, pool(one.url, other.url))
    assert isinstance(error, EndpointError)
    assert "check that it is set" in error.remedy
    assert error.remedy.endswith("--set 'teacher.parameters={seed: null}'.")


def test_what_was_grown_is_published_where_the_last_of_several_endpoints_gives_nothing_usable(ledger: Ledger) -> None:
    with scripted(Answer({}, 401)) as one, scripted(GOOD, Answer(completion(None))) as other:
        results = send(ledger, pool(one.url, other.url, max_attempts=1), 30)
    assert any(isinstance(result, NothingUsableError) for result in results)


def test_the_settings_say_one_way_to_the_teacher() -> None:
    for overrides, problem in (
        (["teacher.endpoints=[{base_url: 'http://a/v1'}]"], "endpoints need `provider: openai`"),
        (
            [
                "teacher.provider=openai",
                "teacher.model=m",
                "teacher.base_url=http://a/v1",
                "teacher.endpoints=[{base_url: 'http://b/v1'}]",
            ],
            "base_url or endpoints, not both",
        ),
        (["teacher.send=batch"], "needs `provider: openai`"),
    ):
        with pytest.raises(UsageError, match=problem):
            load_settings(None, overrides, {})


# Keys


@pytest.mark.parametrize("form", ["?key={}", "#{}"])
def test_a_key_in_the_address_is_refused_and_not_echoed(form: str) -> None:
    address = "http://127.0.0.1:1/v1" + form.format(KEY)
    for override in (f"teacher.base_url={address}", f"teacher.endpoints=[{{base_url: '{address}'}}]"):
        with pytest.raises(UsageError) as caught:
            load_settings(None, ["teacher.provider=openai", override], {})
        assert "must not carry a query" in str(caught.value)
        assert KEY not in str(caught.value)


def test_a_key_is_in_no_log_no_error_and_no_reply(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    echo = {"X-Echo": f"Bearer {KEY}", "X-Request-Id": KEY}
    faults = [
        Answer({"error": {"message": f"bad key {KEY}"}}, 500, echo),
        Answer(f"<html>{KEY}", 200, echo),
        Answer({"error": {"message": KEY}}, 401, echo),
    ]
    with caplog.at_level(logging.DEBUG), scripted(*faults) as endpoint:
        (error,) = send(ledger, teacher(endpoint.url))
        assert endpoint.authorisations == [f"Bearer {KEY}"] * 3
    with caplog.at_level(logging.DEBUG):
        with RawServer(f"HTTP/1.1 200 {KEY}\r\nContent-Length: 99\r\n\r\n{KEY[:-1]}".encode()) as raw:
            send(ledger, teacher(raw.url, max_attempts=1))
        unreachable = send(ledger, teacher("http://127.0.0.1:1/v1", max_attempts=1))
    assert {record.name.split(".")[0] for record in caplog.records} >= {"openai", "httpx2", "httpcore2"}
    assert "x-echo" in caplog.text
    assert isinstance(error, EndpointError)
    for text in (
        caplog.text,
        str(error),
        repr(error),
        repr(unreachable),
        wal_and_file(ledger).decode("utf-8", "replace"),
    ):
        assert KEY[:-1] not in text
    assert logging.getLogger("httpcore2.http11").filters == []


# Batches

TASKS = {
    f"r{number:06d}.0": {"messages": [{"role": "user", "content": f"- number of tasks: {number}"}]}
    for number in (1, 2, 3)
}
BODIES = {name: {"model": "seedbed-procedural", **body} for name, body in TASKS.items()}


def with_batches(url: str, use: Callable[[Batches], object], waits: list[float] | None = None) -> object:
    """Run with a new client, as a new process would."""

    async def pause(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)
        await asyncio.sleep(0.02)

    async def run() -> object:
        async with connect_batches(teacher(url), ENVIRON) as client:
            result = use(Batches(client, random=random.Random(0), now=time.time, sleep=pause, first_wait=0.01))
            return await result  # type: ignore[misc]

    return asyncio.run(run())


def test_a_batch_is_collected_by_its_id_after_the_process_that_sent_it_is_gone() -> None:
    waits: list[float] = []
    # The server's clock goes on by a second with each wait.
    with serving(create_app(Faults(batch_seconds=3), clock=lambda: float(len(waits)))) as url:
        batch_id = with_batches(url, lambda batches: batches.submit(BODIES, "run/0"))
        assert isinstance(batch_id, str)
        assert with_batches(url, lambda batches: batches.collect(batch_id)) is None
        replies = with_batches(url, lambda batches: batches.wait(batch_id), waits)
        assert with_batches(url, lambda batches: batches.submit(BODIES, "run/0")) == batch_id
        assert with_batches(url, lambda batches: batches.submit(BODIES, "run/1")) != batch_id
    assert isinstance(replies, dict)
    assert list(replies) == list(BODIES)
    assert waits[:3] == [1.0, 1.5, 2.25]
    assert max(waits) <= 60
    for count, reply in enumerate(replies.values(), start=1):
        said = read_completion(reply.text)
        assert said is not None
        assert len(json.loads(said.content)["tasks"]) == count
        assert said.prompt_tokens > 0
        assert reply.served_by == f"{url} (m)"


def test_a_line_that_fails_is_in_the_error_file_and_mapped_to_its_request() -> None:
    wrong = BODIES | {"r000009.0": {"model": "nobody", "messages": [{"role": "user", "content": "x"}]}}
    with serving(create_app()) as url:
        batch_id = with_batches(url, lambda batches: batches.submit(wrong, "run/0"))
        assert isinstance(batch_id, str)
        replies = with_batches(url, lambda batches: batches.wait(batch_id))
    assert isinstance(replies, dict)
    assert {name: reply.status for name, reply in replies.items()} == dict.fromkeys(BODIES, 200) | {"r000009.0": 404}
    assert "does not exist" in replies["r000009.0"].text


def test_an_expired_batch_gives_what_was_answered_and_names_what_was_not() -> None:
    with serving(create_app(Faults(batch_expired=1))) as url:
        batch_id = with_batches(url, lambda batches: batches.submit(BODIES, "run/0"))
        assert isinstance(batch_id, str)
        replies = with_batches(url, lambda batches: batches.wait(batch_id))
    assert isinstance(replies, dict)
    assert {name: reply.status for name, reply in replies.items()} == {
        "r000001.0": 200,
        "r000002.0": 408,
        "r000003.0": 200,
    }
    assert "batch_expired" in replies["r000002.0"].text


def test_a_failed_batch_says_why_and_its_name_can_be_used_again() -> None:
    with serving(create_app(Faults(batch_failed=1))) as url:
        batch_id = with_batches(url, lambda batches: batches.submit(BODIES, "run/0"))
        assert isinstance(batch_id, str)
        with pytest.raises(EndpointError, match="failed: The batch failed, as `faults` asked"):
            with_batches(url, lambda batches: batches.wait(batch_id))
        assert with_batches(url, lambda batches: batches.submit(BODIES, "run/0")) != batch_id


def test_a_lost_answer_to_the_making_of_a_batch_makes_no_second_one() -> None:
    app = create_app()
    made: list[int] = []

    async def lossy(scope: Scope, receive: Receive, deliver: Send) -> None:
        async def swallow(message: Message) -> None:
            if message["type"] == "http.response.start":
                made.append(message["status"])
                await deliver({"type": "http.response.start", "status": 500, "headers": []})
                await deliver({"type": "http.response.body", "body": b"", "more_body": False})

        lose = scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/v1/batches")
        await app(scope, receive, swallow if lose else deliver)

    with serving(lossy) as url:
        batch_id = with_batches(url, lambda batches: batches.submit(BODIES, "run/0"))
        assert isinstance(batch_id, str)
        replies = with_batches(url, lambda batches: batches.wait(batch_id))
    assert made == [200]
    assert isinstance(replies, dict)
    assert len(replies) == 3


def test_an_endpoint_without_batches_is_named_with_the_way_out() -> None:
    with scripted(GOOD) as endpoint, pytest.raises(EndpointError, match=r"send: chat"):
        with_batches(endpoint.url, lambda batches: batches.submit(BODIES, "run/0"))


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(UsageError, match="a batch of 0 requests"):
        write_lines({})
