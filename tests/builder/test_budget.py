"""Prices, the budget under concurrent requests against a real server, the estimate against what came, costs of rows."""

import asyncio
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builder import pipeline
from builder.cli import estimating as command
from builder.config import Budget as BudgetSettings
from builder.config import Settings, Teacher
from builder.errors import BudgetReachedError, UsageError
from builder.language.chinese import in_chinese
from builder.pipeline.estimating import estimate
from builder.progress import Reporter
from builder.queries.costs import costs
from builder.requests.budget import Budget, Ceiling, open_budget, usage_cost
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.prices import Price, find_price, in_currency, known_prices
from builder.requests.sender import Sender
from builder.requests.spending import Spending, read_spending, read_usage
from builder.settings_file import load_settings
from builder.teachers.openai import connect_openai
from tests.endpoint import Answer, completion, scripted

NOTHING = Spending(0, 0, 0, 0, 0, 0, 0, 0)
PROMPT, REPLY = 84, 16
PRICES = {"input": 1.0, "output": 3.0}
PRICE = Price(10**6, 3 * 10**6)
CEILING_COST = (PROMPT * 1 + REPLY * 3) / 10**6  # 132 millionths


def settings(*overrides: str) -> Settings:
    return load_settings(None, ["split.min_validation_rows=0", *overrides], {})


def request(job: int) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "你好"}], "max_tokens": REPLY}
    return Request(job, 0, body, PROMPT, REPLY)


def whole_allowance() -> dict[str, Any]:
    usage = {"prompt_tokens": PROMPT, "completion_tokens": REPLY, "total_tokens": PROMPT + REPLY}
    return {**completion("好"), "usage": usage}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def send_until_refused(ledger: Ledger, url: str, budget: BudgetSettings, *, workers: int) -> list[float]:
    """Let so many workers send until each is refused; returns the ledger's cost after every reply."""
    teacher = Teacher(provider="openai", base_url=url, model="m", max_attempts=1, concurrency=workers)
    counted = Budget(budget, ledger.spending(), prices={"m": PRICE}, usage=read_usage(ledger.path))
    jobs = iter(range(10**6))
    spent: list[float] = []

    async def work(sender: Sender) -> None:
        while True:
            one = request(next(jobs))
            ledger.add_job(one.job, "alpaca", {})
            try:
                await sender.send(one, first=True)
            except BudgetReachedError:
                return
            spent.append(counted.cost)

    async def run() -> None:
        async with connect_openai(teacher, {"OPENAI_API_KEY": "sk-planted"}) as client:
            sender = Sender(client, ledger, counted, teacher, random=random.Random(0), now=time.time)
            await asyncio.gather(*(work(sender) for _ in range(workers)))

    asyncio.run(run())
    return spent


def ledger_cost(ledger: Ledger) -> float:
    return in_currency(sum(usage_cost(one, PRICE) for one in read_usage(ledger.path)))


# Prices


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "qwen-plus-latest", "glm-4.6", "deepseek-chat"]
)
def test_well_known_models_and_their_snapshots_have_a_dated_price(model: str) -> None:
    price = find_price(model, BudgetSettings())
    assert price is not None
    assert 0 < price.input < price.output
    assert len(price.noted) == len("2025-12-09")


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gpt-4o-mini-tts", "qwen-plus-character", "my-model", "GPT-4o", ""]
)
def test_a_longer_name_is_another_model(model: str) -> None:
    assert find_price(model, BudgetSettings()) is None


def test_mini_is_not_priced_as_its_larger_namesake() -> None:
    large, mini = find_price("gpt-4o", BudgetSettings()), find_price("gpt-4o-mini", BudgetSettings())
    assert large is not None
    assert mini is not None
    assert large.cost(10**6, 10**6) == 12.5 * 10**12
    assert mini.cost(10**6, 10**6) == 0.75 * 10**12


def test_the_settings_override_the_table_and_the_embedded_teacher_is_free() -> None:
    own = settings("budget.prices={gpt-4o: {input: 0.1, output: 0.7}}").budget
    assert find_price("gpt-4o", own) == Price(10**5, 7 * 10**5)
    assert find_price("seedbed-procedural", own, embedded=True) == Price(0, 0, source="the embedded teacher is free")


