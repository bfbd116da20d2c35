"""Builds that send their requests as batches, against the embedded server on a loopback port."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from builder import pipeline
from builder.cli.watching import status as show_status
from builder.config import Settings
from builder.errors import BudgetReachedError, EndpointError, SeedbedError, UsageError
from builder.pipeline.estimating import estimate
from builder.procedural.teacher.embedded import create_app
from builder.procedural.teacher.faults import Faults
from builder.progress import Reporter
from builder.queries.costs import costs
from builder.requests.ledger import Ledger, Request
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from tests.builder.older_ledgers import unseal
from tests.builder.references import FEW_SEEDS
from tests.endpoint import Answer, completion, scripted, serving

QUIET = Reporter(quiet=True)
BASE = (
    *("growth.tasks_per_request=4", "growth.window=4", "growth.ordered=true", "split.min_validation_rows=0"),
    FEW_SEEDS,
)
PRICE = "budget.prices={seedbed-procedural: {input: 10, output: 30}}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.requests.batch._FIRST_LOOK", 0.02)
    monkeypatch.setattr("builder.requests.batch._LONGEST_LOOK", 0.1)


def batch(url: str, *overrides: str) -> tuple[str, ...]:
    return (
        *BASE,
        "teacher.provider=openai",
        "teacher.model=seedbed-procedural",
        f"teacher.base_url={url}",
        "teacher.send=batch",
        *overrides,
    )


def settings(*overrides: str) -> Settings:
    return load_settings(None, list(overrides), {})


def build(root: Path, *overrides: str) -> pipeline.Outcome:
    return pipeline.build(settings(*overrides), root, QUIET, {})


def rows(root: Path) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = DatasetFolder(root).samples_table().to_pylist()
    return table


def query(root: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(root / "ledger.sqlite")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def attempts(root: Path) -> dict[tuple[str, int | None], int]:
    found = query(root, "SELECT state, status, count(*) FROM attempts GROUP BY state, status")
    return {(state, status): count for state, status, count in found}


def get(url: str, path: str) -> dict[str, Any]:
    request = urllib.request.Request(url.removesuffix("/v1") + path, headers={"Authorization": "Bearer any"})
    with urllib.request.urlopen(request) as response:
        answer: dict[str, Any] = json.loads(response.read())
    return answer


def sizes(url: str) -> list[int]:
    """Requests in each batch that the server was given, oldest first."""
    return [one["request_counts"]["total"] for one in reversed(get(url, "/v1/batches?limit=100")["data"])]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of an undisturbed build that sends its requests one by one."""
    root = tmp_path_factory.mktemp("plain") / "d"
    build(root, *BASE, "target=24")
    return rows(root)


def test_batches_give_the_rows_of_single_requests(tmp_path: Path, plain: list[dict[str, Any]]) -> None:
    with serving(create_app(Faults(batch_seconds=0.1))) as url:
        assert build(tmp_path / "d", *batch(url, "target=24")).ending is None
        stats = get(url, "/stats")
        assert sum(sizes(url)) == stats["served"] == stats["requests"]
        assert max(sizes(url)) == 4
    assert rows(tmp_path / "d") == plain
    assert stats["by_status"] == {}  # no request went to the chat endpoint
    assert attempts(tmp_path / "d") == {("received", 200): stats["served"]}
    assert pipeline.verify(tmp_path / "d") == []


def test_jobs_of_several_requests_go_on_in_the_next_batch(tmp_path: Path) -> None:
    recipe = ("growth.recipes={self_instruct: 1, alpaca: 1}", "checks.judge.enabled=true", "target=20")
    build(tmp_path / "plain", *BASE, *recipe, "teacher.faults=unkeyed=1")
    with serving(create_app(Faults(unkeyed=1))) as url:
        build(tmp_path / "d", *batch(url, *recipe))
        stats = get(url, "/stats")
        assert sizes(url)[0] == 4
    assert query(tmp_path / "d", "SELECT max(step) FROM requests") >= [(2,)]
    assert rows(tmp_path / "d") == rows(tmp_path / "plain")
    assert stats["served"] == stats["distinct_bodies"] == pipeline.status(tmp_path / "d")["requests"]


