"""What a reply used: as it states it, else at its ceiling, in the budget and in the ledger alike."""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import pipeline
from builder.cli.estimating import print_costs
from builder.config import Budget as BudgetSettings
from builder.errors import BudgetReachedError
from builder.progress import Reporter
from builder.queries.costs import costs
from builder.requests.budget import Budget
from builder.requests.completion import read_completion, stated_usage
from builder.requests.ledger import Ledger, Received
from builder.requests.sender import Sender
from builder.requests.spending import Spending, read_usage
from builder.settings_file import load_settings
from builder.teachers.openai import connect_openai
from tests.builder.test_endpoints import ENVIRON, request, teacher
from tests.endpoint import Answer, Endpoint, completion, scripted

CEILING = 84 + 16


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def with_usage(usage: Any) -> dict[str, Any]:
    return {**completion("好"), "usage": usage}


def send(ledger: Ledger, endpoint: Endpoint, budget: Budget, count: int = 1) -> tuple[list[Any], list[str]]:
    warnings: list[str] = []
    settings = teacher(endpoint.url)

    async def run() -> list[Any]:
        async with connect_openai(settings, ENVIRON) as client:
            sender = Sender(
                client,
                ledger,
                budget,
                settings,
                random=random.Random(0),
                now=time.time,
                first_wait=0.01,
                warn=warnings.append,
            )
            results: list[Any] = []
            for number in range(count):
                ledger.add_job(number, "alpaca", {})
                results.append(await sender.send(request(number), first=True))
            return results

    return asyncio.run(run()), warnings


NOT_STATED: list[Any] = [
    None,
    {},
    [],
    "12",
    {"prompt_tokens": 10},
    {"prompt_tokens": 10, "completion_tokens": None},
    {"prompt_tokens": -1, "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": -5},
    {"prompt_tokens": 0, "completion_tokens": 5},
    {"prompt_tokens": "10", "completion_tokens": "5"},
    {"prompt_tokens": 10.0, "completion_tokens": 5.0},
    {"prompt_tokens": True, "completion_tokens": True},
    {"prompt_tokens": 10, "completion_tokens": 10**30},
    {"prompt_tokens": 10**9, "completion_tokens": 5},
]


@pytest.mark.parametrize("usage", NOT_STATED, ids=repr)
def test_usage_that_is_missing_or_nonsense_counts_at_the_ceiling(ledger: Ledger, usage: Any) -> None:
    budget = Budget(BudgetSettings(), ledger.spending())
    with scripted(Answer(with_usage(usage))) as endpoint:
        (reply,), warnings = send(ledger, endpoint, budget)
    assert isinstance(reply, Received)
    assert reply.usable
    assert (endpoint.posts, warnings) == (1, [])
    assert ledger.spending() == Spending(1, 1, 1, 0, 0, 0, 0, CEILING, unstated=1)
    assert budget.tokens == CEILING
    (line,) = read_usage(ledger.path)
    assert (line.tokens, line.unstated, line.unknown) == (CEILING, 1, 0)


def test_a_reply_without_text_that_was_paid_for_counts_as_it_states(ledger: Ledger) -> None:
    budget = Budget(BudgetSettings(), ledger.spending())
    with scripted(Answer(completion(None)), Answer(completion("好"))) as endpoint:
        send(ledger, endpoint, budget)
    assert ledger.spending() == Spending(1, 2, 2, 0, 0, 20, 10, 30)
    assert budget.tokens == 30


def test_more_than_the_ceiling_counts_as_stated_and_is_told(ledger: Ledger) -> None:
    budget = Budget(BudgetSettings(max_tokens=400), ledger.spending())
    with scripted(Answer(with_usage({"prompt_tokens": 84, "completion_tokens": 300}))) as endpoint:
        _, warnings = send(ledger, endpoint, budget)
        assert (budget.tokens, ledger.spending().tokens) == (384, 384)
        with pytest.raises(BudgetReachedError):
            send(ledger, endpoint, budget)
    assert len(warnings) == 1
    assert f"{endpoint.url} (m) states more tokens than its request allowed" in warnings[0]


