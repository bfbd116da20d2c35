"""Endpoints that refuse: a prompt that costs only itself, settings that a message mends, and replies that are of no use."""

import asyncio
import json
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from builder import pipeline
from builder.config import Budget as BudgetSettings
from builder.config import Teacher
from builder.errors import EndpointError, UsageError
from builder.pipeline.judging import judge_folder
from builder.procedural.teacher.lessons import compose_reply
from builder.procedural.teacher.mistakes import spoil
from builder.progress import Reporter
from builder.requests.budget import Budget
from builder.requests.completion import explain_unusable, read_completion
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.retrying import EndpointOutError, NothingUsableError, PromptRefusedError, judge_refusal
from builder.requests.sender import Sender
from builder.requests.transport import HttpReply
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.teachers.openai import connect_openai
from tests.builder.references import FEW_SEEDS
from tests.endpoint import Answer, completion, scripted, serving

QUIET = Reporter(quiet=True)
GOOD = Answer(completion("好"))
Refuse = Callable[[dict[str, Any]], Response | None]

# As these services answer.
AZURE = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
    }
}  # fmt: skip
DASHSCOPE = {
    "error": {
        "code": "data_inspection_failed",
        "message": "Input data may contain inappropriate content.",
        "type": "data_inspection_failed",
    }
}
ZHIPU = {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容。"}}
DEEPSEEK = {"error": {"message": "Content Exists Risk", "type": "invalid_request_error", "param": None}}
MOONSHOT = {
    "error": {"message": "The request was rejected because it was considered high risk", "type": "content_filter"}
}
OPENROUTER = {
    "error": {"code": 403, "message": "This model requires moderation", "metadata": {"reasons": ["flagged: violence"]}}
}
VLLM = {
    "error": {
        "message": "This model's maximum context length is 4096 tokens. However, you requested 5012 tokens (916 in the "
        "messages, 4096 in the completion). Please reduce the length of the messages or completion.",
        "type": "BadRequestError", "code": 400,
    }
}  # fmt: skip
UNSAID = {"error": {"message": "Bad request.", "type": "invalid_request_error"}}


def builds(root: Path, url: str, *overrides: str) -> pipeline.Outcome:
    settings = load_settings(
        None,
        [
            *("teacher.provider=openai", "teacher.model=seedbed-procedural", f"teacher.base_url={url}"),
            *("growth.tasks_per_request=4", "growth.window=8", "growth.ordered=true", "split.min_validation_rows=0"),
            *("growth.languages={en: 1}", "teacher.concurrency=4", FEW_SEEDS),
            *overrides,
        ],
        {},
    )
    return pipeline.build(settings, root, QUIET, {})


def published(root: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (root / "publish" / "data").glob("*.parquet"))


def query(root: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(root / "ledger.sqlite")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.requests.sender._FIRST_WAIT", 0.01)
    monkeypatch.setattr("builder.requests.sender._SOON", 0.15)


@contextmanager
def teaching(refuse: Refuse) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A teacher that computes no keys, but for requests that are refused; yields its address and the bodies that it was sent."""
    bodies: list[dict[str, Any]] = []

    async def chat(http: HttpRequest) -> Response:
        body = await http.json()
        bodies.append(body)
        refused = refuse(body)
        if refused is not None:
            return refused
        texts = [message["content"] for message in body["messages"]]
        content = compose_reply("seedbed-procedural", texts, str(len(bodies)))
        return JSONResponse(completion(spoil(content, wrong=0, unkeyed=1, slips=0, rng=random.Random(0))))

    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        yield url, bodies


def nth(number: int, answer: Mapping[str, Any], status: int = 400) -> Refuse:
    """Refuses each prompt whose turn it is, also when it comes again."""
    prompts: dict[str, int] = {}

    def refuse(body: dict[str, Any]) -> Response | None:
        place = prompts.setdefault(body["messages"][-1]["content"], len(prompts))
        return JSONResponse(answer, status) if place % number == 0 else None

    return refuse


# A prompt that is refused


def test_a_refused_prompt_costs_its_job_alone_and_is_not_sent_again(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with teaching(nth(3, UNSAID)) as (url, bodies):
        first = builds(root, url, "target=8", "teacher.concurrency=1")
        builds(root, url, "target=12", "teacher.concurrency=1")
        prompts = [body["messages"][-1]["content"] for body in bodies]
    assert first.ending is None
    assert published(root) == 12
    assert len(prompts) == len(set(prompts))
    rejected = [r for r in DatasetFolder(root).rejections_table().to_pylist() if r["reason"] == "refused_prompt"]
    refused = query(root, "SELECT count(*) FROM attempts WHERE refused AND state = 'failed' AND status = 400")
    assert refused == [(-(-len(prompts) // 3),)]
    assert 0 < len(rejected) <= refused[0][0]
    assert rejected[0]["evidence"] == "Bad request."
    assert pipeline.verify(root) == []


def test_a_filter_that_refuses_all_ends_the_run_with_what_was_grown_published(tmp_path: Path) -> None:
    served: list[str] = []

    def refuse(body: dict[str, Any]) -> Response | None:
        if len(served) < 4:
            served.append("")
            return None
        return JSONResponse(DASHSCOPE, 400)

    with teaching(refuse) as (url, bodies):
        outcome = builds(tmp_path / "d", url, "target=400")
    assert isinstance(outcome.ending, EndpointError)
    assert re.match(r"the endpoint refused 2\d prompts in a row, .* may contain inappropriate", outcome.ending.message)
    assert outcome.ending.exit_code == 5
    assert len(bodies) < 4 + 20 + 2 * 4
    assert published(tmp_path / "d") == outcome.report["rows"]["kept"] > 0
    assert pipeline.verify(tmp_path / "d") == []


def test_a_refused_check_leaves_the_row_without_its_mark(tmp_path: Path) -> None:
    def refuse(body: dict[str, Any]) -> Response | None:
        return JSONResponse(ZHIPU, 400) if '"scores"' in body["messages"][-1]["content"] else None

    with teaching(refuse) as (url, _):
        outcome = builds(tmp_path / "d", url, "target=8", "checks.judge.enabled=true")
    assert outcome.ending is None
    assert outcome.report["checks"]["by"]["judge"]["undecided"] >= 8
    assert query(tmp_path / "d", "SELECT count(*) > 0 FROM attempts WHERE refused") == [(1,)]


# One request after the other


def send(
    ledger: Ledger, url: str, *contents: str, attempts: int = 3, alone: int = 9, first_job: int = 0, **more: Any
) -> list[Any]:
    """Send contents, the first so many one by one and the others together."""
    settings = Teacher(provider="openai", base_url=url, model="m", max_attempts=attempts, **more)

    async def run() -> list[Any]:
        async with connect_openai(settings, {"OPENAI_API_KEY": "sk-planted-0123456789"}) as client:
            budget = Budget(BudgetSettings(), ledger.spending())
            sender = Sender(client, ledger, budget, settings, random=random.Random(0), now=time.time, first_wait=0.01)
            sent: list[asyncio.Future[Received]] = []
            for number, content in enumerate(contents, first_job):
                ledger.add_job(number, "alpaca", {})
                body = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 16, "seed": 1,
                        "temperature": 1.0, "response_format": {"type": "json_object"}}  # fmt: skip
                sent.append(asyncio.ensure_future(sender.send(Request(number, 0, body, 84, 16), first=True)))
                if number < first_job + alone:
                    await asyncio.wait(sent)
            return await asyncio.gather(*sent, return_exceptions=True)

    return asyncio.run(run())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def test_a_filters_refusal_is_the_prompts_own_even_as_the_first_answer(ledger: Ledger) -> None:
    answers = [(400, AZURE), (400, DASHSCOPE), (400, ZHIPU), (400, DEEPSEEK), (400, MOONSHOT), (403, OPENROUTER)]
    with scripted(*[Answer(answer, status) for status, answer in answers], GOOD) as endpoint:
        *refused, received = send(ledger, endpoint.url, *"abcdefg")
    assert [type(error) for error in refused] == [PromptRefusedError] * 6
    assert isinstance(received, Received)
    assert endpoint.posts == 7
    kept = [entry.steps[0].received for entry in ledger.entries()]
    assert kept[:6] == [error.received for error in refused]
    assert kept[0] == Received(json.dumps(AZURE, ensure_ascii=False), False, 0, 0, refused=True)
    assert kept[6] == received


def test_a_refusal_after_others_were_taken_is_the_prompts_own(ledger: Ledger) -> None:
    answers = [Answer(VLLM, 400), Answer({"error": "x"}, 413), Answer(UNSAID, 422)]
    with scripted(GOOD, *answers, GOOD) as endpoint:
        one, *refused, other = send(ledger, endpoint.url, *"abcde")
    assert [type(error) for error in refused] == [PromptRefusedError] * 3
    assert all(isinstance(received, Received) for received in (one, other))
    assert endpoint.posts == 5


def test_the_only_job_of_a_run_that_goes_on_is_refused_for_itself(ledger: Ledger) -> None:
    with scripted(Answer(UNSAID, 400), GOOD, Answer(UNSAID, 400)) as endpoint:
        (never_served,) = send(ledger, endpoint.url, "a")
        send(ledger, endpoint.url, "b", first_job=1)
        (refused,) = send(ledger, endpoint.url, "c", first_job=2)
        errors = send(ledger, endpoint.url, "d", "e", alone=0, first_job=3)
    assert not isinstance(never_served, PromptRefusedError)
    assert isinstance(refused, PromptRefusedError)
    assert not any(
        isinstance(error, PromptRefusedError) for error in errors
    )  # two, and none taken: it may be the endpoint


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Access denied, please make sure your account is in good standing.", "no credit left"),
        ("Your credit balance is too low to access the API.", "no credit left"),
        ("余额不足，请充值", "no credit left"),
        ("API key not valid. Please pass a valid API key.", "was refused: check that it is set"),
        ("Model Not Exist", "teacher.model"),
    ],
)
def test_a_400_that_is_the_accounts_is_no_prompts_own(message: str, said: str) -> None:
    error = judge_refusal(HttpReply(400, {}, json.dumps({"error": {"message": message}})), Teacher(), time.time)
    assert isinstance(error, EndpointError)
    assert said in error.remedy
    assert isinstance(error, EndpointOutError) is (said != "teacher.model")


def test_a_refusal_before_any_was_taken_waits_for_what_becomes_of_the_others(ledger: Ledger) -> None:
    with scripted(Answer(UNSAID, 400), Answer(completion("好"), delay=0.3)) as endpoint:
        refused, received = send(ledger, endpoint.url, "a", "b", alone=0, concurrency=1)
    assert isinstance(refused, PromptRefusedError)
    assert isinstance(received, Received)
    assert endpoint.posts == 2


def test_where_all_are_refused_the_run_ends_and_no_prompt_is_given_up(ledger: Ledger) -> None:
    with scripted(Answer(UNSAID, 400)) as endpoint:
        errors = send(ledger, endpoint.url, *map(str, range(40)), alone=0, concurrency=2)
        alone = send(ledger, endpoint.url, "x")
    assert all(
        isinstance(error, EndpointError) and not isinstance(error, PromptRefusedError) for error in errors + alone
    )
    assert endpoint.posts <= 10 + 2 + 1
    assert not any(step.received for entry in ledger.entries() for step in entry.steps)


# What endpoints call the members of a request


def gpt5(body: dict[str, Any]) -> Response | None:
    if "max_tokens" in body:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        error = {
            "message": message,
            "type": "invalid_request_error",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
        return JSONResponse({"error": error}, 400)
    if body.get("temperature", 1) != 1:
        message = "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
        error = {"message": message, "param": "temperature", "code": "unsupported_value"}
        return JSONResponse({"error": error}, 400)
    return None


def mistral(body: dict[str, Any]) -> Response | None:
    if "seed" not in body:
        return None
    detail = [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 7}]
    return JSONResponse({"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}, 422)


def lm_studio(body: dict[str, Any]) -> Response | None:
    if body.get("response_format", {}).get("type") != "json_object":
        return None
    return JSONResponse({"error": "'response_format.type' must be 'json_schema' or 'text'"}, 400)


def qwen(body: dict[str, Any]) -> Response | None:
    if body.get("enable_thinking") is False:
        return None
    message = "parameter.enable_thinking must be set to false for non-streaming calls"
    return JSONResponse({"error": {"code": "invalid_parameter_error", "param": None, "message": message}}, 400)


@pytest.mark.parametrize(
    ("refuse", "setting"),
    [
        (gpt5, "teacher.parameters={max_tokens: max_completion_tokens}"),
        (mistral, "teacher.parameters={seed: null}"),
        (lm_studio, "teacher.response_format=none"),
        (qwen, "teacher.extra_body={enable_thinking: false}"),
    ],
    ids=["gpt-5", "mistral", "lm studio", "qwen"],
)
def test_what_an_endpoint_refuses_is_named_with_the_setting_that_mends_it(
    ledger: Ledger, refuse: Refuse, setting: str
) -> None:
    with teaching(refuse) as (url, bodies):
        (error,) = send(ledger, url, "a")
    assert isinstance(error, EndpointError)
    assert _advised(error) == setting
    assert len(bodies) == 1


def test_a_member_that_is_refused_after_others_were_taken_is_not_the_prompts_own(ledger: Ledger) -> None:
    """As where recipes differ in the JSON they ask for, or a model was changed behind its address."""
    refusal = gpt5({"max_tokens": 9})
    assert refusal is not None
    with scripted(GOOD, Answer(bytes(refusal.body).decode(), 400)) as endpoint:
        *_, last = send(ledger, endpoint.url, *map(str, range(30)), alone=1, concurrency=2)
    assert isinstance(last, NothingUsableError)  # so that what was grown is published
    assert _advised(last) == "teacher.parameters={max_tokens: max_completion_tokens}"
    assert endpoint.posts <= 1 + 10 + 2


def _advised(error: EndpointError) -> str:
    advised = re.search(r"--set '?([^']+?)'?\.$", error.remedy)
    assert advised is not None, error.remedy
    return advised[1]


def test_setting_by_setting_the_advice_leads_to_a_build_in_the_same_folder(tmp_path: Path) -> None:
    given = ["target=4", "teacher.temperature=0.7"]
    with teaching(gpt5) as (url, bodies):
        for _ in range(2):
            with pytest.raises(EndpointError) as refused:
                builds(tmp_path / "d", url, *given)
            assert refused.value.exit_code == 5
            assert len(bodies) <= 4  # those that were in flight
            bodies.clear()
            given.append(_advised(refused.value))
        assert builds(tmp_path / "d", url, *given).ending is None
        bodies.clear()
        later = "teacher.parameters={max_tokens: max_completion_tokens, temperature: null, seed: null}"
        assert builds(tmp_path / "d", url, *given, later, "target=8").ending is None  # also once rows are there
    assert given[-1] == "teacher.parameters={max_tokens: max_completion_tokens, temperature: null}"
    assert published(tmp_path / "d") == 8
    assert not {"max_tokens", "temperature", "seed"} & {name for body in bodies for name in body}


def test_a_judges_requests_carry_the_same_members(tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path / "d")
    pipeline.curate_files([_prose(tmp_path)], load_settings(None, [], {}), folder.root, QUIET)
    names = (
        "teacher.parameters={max_tokens: max_completion_tokens, temperature: null, seed: null, response_format: null}"
    )
    with scripted(Answer(completion('{"scores": []}'))) as endpoint:
        judge = [
            "teacher.provider=openai",
            f"teacher.base_url={endpoint.url}",
            "teacher.model=gpt-5",
            "teacher.max_tokens=99",
        ]
        judge_folder(folder.root, None, [*judge, names, "teacher.extra_body={reasoning_effort: low}"], QUIET, {})
    (body,) = endpoint.bodies
    assert {**body, "messages": None} == {
        "model": "gpt-5", "messages": None, "max_completion_tokens": 99, "reasoning_effort": "low",
    }  # fmt: skip


def _prose(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    row = {"instruction": "Describe the moon in one line.", "input": "", "output": "It is bright and round tonight."}
    file.write_text(json.dumps(row), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["teacher.parameters={top_p: null}"],
            "input should be 'max_tokens', 'temperature', 'seed' or 'response_format'",
        ),
        (["teacher.parameters={seed: 'a b'}"], "must be the name of a member of the request"),
        (["teacher.parameters={seed: messages}"], "two members of the request would be called messages"),
        (["teacher.parameters={seed: temperature}"], "two members of the request would be called temperature"),
        (["teacher.extra_body={max_completion_tokens: 9}"], "max_completion_tokens is not set there"),
        (["teacher.extra_body={stream: true}"], "stream is not set there"),
        (["teacher.extra_body={a: [{apiKey: x}]}"], "keys are never settings"),
        (["teacher.extra_body={user: sk-0123456789}"], "keys are never settings"),
        (["teacher.extra_body={top_p: .nan}"], "must be JSON"),
        (["teacher.parameters={max_tokens: null}", "budget.max_cost=1"], "leaves max_tokens out"),
        (["teacher.parameters={max_tokens: null}", "budget.max_tokens=9"], "leaves max_tokens out"),
        (["teacher.provider=openai"], "needs the name of a model that the endpoint serves"),
    ],
)
def test_settings_that_no_request_could_be_made_with_are_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        load_settings(None, overrides, {})
    assert "0123456789" not in str(refused.value)


def test_harmless_members_may_be_added() -> None:
    extra = load_settings(None, ["teacher.extra_body={max_thinking_tokens: 64, top_p: 0.9}"], {}).teacher.extra_body
    assert extra == {"max_thinking_tokens": 64, "top_p": 0.9}


# Replies that are of no use

THOUGHT = completion(None, "length")
USELESS = [
    ("<html>not here</html>", "a web page", "Its end is often /v1"),
    ({}, "something without choices", "teacher.base_url"),
    ({"choices": []}, "something without choices", "teacher.base_url"),
    ({"error": {"message": "no such route"}}, "an error with status 200 (no such route)", "Mend what it names"),
    ({"error_code": 110, "error_msg": "Access token invalid"}, "choices (Access token invalid)", "teacher.base_url"),
    (THOUGHT, "cut by length before its first word", "{enable_thinking: false}"),
    (
        completion(None, "content_filter: PROHIBITED_CONTENT"),
        "without text (finish_reason content_filter",
        "Try another",
    ),
    (completion(None), "without text (finish_reason stop)", "Try another model"),
]


@pytest.mark.parametrize(
    ("body", "what", "remedy"), USELESS, ids=["page", "empty", "choices", "error", "code", "length", "filter", "null"]
)
def test_a_reply_that_cannot_help_is_named(body: object, what: str, remedy: str) -> None:
    why = explain_unusable(body if isinstance(body, str) else json.dumps(body))
    assert what in why.what
    assert remedy in why.remedy
    assert why.final is (what.startswith("cut") or "content_filter" in what)


@pytest.mark.parametrize("body", [USELESS[0][0], THOUGHT], ids=["page", "length"])
def test_replies_that_cannot_help_are_not_asked_for_without_end(ledger: Ledger, body: object) -> None:
    with scripted(Answer(body)) as endpoint:
        *_, ended = send(ledger, endpoint.url, *map(str, range(30)), attempts=8, alone=0, concurrency=4)
    assert isinstance(ended, NothingUsableError)  # with which what was grown is published
    assert re.search(r"1\d replies in a row cannot be used, the last is (a web page|cut by length)", ended.message)
    assert endpoint.posts == ledger.spending().received <= 10 + 2 * 4


def test_after_useless_replies_the_advised_setting_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    def refuse(body: dict[str, Any]) -> Response | None:
        return JSONResponse(THOUGHT) if body["max_tokens"] < 2048 else None

    with teaching(refuse) as (url, bodies):
        with pytest.raises(EndpointError, match=r"1\d replies in a row .* cut by length"):
            builds(tmp_path / "d", url, "target=8", "teacher.max_tokens=1024")
        kept = query(tmp_path / "d", "SELECT count(*) FROM attempts WHERE state = 'received' AND reply IS NOT NULL")
        assert kept == [(len(bodies),)]
        assert len(bodies) <= 10 + 2 * 4
        outcome = builds(tmp_path / "d", url, "target=8", "teacher.max_tokens=4096")
        assert outcome.ending is None
        with pytest.raises(UsageError, match=r"teacher\.max_tokens: was 4096, is now 1024"):
            builds(tmp_path / "d", url, "target=8", "teacher.max_tokens=1024")
    assert published(tmp_path / "d") == 8
    assert pipeline.verify(tmp_path / "d") == []


def test_a_reply_cut_before_its_first_word_is_paid_for_once(ledger: Ledger) -> None:
    with scripted(Answer(THOUGHT), GOOD) as endpoint:
        (reply,) = send(ledger, endpoint.url, "a", attempts=4)
    assert (reply.usable, endpoint.posts) == (False, 1)


def test_a_proxys_page_while_the_server_restarts_ends_nothing(ledger: Ledger) -> None:
    with scripted(GOOD, *[Answer("<html>502</html>")] * 12, GOOD) as endpoint:
        replies = send(ledger, endpoint.url, *"abcd", attempts=9, alone=1)
    assert [reply.usable for reply in replies] == [True] * 4
    assert endpoint.posts == 16


def test_content_in_parts_is_its_texts_and_costs_one_post(ledger: Ledger) -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "你"},
        {"type": "text", "text": "好"},
    ]
    body = completion(None)
    body["choices"][0]["message"]["content"] = parts
    with scripted(Answer(body)) as endpoint:
        (reply,) = send(ledger, endpoint.url, "a")
    assert read_completion(reply.reply).content == "你好"  # type: ignore[union-attr]
    assert (reply.usable, endpoint.posts) == (True, 1)