def test_unordered_rows_are_those_of_the_ledgers_replay(tmp_path: Path) -> None:
    with serving(create_app(Faults(rate_500=0.4))) as url:
        build(tmp_path / "d", *batch(url, "target=24", "growth.ordered=false"))
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / "ledger.sqlite").write_bytes((tmp_path / "d" / "ledger.sqlite").read_bytes())
    build(tmp_path / "replay", *batch(url, "target=24", "growth.ordered=false"))  # the server is gone
    assert rows(tmp_path / "replay") == rows(tmp_path / "d")


@pytest.mark.parametrize(
    ("faults", "failed"),
    [
        (Faults(rate_500=0.4), ("failed", 500)),
        (Faults(batch_expired=1), ("failed", 408)),
        (Faults(empty_choices=0.4), ("received", 200)),
    ],
    ids=["500", "expired", "no choices"],
)
def test_what_fails_in_a_batch_is_asked_again_in_the_next(
    tmp_path: Path, plain: list[dict[str, Any]], faults: Faults, failed: tuple[str, int]
) -> None:
    with serving(create_app(faults)) as url:
        build(tmp_path / "d", *batch(url, "target=24"))
        stats = get(url, "/stats")
    assert rows(tmp_path / "d") == plain
    assert set(attempts(tmp_path / "d")) == {("received", 200), failed}
    usable = query(tmp_path / "d", "SELECT count(*) FROM attempts WHERE usable GROUP BY request")
    assert set(usable) == {(1,)}
    assert len(usable) == stats["served"] == pipeline.status(tmp_path / "d")["requests"]
    assert stats["bodies_served_again"] == 0