def test_listed_prices_are_dollars_only() -> None:
    assert find_price("deepseek-chat", settings("budget.currency=CNY").budget) is None
    yuan = settings("budget.currency=CNY", "budget.prices={deepseek-chat: {input: 2, output: 3}}").budget
    assert find_price("deepseek-chat", yuan) == Price(2 * 10**6, 3 * 10**6)


def test_a_batch_costs_half() -> None:
    assert PRICE.cost(10, 5) == 25 * 10**6
    assert PRICE.cost(10, 5, batch=True) == 12_500_000
    assert Price(1, 0).cost(3, 0, batch=True) == 2  # never less than half


def test_an_unknown_price_with_a_money_cap_refuses_with_lines_that_mend_it(tmp_path: Path, ledger: Ledger) -> None:
    capped = settings("teacher.provider=openai", "teacher.model=my-model", "budget.max_cost=2")
    with pytest.raises(UsageError, match=r"the price of my-model in USD is not known") as refused:
        open_budget(capped, ledger)
    lines = refused.value.remedy.partition("\n")[2]
    override = yaml.safe_load(lines)
    assert override == {"budget": {"prices": {"my-model": {"input": 0.5, "output": 1.5}}}}
    mended = settings(
        "teacher.provider=openai",
        "teacher.model=my-model",
        "budget.max_cost=2",
        f"budget.prices={json.dumps(override['budget']['prices'])}",
    )
    assert open_budget(mended, ledger).cost == 0


def test_without_a_money_cap_a_price_may_be_unknown() -> None:
    teacher = Teacher(provider="openai", model="my-model")
    assert known_prices(teacher, BudgetSettings(max_tokens=100)) == {}


def test_every_endpoints_model_needs_a_price() -> None:
    endpoints = "[{base_url: http://a:1/v1, model: gpt-4o}, {base_url: http://b:1/v1, model: other}]"
    several = settings("teacher.provider=openai", f"teacher.endpoints={endpoints}", "budget.max_cost=1")
    with pytest.raises(UsageError, match="the price of other"):
        known_prices(several.teacher, several.budget)


# The budget


CEILINGS = st.builds(Ceiling, st.integers(0, 500), st.integers(0, 500), st.sampled_from(["m", "n", None]))


@given(st.lists(st.tuples(CEILINGS, st.floats(0, 1), st.booleans()), max_size=40), st.randoms(use_true_random=False))
def test_what_is_settled_and_held_never_exceeds_a_cap(
    attempts: list[tuple[Ceiling, float, bool]], rng: random.Random
) -> None:
    prices = {"m": PRICE, "n": Price(2 * 10**6, 10**6)}
    budget = Budget(BudgetSettings(max_cost=0.002, max_tokens=2000), NOTHING, prices=prices)
    held: list[tuple[Ceiling, Ceiling]] = []
    tokens = 0
    for ceiling, share, settles in attempts:
        fits = budget.fits(ceiling, new_request=True)
        try:
            budget.reserve(ceiling, new_request=True)
        except BudgetReachedError:
            assert not fits
        else:
            assert fits
            prompt, reply = ceiling.prompt_tokens, ceiling.completion_tokens
            held.append((ceiling, Ceiling(int(prompt * share), int(reply * share), ceiling.model)))
        if settles and held:
            reserved, used = held.pop(rng.randrange(len(held)))
            budget.settle(reserved, used)
            tokens += used.tokens
    for reserved, _ in held:
        budget.settle(reserved, reserved)  # the worst that can come
        tokens += reserved.tokens
    assert budget.tokens == tokens <= 2000
    assert budget.cost <= 0.002