def test_what_is_counted_is_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    answers = [Answer("<html>"), Answer(with_usage(None)), Answer(completion("好"))]
    with Ledger(path) as ledger, scripted(*answers) as endpoint:
        budget = Budget(BudgetSettings(), ledger.spending())
        send(ledger, endpoint, budget, count=2)
        before = ledger.spending()
    assert (budget.tokens, before.tokens, before.unstated) == (215, 215, 2)
    with Ledger(path) as again:
        assert again.spending() == before
        assert Budget(BudgetSettings(), again.spending()).tokens == 215
        assert [step.received.prompt_tokens for e in again.entries() for step in e.steps if step.received] == [0, 10]


TEXTS = (
    "Describe how bees find their way home.",
    "Draft an apology for a delayed parcel delivery.",
    "Compare renting with buying for students.",
    "Suggest names for an old wooden boat.",
)
TASKS = [
    {"instruction": text, "category": "writing", "instances": [{"input": "", "output": f"About that: yes, {n}."}]}
    for n, text in enumerate(TEXTS)
]


@pytest.mark.parametrize(("language", "line"), [("en", "2 replies without usage"), ("zh", "2 条回复没有说明用量")])
def test_costs_say_how_many_replies_count_at_their_ceiling(
    tmp_path: Path, language: str, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_REPORT_LANGUAGE", language)
    bodies = [json.dumps({"tasks": TASKS[at : at + 2]}) for at in (0, 2)]
    answers = [Answer({**completion(body), "usage": None}) for body in bodies]
    with scripted(*answers) as endpoint:
        overrides = [
            *("teacher.provider=openai", f"teacher.base_url={endpoint.url}", "teacher.model=m", "target=4"),
            *("growth.languages={en: 1}", "growth.tasks_per_request=2"),
            *("teacher.concurrency=1", "budget.prices={m: {input: 1, output: 2}}", "budget.max_cost=1"),
        ]
        pipeline.build(load_settings(None, overrides, {}), tmp_path / "d", Reporter(quiet=True), ENVIRON)
    found = costs(tmp_path / "d")
    assert found["unstated"] == 2
    with sqlite3.connect(tmp_path / "d" / "ledger.sqlite") as connection:
        ((prompt, reply),) = connection.execute("SELECT sum(prompt_ceiling), sum(completion_ceiling) FROM requests")
    connection.close()
    assert found["total"]["prompt_tokens"] + found["total"]["completion_tokens"] == prompt + reply
    assert found["total"]["cost"] == pytest.approx((prompt + 2 * reply) / 1e6)
    print_costs(tmp_path / "d", as_json=False)
    assert line in capsys.readouterr().out


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_usage_breaks_the_reading(value: Any) -> None:
    for usage in (
        value,
        {"prompt_tokens": value, "completion_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": value},
    ):
        text = json.dumps(with_usage(usage))
        stated = stated_usage(text)
        assert stated is None or (1 <= stated[0] <= 10**8 and 0 <= stated[1] <= 10**8)
        found = read_completion(text)
        assert found is not None
        assert (found.prompt_tokens, found.completion_tokens) == (stated or (0, 0))


def test_more_than_the_ceiling_is_told_once_in_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"prompt_tokens": 10**6, "completion_tokens": 5}
    answers = [Answer({**completion(json.dumps({"tasks": TASKS[at : at + 1]})), "usage": usage}) for at in range(4)]
    with scripted(*answers) as endpoint:
        overrides = [
            *("teacher.provider=openai", f"teacher.base_url={endpoint.url}", "teacher.model=m", "target=4"),
            *("growth.languages={en: 1}", "growth.tasks_per_request=1", "teacher.concurrency=1"),
        ]
        pipeline.build(load_settings(None, overrides, {}), tmp_path / "d", Reporter(), ENVIRON)
    assert endpoint.posts >= 4
    assert capsys.readouterr().err.count("states more tokens than its request allowed") == 1