def without_last_lines(app: ASGIApp, batches: int) -> ASGIApp:
    """The server, but the output files of its first batches lack their last line."""
    left = batches

    async def losing(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal left
        if left == 0 or scope["type"] != "http" or not scope["path"].endswith("/content"):
            await app(scope, receive, send)
            return
        left -= 1
        body = b""

        async def cut(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.body":
                body = b"".join(message["body"].splitlines(keepends=True)[:-1])

        await app(scope, receive, cut)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return losing


def test_a_request_that_the_output_lacks_is_unknown_at_its_ceiling(tmp_path: Path, plain: list[dict[str, Any]]) -> None:
    with serving(without_last_lines(create_app(), 2)) as url:
        build(tmp_path / "d", *batch(url, "target=24"))
    assert rows(tmp_path / "d") == plain
    status = pipeline.status(tmp_path / "d")
    assert (status["unknown"], status["failed"]) == (2, 0)
    assert attempts(tmp_path / "d")["unknown", None] == 2
    ((ceilings,),) = query(
        tmp_path / "d",
        "SELECT sum(prompt_ceiling + completion_ceiling) FROM requests r JOIN attempts a ON a.request = r.id "
        "WHERE a.state = 'unknown'",
    )
    assert status["tokens"] == status["prompt_tokens"] + status["completion_tokens"] + ceilings


def test_a_batch_that_fails_as_a_whole_ends_the_run_and_is_sent_again(
    tmp_path: Path, plain: list[dict[str, Any]]
) -> None:
    with (
        serving(create_app(Faults(batch_failed=1))) as url,
        pytest.raises(EndpointError, match="failed: The batch failed, as `faults` asked"),
    ):
        build(tmp_path / "d", *batch(url, "target=24"))
    assert attempts(tmp_path / "d") == {("failed", None): 4}
    with serving(create_app()) as url:
        build(tmp_path / "d", *batch(url, "target=24"))
    assert rows(tmp_path / "d") == plain


def filtering(app: ASGIApp, refused: str, code: str = "content_filter") -> ASGIApp:
    """The server, but a filter refuses one request in its batches' output."""

    async def filtered(scope: Scope, receive: Receive, send: Send) -> None:
        async def edit(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            elif scope["path"].endswith("/content"):
                lines = [json.loads(line) for line in message["body"].splitlines()]
                for line in lines:
                    if line["custom_id"] == refused:
                        error = {"code": code, "message": "It was not taken."}
                        line["response"] = {"status_code": 400, "body": {"error": error}}
                message["body"] = b"\n".join(json.dumps(line).encode() for line in lines)
            await send(message)

        await app(scope, receive, edit)

    return filtered


def test_a_prompt_that_a_filter_refuses_costs_its_job_alone(tmp_path: Path) -> None:
    with serving(filtering(create_app(), "r000001.0")) as url:
        build(tmp_path / "d", *batch(url, "target=24"))
    assert len([row for row in rows(tmp_path / "d") if row["origin"] == "generated"]) >= 24
    assert attempts(tmp_path / "d")["failed", 400] == 1
    refused = query(tmp_path / "d", "SELECT request FROM attempts WHERE refused GROUP BY request")
    assert len(refused) == 1
    reasons = DatasetFolder(tmp_path / "d").rejections_table()["reason"].to_pylist()
    assert reasons.count("refused_prompt") == 1


def test_the_only_request_of_a_batch_is_refused_for_itself_where_others_were_taken(tmp_path: Path) -> None:
    few = ("growth.tasks_per_request=16", "growth.window=1")
    with serving(filtering(create_app(), "r000001.0", code="odd")) as url:
        build(tmp_path / "d", *batch(url, "target=24", *few))
    assert query(tmp_path / "d", "SELECT count(*) FROM attempts WHERE refused") == [(1,)]


def test_a_batch_of_replies_that_cannot_help_is_the_last(tmp_path: Path) -> None:
    useless = completion(None, "length")
    with serving(create_app()) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr("builder.procedural.teacher.embedded._complete", lambda *_: useless)
        with pytest.raises(EndpointError, match="12 replies in a row cannot be used, the last is cut by length"):
            build(tmp_path / "d", *batch(url, "target=60", "growth.window=12"))
    assert attempts(tmp_path / "d") == {("received", 200): 12}


def test_a_request_that_is_refused_ends_the_run(tmp_path: Path) -> None:
    with serving(create_app()) as url, pytest.raises(EndpointError, match=r"404 .*nobody.* does not exist"):
        build(tmp_path / "d", *batch(url, "target=24", "teacher.model=nobody"))
    assert attempts(tmp_path / "d") == {("failed", 404): 4}


def test_a_request_whose_attempts_all_fail_ends_the_run(tmp_path: Path) -> None:
    with (
        serving(create_app(Faults(batch_error=1))) as url,
        pytest.raises(EndpointError, match=r"request r000000\.0: 500 .* \(2 attempts\)"),
    ):
        build(tmp_path / "d", *batch(url, "target=24", "teacher.max_attempts=2"))
    assert attempts(tmp_path / "d") == {("failed", 500): 8}


def test_an_endpoint_without_batches_is_left_with_one_setting(tmp_path: Path, plain: list[dict[str, Any]]) -> None:
    with scripted(Answer(completion("x"))) as endpoint, pytest.raises(EndpointError, match="send: chat"):
        build(tmp_path / "d", *batch(endpoint.url, "target=24"))
    assert attempts(tmp_path / "d") == {("failed", None): 4}
    with serving(create_app()) as url:
        build(tmp_path / "d", *batch(url, "target=24", "teacher.send=chat"))
    assert rows(tmp_path / "d") == plain


# Money


def test_a_batch_costs_half_and_the_estimate_says_so(tmp_path: Path) -> None:
    with serving(create_app()) as url:
        build(tmp_path / "batch", *batch(url, "target=24", PRICE))
        build(tmp_path / "chat", *batch(url, "target=24", PRICE, "teacher.send=chat", "teacher.concurrency=1"))
    by_batch, by_chat = costs(tmp_path / "batch"), costs(tmp_path / "chat")
    usage = "SELECT sum(10 * prompt_tokens + 30 * completion_tokens) FROM attempts"
    for name, found, share in (("batch", by_batch, 2), ("chat", by_chat, 1)):
        ((spent,),) = query(tmp_path / name, usage)
        assert found["total"]["cost"] == pytest.approx(spent / share / 1e6)
    estimates = [
        estimate(settings(*batch(url, "target=90", PRICE, f"teacher.send={send}")), root)
        for send in ("batch", "chat")
        for root in (None, tmp_path / "chat")
    ]
    assert [one.remaining["likely"].requests for one in estimates[:2]] == [
        one.remaining["likely"].requests for one in estimates[2:]
    ]
    for half, full in zip(estimates[:2], estimates[2:], strict=True):
        assert half.remaining["likely"].cost == pytest.approx((full.remaining["likely"].cost or 0) / 2)
    assert estimates[0].spent.cost == 0
    batches = -(-estimates[0].remaining["high"].requests // 4)  # a window of 4 each
    assert estimates[0].remaining["high"].seconds == batches * 24 * 3600
    measured = estimate(settings(*batch(url, "target=90", PRICE)), tmp_path / "batch")
    assert measured.spent.cost == pytest.approx(by_batch["total"]["cost"])


@pytest.mark.parametrize("cap", ["budget.max_cost=0.3", "budget.max_tokens=50000", "budget.max_requests=7"])
def test_a_batch_is_made_as_small_as_the_cap_asks(tmp_path: Path, cap: str) -> None:
    with serving(create_app()) as url:
        outcome = build(tmp_path / "d", *batch(url, "target=200", PRICE, cap))
        assert min(sizes(url)) < 4
    assert isinstance(outcome.ending, BudgetReachedError)
    status = pipeline.status(tmp_path / "d")
    assert status["received"] == status["requests"] > 0
    assert status["tokens"] <= 50000 or "max_tokens" not in cap
    assert status["requests"] == 7 or "max_requests" not in cap
    assert costs(tmp_path / "d")["total"]["cost"] <= 0.3 or "max_cost" not in cap


def test_what_a_batch_cannot_hold_goes_into_the_next(
    tmp_path: Path, plain: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.requests.batch_sender.MOST_REQUESTS", 3)
    with serving(create_app()) as url:
        build(tmp_path / "d", *batch(url, "target=24"))
        assert max(sizes(url)) == 3
    assert rows(tmp_path / "d") == plain


# Processes that end


# Kills itself for real, right at the point that is named first on its command line.
KILLED = """
import asyncio, os, signal, sys
import builder.requests.batch
from builder.requests.batch import Batches
from builder.requests.ledger import Ledger

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def after(owner, name, condition):
    original = getattr(owner, name)
    async def replaced(*args, **kwargs):
        result = await original(*args, **kwargs)
        if condition(result):
            kill()
        return result
    setattr(owner, name, replaced)

point = sys.argv.pop(1)
finished = iter(range(10**6))
if point == "begun":
    after(Ledger, "begin_batch", lambda result: True)
elif point == "made":
    after(Batches, "submit", lambda result: True)
elif point == "running":
    after(Batches, "collect", lambda result: result is None)
elif point == "collecting":
    finish = Ledger.finish
    async def one_is_late(*args, **kwargs):
        if next(finished) == 2:
            await asyncio.sleep(0.3)
            kill()
        return await finish(*args, **kwargs)
    Ledger.finish = one_is_late
builder.requests.batch._FIRST_LOOK = 0.02
from builder.cli import main
main()
"""


def command(root: Path, target: int, overrides: tuple[str, ...]) -> list[str]:
    arguments = ["build", "--target", str(target), "--out", str(root)]
    return [*arguments, *(part for override in overrides for part in ("--set", override))]


@pytest.mark.parametrize("point", ["begun", "made", "running", "collecting"])
def test_a_kill_loses_nothing_and_buys_nothing_twice(tmp_path: Path, plain: list[dict[str, Any]], point: str) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults(batch_seconds=0.2))) as url:
        killed = subprocess.run([sys.executable, "-c", KILLED, point, *command(root, 24, batch(url))], check=False)
        assert killed.returncode == -signal.SIGKILL
        known = point in ("running", "collecting")
        (left,) = pipeline.status(root)["batches"]
        assert (left["id"] is not None) == known
        assert left["requests"] == (1 if point == "collecting" else 4)
        assert pipeline.status(root)["unknown"] == 0
        build(root, *batch(url, "target=24"))
        stats = get(url, "/stats")
        assert len(get(url, "/v1/batches")["data"]) == len(query(root, "SELECT id FROM batches WHERE id IS NOT NULL"))
    assert rows(root) == plain
    assert stats["bodies_served_again"] == 0
    assert attempts(root) == {("received", 200): stats["served"]}
    assert pipeline.status(root)["batches"] == []


def test_a_rebuild_leaves_an_open_batch_to_be_collected(tmp_path: Path, plain: list[dict[str, Any]]) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults(batch_seconds=0.2))) as url:
        build(root, *batch(url, "target=8"))
        killed = subprocess.run([sys.executable, "-c", KILLED, "running", *command(root, 24, batch(url))], check=False)
        assert killed.returncode == -signal.SIGKILL
        (left,) = pipeline.status(root)["batches"]
        rebuilt = pipeline.rebuild(root, None, [], QUIET)
        assert rebuilt.lacking == left["requests"] == 4
        assert pipeline.status(root)["batches"] == [left]
        build(root, *batch(url, "target=24"))
        assert get(url, "/stats")["bodies_served_again"] == 0
    assert rows(root) == plain
    assert set(attempts(root)) == {("received", 200)}


def test_a_fork_cannot_collect_the_open_batch_and_its_source_still_can(
    tmp_path: Path, plain: list[dict[str, Any]]
) -> None:
    root, fork = tmp_path / "d", tmp_path / "fork"
    with serving(create_app(Faults(batch_seconds=0.2))) as url:
        killed = subprocess.run([sys.executable, "-c", KILLED, "running", *command(root, 24, batch(url))], check=False)
        assert killed.returncode == -signal.SIGKILL
        pipeline.build(settings(*batch(url, "target=12", "novelty.threshold=0.65")), fork, QUIET, {}, fork=root)
        assert attempts(fork)["unknown", None] == 4
        assert pipeline.status(fork)["batches"] == []
        build(root, *batch(url, "target=24"))
    assert rows(root) == plain
    assert set(attempts(root)) == {("received", 200)}


def is_known(root: Path) -> bool:
    """Whether a batch's id is in the ledger."""
    try:
        return any(one["id"] is not None for one in pipeline.status(root)["batches"])
    except SeedbedError:
        return False


def test_ctrl_c_leaves_the_batch_under_way_and_says_so(
    tmp_path: Path, plain: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults(batch_seconds=600))) as url:
        arguments = [sys.executable, "-m", "builder", *command(root, 24, batch(url))]
        for run in ("flies", "collects"):
            with subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
                assert process.stderr is not None
                while run == "flies" and not is_known(root):
                    time.sleep(0.02)
                while run == "collects" and "was left under way" not in process.stderr.readline():
                    pass
                process.send_signal(signal.SIGINT)
                said = process.stderr.read()
            assert process.returncode == 130
            assert "batch batch_000001 with 4 requests goes on at the endpoint; the same command collects it" in said
        show_status(root)
        shown = capsys.readouterr().out
        assert "batch batch_000001: 4 requests at the endpoint since 20" in shown
        assert "0 unknown" in shown
        # Who turns to single requests does not pay for what the batch has not come to.
        build(root, *batch(url, "target=24", "teacher.send=chat"))
        assert get(url, "/v1/batches")["data"][0]["status"] == "cancelled"
        stats = get(url, "/stats")
    assert rows(root) == plain
    assert attempts(root)["failed", 408] == 4
    assert stats["bodies_served_again"] == 0