def test_prompt_and_reply_are_priced_apart() -> None:
    budget = Budget(BudgetSettings(max_cost=0.000132), NOTHING, prices={"m": PRICE})
    assert budget.fits(Ceiling(PROMPT, REPLY, "m"), new_request=True)
    assert not budget.fits(Ceiling(PROMPT + 1, REPLY, "m"), new_request=True)
    assert not budget.fits(PROMPT + REPLY, new_request=True)  # a plain number counts as reply tokens
    assert Budget(BudgetSettings(max_cost=0.000132), NOTHING, prices={"m": PRICE}, batch=True).fits(
        Ceiling(2 * PROMPT, 2 * REPLY, "m"), new_request=True
    )


def test_the_error_names_the_cap_that_stands_in_the_way() -> None:
    ceiling = Ceiling(PROMPT, REPLY, "m")
    money = Budget(BudgetSettings(max_cost=0.0001), NOTHING, prices={"m": PRICE})
    with pytest.raises(BudgetReachedError, match=r"may cost 0\.000132 USD; 0\.000000 of 0\.0001 \(budget\.max_cost\)"):
        money.reserve(ceiling, new_request=True)
    tokens = Budget(BudgetSettings(max_tokens=99), NOTHING)
    with pytest.raises(BudgetReachedError, match=r"may use 100 tokens; 0 of 99 \(budget\.max_tokens\)"):
        tokens.reserve(ceiling, new_request=True)
    none_left = Budget(BudgetSettings(max_requests=1), Spending(1, 1, 1, 0, 0, 9, 9, 18))
    assert none_left.fits(ceiling, new_request=False)
    message = none_left.reached(ceiling).message
    assert "1 requests of 1 (budget.max_requests)" in message
    assert in_chinese(message) == "预算已用完：已发出 1 个请求，上限 1 个（budget.max_requests）。"


def test_64_workers_with_whole_allowances_never_exceed_the_money_cap(ledger: Ledger) -> None:
    with scripted(Answer(whole_allowance(), delay=0.005)) as endpoint:
        spent = send_until_refused(ledger, endpoint.url, BudgetSettings(max_cost=0.02), workers=64)
    # 0.02 / 0.000132 = 151.5: the cap is used to the last request that fits.
    assert endpoint.posts == len(spent) == 151
    assert max(spent) == ledger_cost(ledger) == pytest.approx(151 * CEILING_COST)
    assert ledger_cost(ledger) <= 0.02


def test_64_workers_with_whole_allowances_never_exceed_the_token_cap(ledger: Ledger) -> None:
    with scripted(Answer(whole_allowance(), delay=0.005)) as endpoint:
        send_until_refused(ledger, endpoint.url, BudgetSettings(max_tokens=10_050), workers=64)
    assert endpoint.posts == 100
    assert ledger.spending().tokens == 10_000


def test_one_lost_reply_is_one_unknown_at_its_reserved_price(ledger: Ledger) -> None:
    teacher = Teacher(provider="openai", model="m", max_attempts=1, timeout=0.2)
    budget = Budget(BudgetSettings(max_cost=1), NOTHING, prices={"m": PRICE})

    async def run(url: str) -> list[Received | BaseException]:
        local = teacher.model_copy(update={"base_url": url})
        ledger.add_job(0, "alpaca", {})
        async with connect_openai(local, {"OPENAI_API_KEY": "sk-planted"}) as client:
            sender = Sender(client, ledger, budget, local, random=random.Random(0), now=time.time)
            return [*await asyncio.gather(sender.send(request(0), first=True), return_exceptions=True)]

    with scripted(Answer(whole_allowance(), delay=1.0)) as endpoint:
        (lost,) = asyncio.run(run(endpoint.url))
    assert isinstance(lost, Exception)
    assert endpoint.posts == 1
    assert (ledger.spending().unknown, ledger.spending().tokens) == (1, PROMPT + REPLY)
    assert budget.cost == ledger_cost(ledger) == CEILING_COST
    # A resumed run starts from the same sum: a cap just short of twice the price takes no second request.
    resumed = BudgetSettings(max_cost=2 * CEILING_COST - 1e-9)
    again = Budget(resumed, ledger.spending(), prices={"m": PRICE}, usage=read_usage(ledger.path))
    assert again.cost == CEILING_COST
    assert not again.fits(Ceiling(PROMPT, REPLY, "m"), new_request=True)


