"""The embedded teacher through the real client, in-process and on a real port."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import openai
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from builder.answers import AnswerKey, check_answer
from builder.errors import UsageError
from builder.procedural.families import FAMILIES, LEARNABLE
from builder.procedural.teacher.embedded import MODELS, Faults, create_app, first_tokens
from builder.procedural.teacher.lessons import TaskNeeds, compose_reply, read_needs
from builder.text import tokenise

T = TypeVar("T")
URL = "http://embedded.invalid/v1"
ENGLISH = """Please write new tasks.

- number of tasks: 4
- language: English
- categories: mathematics, extraction
- instances per task: 2
- maximum steps: 3"""
CHINESE = """请编写新任务。

- 任务数量：3
- 语言：中文
- 类别：planning、code
- 每个任务的实例数：1
- 最多步骤：2"""


def talk(app: Starlette, use: Callable[[openai.AsyncOpenAI], Awaitable[T]], api_key: str = "any") -> T:
    async def run() -> T:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport) as http_client:
            return await use(openai.AsyncOpenAI(api_key=api_key, base_url=URL, max_retries=0, http_client=http_client))

    return asyncio.run(run())


def post(app: Starlette, *bodies: dict[str, Any], path: str = "/v1/chat/completions") -> list[httpx2.Response]:
    async def run() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=app)
        headers = {"Authorization": "Bearer any"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://embedded.invalid", headers=headers
        ) as client:
            return [await client.post(path, json=body) for body in bodies]

    return asyncio.run(run())


def stats(app: Starlette) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=URL) as client:
            return dict((await client.get("http://embedded.invalid/stats")).json())

    return asyncio.run(run())


def body(content: str, **settings: Any) -> dict[str, Any]:
    return {"model": "seedbed-procedural", "messages": [{"role": "user", "content": content}], **settings}


def content_of(response: httpx2.Response) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


def tasks_of(response: httpx2.Response) -> list[dict[str, Any]]:
    return list(json.loads(content_of(response))["tasks"])


def test_invents_tasks_for_the_real_client() -> None:
    async def ask(client: openai.AsyncOpenAI) -> Any:
        return await client.chat.completions.create(
            model="seedbed-procedural", messages=[{"role": "user", "content": ENGLISH}], seed=7
        )

    completion = talk(create_app(), ask)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.created == 0
    assert completion.system_fingerprint.startswith("seedbed-")
    tasks = json.loads(completion.choices[0].message.content)["tasks"]
    assert len({task["instruction"] for task in tasks}) == 4
    for task in tasks:
        assert task["language"] == "en"
        assert task["category"] in {"mathematics", "extraction"}
        assert len(task["instances"]) == 2
        for instance in task["instances"]:
            key = AnswerKey.from_json(json.dumps(instance["answer_key"]))
            assert check_answer(key, instance["output"]).passed


def test_understands_chinese_needs() -> None:
    (response,) = post(create_app(), body(CHINESE))
    tasks = tasks_of(response)
    assert len(tasks) == 3
    assert {task["language"] for task in tasks} == {"zh"}
    assert {task["category"] for task in tasks} <= {"planning", "code"}
    assert {len(task["instances"]) for task in tasks} == {1}


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (ENGLISH, TaskNeeds(4, "en", ("mathematics", "extraction"), 2, 3)),
        (CHINESE, TaskNeeds(3, "zh", ("planning", "code"), 1, 2)),
        ("Number of tasks: 5", TaskNeeds(5, "en", (), 1, 3)),
        ("* number of tasks：2\n* language: 中文", TaskNeeds(2, "zh", (), 1, 3)),
        ("- number of tasks: 1\n- language: Chinese\n- number of tasks: 9", TaskNeeds(9, "zh", (), 1, 3)),
        ("- 任务数量: 6\n- 语言：英文", TaskNeeds(6, "en", (), 1, 3)),
        ("Count the number of tasks: please", None),
        ("", None),
    ],
)
def test_reads_needs(text: str, needs: TaskNeeds | None) -> None:
    assert read_needs(text) == needs


def test_answers_a_task_that_it_knows_and_says_what_it_is_otherwise() -> None:
    known = "Total the ages of everyone in the choir.\n\n14, 20, 8"
    answered, english, chinese = post(create_app(), body(known), body("Why is the sky blue?"), body("天为什么是蓝的？"))
    assert content_of(answered) == "42"
    assert "procedural teacher" in content_of(english)
    assert "程序化教师" in content_of(chinese)


def test_a_reply_depends_on_model_messages_and_seed_only() -> None:
    app = create_app()
    first, again, warmer, reseeded = post(
        app, body(ENGLISH, seed=1), body(ENGLISH, seed=1), body(ENGLISH, seed=1, temperature=0.2), body(ENGLISH, seed=2)
    )
    assert first.content == again.content == warmer.content
    assert tasks_of(first) != tasks_of(reseeded)
    assert first.json()["id"] != reseeded.json()["id"]


def test_the_learnable_model_keeps_to_its_families() -> None:
    (response,) = post(create_app(), body("- number of tasks: 40\n- maximum steps: 3") | {"model": list(MODELS)[1]})
    families = {instance["answer_key"]["family"] for task in tasks_of(response) for instance in task["instances"]}
    assert {family.removeprefix("chain:") for family in families} <= LEARNABLE


def test_usage_counts_tokens() -> None:
    (response,) = post(create_app(), body("Why is the sky blue?"))
    usage = response.json()["usage"]
    assert usage["prompt_tokens"] == 5 + 4
    assert usage["completion_tokens"] == len(tokenise(content_of(response)))
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_cuts_the_reply(name: str) -> None:
    app = create_app()
    whole, short = post(app, body(ENGLISH), body(ENGLISH, **{name: 20}))
    choice = short.json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert short.json()["usage"]["completion_tokens"] == len(tokenise(choice["message"]["content"])) == 20
    assert content_of(whole).startswith(choice["message"]["content"])


@given(st.text(max_size=80), st.integers(0, 20))
def test_first_tokens_keeps_no_more_than_asked(text: str, count: int) -> None:
    beginning = first_tokens(text, count)
    assert text.startswith(beginning)
    assert len(tokenise(beginning)) <= count
    assert beginning == text or len(tokenise(text[: len(beginning) + 1])) > count


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"stream": True}, 400, "does not stream"),
        ({"model": "gpt-9"}, 404, "does not exist"),
        ({"messages": []}, 400, "at least one message"),
        ({"messages": [{"role": "user", "content": 7}]}, 400, "a text as `content`"),
        ({"n": 2}, 400, "one choice"),
        ({"max_tokens": 0}, 400, "at least 1"),
        ({"seed": "x"}, 400, "`seed` must be an integer"),
    ],
)
def test_refusals_have_openai_shape(changes: dict[str, Any], status: int, message: str) -> None:
    (response,) = post(create_app(), body(ENGLISH) | changes)
    assert response.status_code == status
    assert message in response.json()["error"]["message"]
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_large_requests_are_capped() -> None:
    (response,) = post(create_app(), body("- number of tasks: 9999\n- instances per task: 9999"))
    tasks = tasks_of(response)
    assert len(tasks) == 100
    assert {len(task["instances"]) for task in tasks} == {20}


def test_a_key_is_checked_where_one_is_set() -> None:
    async def list_models(client: openai.AsyncOpenAI) -> list[str]:
        return [model.id for model in (await client.models.list()).data]

    assert talk(create_app(), list_models, "anything") == list(MODELS)
    assert talk(create_app(api_key="secret"), list_models, "secret") == list(MODELS)
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        talk(create_app(api_key="secret"), list_models, "wrong")


def test_stats_prove_what_was_served() -> None:
    app = create_app()
    post(app, body("a"), body("a"), body("b"), body("c", stream=True))
    assert stats(app) == {
        "requests": 4,
        "served": 3,
        "by_status": {"200": 3, "400": 1},
        "distinct_bodies": 3,
        "repeated_bodies": 1,
        "bodies_served_again": 1,
    }


@pytest.mark.parametrize(
    ("faults", "status", "found"),
    [
        ("429=1,retry_after=0.5", 429, "Rate limit"),
        ("500=1", 500, "server had an error"),
        ("html=1", 200, "<!doctype html>"),
        ("empty_choices=1", 200, '"choices":[]'),
        ("error_body=1", 200, '"error":'),
    ],
)
def test_transient_faults_strike_twice_and_then_let_through(faults: str, status: int, found: str) -> None:
    first, second, third = post(create_app(Faults.parse(faults)), *[body(ENGLISH)] * 3)
    assert first.status_code == second.status_code == status
    assert found in first.text
    if status == 429:
        assert first.headers["Retry-After"] == "0.5"
    assert len(tasks_of(third)) == 4


def test_slow_replies_are_good_replies() -> None:
    started = time.perf_counter()
    (response,) = post(create_app(Faults(slow=1, slow_seconds=0.05, latency=0.03)), body(ENGLISH))
    assert time.perf_counter() - started >= 0.08
    assert len(tasks_of(response)) == 4


def test_cut_and_malformed_stay_on_every_attempt() -> None:
    cut, again = post(create_app(Faults(cut=1)), body(ENGLISH), body(ENGLISH))
    assert cut.content == again.content
    assert cut.json()["choices"][0]["finish_reason"] == "length"
    damaged = post(create_app(Faults(malformed=1)), *[body(ENGLISH, seed=seed) for seed in range(40)])
    for response in damaged:
        with pytest.raises(ValueError, match=r"."):
            json.loads(content_of(response))
        assert response.json()["choices"][0]["finish_reason"] == "stop"
    assert len({content_of(response)[:2] for response in damaged}) >= 3


def test_rates_are_met_and_repeatable() -> None:
    faults = Faults.parse("429=0.2,500=0.1")
    bodies = [body(f"question {number}") for number in range(600)]
    statuses = [response.status_code for response in post(create_app(faults), *bodies)]
    assert statuses == [response.status_code for response in post(create_app(faults), *bodies)]
    assert 0.15 < statuses.count(429) / 600 < 0.25
    assert 0.06 < statuses.count(500) / 600 < 0.14


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(1, 30))
def test_no_body_is_struck_three_times_in_a_row(body_hash: str, attempt: int) -> None:
    faults = Faults.parse("429=0.5,500=0.3,html=0.2")
    assert None in [faults.strike(body_hash, attempt + ahead) for ahead in range(3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("malfromed=0.1", "'malfromed', did you mean 'malformed'"),
        ("cut", "'cut' is '', expected a number"),
        ("cut=often", "'cut' is 'often', expected a number"),
        ("cut=1.5", "'cut' is 1.5, expected a rate from 0 to 1"),
        ("cut=nan", "expected a rate"),
        ("latency=-1", "expected seconds"),
        ("429=0.7,500=0.7", "add up to 1.4"),
    ],
)
def test_broken_faults_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Faults.parse(text)


def test_faults_parse() -> None:
    assert Faults.parse("") == Faults()
    assert Faults.parse("429=0.2, 500=0.1,cut=0.05") == Faults(rate_429=0.2, rate_500=0.1, cut=0.05)


def test_a_reply_of_eight_tasks_is_cheap() -> None:
    text = "- number of tasks: 8\n- instances per task: 2\n- language: "
    for number in range(40):
        compose_reply("seedbed-procedural", [text + "中文" * (number % 2)], f"warm-up {number}")
    started = time.process_time()
    for number in range(40):
        compose_reply("seedbed-procedural", [text + "中文" * (number % 2)], f"measured {number}")
    # 5 ms is the aim; four times that fails only where something has gone wrong.
    assert (time.process_time() - started) / 40 < 0.02


def test_serves_on_a_real_port() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with openai.OpenAI(api_key="any", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0) as client:
            completion = client.chat.completions.create(
                model="seedbed-procedural", messages=[{"role": "user", "content": CHINESE}]
            )
    finally:
        server.should_exit = True
        thread.join()
    assert len(json.loads(completion.choices[0].message.content or "")["tasks"]) == 3


def test_models_cover_all_families() -> None:
    assert MODELS["seedbed-procedural"][0] == set(FAMILIES)
    assert MODELS["seedbed-procedural-learnable"][0] == LEARNABLE