def forgetful(app: ASGIApp) -> ASGIApp:
    """The server, but it knows no batch by its id."""

    async def forgetting(scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] != "http" or not scope["path"].startswith("/v1/batches/")
        await app(scope if known else {**scope, "path": "/v1/batches/batch_none"}, receive, send)

    return forgetting


def test_a_batch_that_the_endpoint_no_longer_knows_can_be_given_up(tmp_path: Path, plain: list[dict[str, Any]]) -> None:
    root = tmp_path / "d"
    with serving(forgetful(create_app())) as url:
        for _ in range(2):
            with pytest.raises(EndpointError, match=r"404 No such Batch .*\n.*no longer knows this batch"):
                build(root, *batch(url, "target=24"))
            assert pipeline.status(root)["waiting"] == 4
        build(root, *batch(url, "target=24", "teacher.send=chat"))
    assert rows(root) == plain
    assert attempts(root)["unknown", None] == 4


# The ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_job(0, "alpaca", {})
        yield ledger


def request(step: int, content: str = "你好") -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 16}
    return Request(0, step, body, prompt_ceiling=84, completion_ceiling=16)


def test_only_what_was_sent_by_itself_is_unknown_after_a_kill(tmp_path: Path, ledger: Ledger) -> None:
    async def begin() -> None:
        await ledger.begin(request(0))
        await ledger.begin_batch([request(1), request(2)], "run", 1000.0)
        await ledger.begin(request(3))

    asyncio.run(begin())
    with Ledger(tmp_path / "ledger.sqlite") as again:
        (left,) = again.open_batches()
        assert left.waiting == {2: request(1), 3: request(2)}
        assert (left.id, left.since) == (None, 1000.0)
        spending = again.spending()
        assert (spending.unknown, spending.waiting, spending.tokens) == (2, 2, 400)
        assert again.forget_unanswered() is False