def test_a_higher_money_cap_goes_on_where_the_lower_one_ended(ledger: Ledger) -> None:
    with scripted(Answer(whole_allowance())) as endpoint:
        send_until_refused(ledger, endpoint.url, BudgetSettings(max_cost=0.00133), workers=4)
        assert ledger.spending().requests == 10
    assert ledger_cost(ledger) == pytest.approx(10 * CEILING_COST)
    higher = BudgetSettings(max_cost=0.00133 + 2 * CEILING_COST)
    budget = Budget(higher, ledger.spending(), prices={"m": PRICE}, usage=read_usage(ledger.path))
    ceiling = Ceiling(PROMPT, REPLY, "m")
    budget.reserve(ceiling, new_request=True)
    budget.reserve(ceiling, new_request=True)
    assert not budget.fits(ceiling, new_request=True)


def test_a_money_cap_needs_what_the_ledger_used(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="does not add up"):
        Budget(BudgetSettings(max_cost=1), Spending(1, 1, 1, 0, 0, 9, 9, 18), prices={"m": PRICE})


# The estimate and the costs, with the embedded teacher at a price


PRICED = "budget.prices={seedbed-procedural: {input: 1, output: 3}}"


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pilot") / "d"
    outcome = pipeline.build(settings("target=700", PRICED, "budget.max_requests=50"), root, Reporter(quiet=True), {})
    assert isinstance(outcome.ending, BudgetReachedError)
    return root


def test_an_estimate_without_a_folder_sends_nothing_and_orders_its_bounds(tmp_path: Path) -> None:
    made = estimate(settings("target=1000", PRICED, "growth.tasks_per_request=10"))
    low, likely, high = (made.remaining[bound] for bound in ("low", "likely", "high"))
    # 1,000 rows at 10 candidates a request, of which 0.9, 0.6 and 0.3 are admitted.
    assert (low.requests, likely.requests, high.requests) == (112, 167, 334)
    assert low.prompt_tokens < likely.prompt_tokens < high.prompt_tokens
    assert low.cost is not None
    assert high.cost is not None
    assert 0 < low.cost < high.cost
    assert (made.measured, made.spent.requests) == (False, 0)


def test_chinese_takes_more_tokens_a_character_and_fewer_bytes_a_token() -> None:
    english, chinese = (estimate(settings("target=100", f"growth.languages={{{lang}: 1}}")) for lang in ("en", "zh"))
    assert 3.0 < english.bytes_per_token < 4.0
    assert chinese.bytes_per_token > english.bytes_per_token  # three bytes a character, more than half a token each


def test_an_estimate_needs_a_target() -> None:
    with pytest.raises(UsageError, match="target: an estimate needs one"):
        estimate(settings())


def test_time_follows_latency_concurrency_and_limits() -> None:
    openai = (
        "target=1000",
        "growth.tasks_per_request=10",
        "teacher.provider=openai",
        "teacher.model=m",
        "teacher.concurrency=8",
    )
    assert estimate(settings(*openai), latency=4.0).remaining["low"].seconds == 112 * 4.0 / 8
    limited = settings(*openai, "teacher.requests_per_minute=10")
    assert estimate(limited, latency=4.0).remaining["low"].seconds == 112 * 6.0


def test_after_a_pilot_of_50_requests_the_estimate_is_within_a_fifth(pilot: Path, tmp_path: Path) -> None:
    made = estimate(settings("target=700", PRICED), pilot)
    before = read_spending(pilot / "ledger.sqlite")
    assert made.measured
    assert made.spent.requests == before.requests == 50
    outcome = pipeline.build(settings("target=700", PRICED), pilot, Reporter(quiet=True), {})
    assert outcome.ending is None
    after = read_spending(pilot / "ledger.sqlite")
    likely = made.remaining["likely"]
    assert likely.requests == pytest.approx(after.requests - before.requests, rel=0.2)
    assert likely.prompt_tokens == pytest.approx(after.prompt_tokens - before.prompt_tokens, rel=0.2)
    assert likely.completion_tokens == pytest.approx(after.completion_tokens - before.completion_tokens, rel=0.2)
    paid = [PRICE.cost(s.prompt_tokens, s.completion_tokens) for s in (before, after)]
    assert likely.cost == pytest.approx(in_currency(paid[1] - paid[0]), rel=0.2)
    assert estimate(settings("target=700", PRICED), pilot).remaining["high"].requests == 0