def test_a_batchs_name_is_its_own(ledger: Ledger) -> None:
    async def begin(content: str) -> str:
        return (await ledger.begin_batch([request(0, content)], "run", 0.0)).name

    async def copied() -> tuple[str, str]:
        first = await begin("one")
        ledger._next_attempt -= 1  # as in a copy of the folder, which goes on with the same number
        await ledger._commit([("DELETE FROM batches", ()), ("DELETE FROM attempts", ())])
        return first, await begin("another")

    first, other = asyncio.run(copied())
    assert first.startswith("run/1/")
    assert other.startswith("run/1/")
    assert first != other


def test_a_ledger_of_before_batches_is_read_and_written_on(tmp_path: Path) -> None:
    build(tmp_path / "d", *BASE, "target=20")
    before = costs(tmp_path / "d")
    connection = sqlite3.connect(tmp_path / "d" / "ledger.sqlite")
    connection.execute("DROP TABLE batches")
    connection.close()
    assert [one.path for one in pipeline.verify(tmp_path / "d")] == ["ledger.sqlite"]
    unseal(tmp_path / "d")
    assert pipeline.status(tmp_path / "d")["batches"] == []
    assert costs(tmp_path / "d") == before
    build(tmp_path / "d", *BASE, "target=30")


def test_a_batch_needs_an_address_of_its_own() -> None:
    with pytest.raises(UsageError, match="seedbed teacher serve"):
        settings("teacher.send=batch")