def test_costs_close_with_the_ledger_in_every_table(pilot: Path) -> None:
    found, spending = costs(pilot), read_spending(pilot / "ledger.sqlite")
    assert found["total"]["requests"] == spending.requests
    assert found["total"]["prompt_tokens"] == spending.prompt_tokens
    assert found["total"]["completion_tokens"] == spending.completion_tokens
    assert found["total"]["cost"] == in_currency(PRICE.cost(spending.prompt_tokens, spending.completion_tokens))
    for table in ("teacher", "recipe", "category", "language"):
        for column in ("rows", "requests", "prompt_tokens", "completion_tokens", "cost"):
            parts = [line[column] for line in (*found[table], found["without_rows"])]
            assert math.fsum(parts) == pytest.approx(found["total"][column], rel=1e-12)
    assert {line["key"] for line in found["language"]} == {"en", "zh"}
    assert [line["key"] for line in found["teacher"]] == ["seedbed-procedural"]
    (latency,) = found["latency"]
    assert latency["answers"] == spending.received
    assert 0 < latency["median"] <= latency["p95"]


def test_a_request_is_shared_equally_among_its_rows(tmp_path: Path) -> None:
    root = tmp_path / "d"
    pipeline.build(
        settings("target=3", PRICED, "teacher.concurrency=1", "budget.max_requests=1"), root, Reporter(quiet=True), {}
    )
    found = costs(root)
    rows, total = found["total"]["rows"], found["total"]["prompt_tokens"]
    assert found["total"]["requests"] == 1
    for line in found["category"]:
        assert line["prompt_tokens"] == pytest.approx(total * line["rows"] / rows)


def test_requests_that_gave_no_row_stand_on_their_own_line(tmp_path: Path) -> None:
    root = tmp_path / "d"
    faulty = settings("target=60", PRICED, "teacher.faults=malformed=0.5", "growth.tasks_per_request=2")
    pipeline.build(faulty, root, Reporter(quiet=True), {})
    found = costs(root)
    assert found["without_rows"]["rows"] == 0
    assert found["without_rows"]["requests"] > 0
    assert found["without_rows"]["cost_per_row"] is None
    bought = sum(line["cost"] for line in found["language"])
    assert found["total"]["cost_per_row"] > bought / found["total"]["rows"]  # what was wasted is paid by the rows


def test_costs_of_a_folder_without_a_ledger_are_refused(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"instruction": "Name a colour.", "input": "", "output": "Blue"}), encoding="utf-8")
    pipeline.curate_files([rows], settings(), tmp_path / "d", Reporter(quiet=True))
    with pytest.raises(UsageError, match="no ledger to count"):
        costs(tmp_path / "d")


def test_the_command_prints_a_table_and_json(pilot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seedbed.yaml"
    file.write_text("target: 800\nteacher: {provider: openai, model: gpt-4o-mini}\n", encoding="utf-8")
    command.estimate(file)
    printed = capsys.readouterr().out
    assert "800 rows with gpt-4o-mini: assumed, nothing is measured yet" in printed
    assert "Price as noted on 2025-12-01" in printed
    command.estimate(file, out=pilot, overrides=["report.language=zh"])
    assert "measured" in capsys.readouterr().out
    command.estimate(file, overrides=["teacher.model=my-model"], as_json=True)
    record = json.loads(capsys.readouterr().out)
    assert record["price"] is None
    assert record["remaining"]["high"]["cost"] is None
    command.print_costs(pilot, as_json=False)
    table = capsys.readouterr().out
    assert "seedbed-procedural" in table
    assert "(no row from it)" in table
    assert "95 % within" in table
