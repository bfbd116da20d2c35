"""What a build will take, without sending anything: requests, tokens, money and time, as low, likely and high figures.

Before the first request, real requests are built and measured, and what a teacher makes of them is assumed. After some
requests (a pilot of 50 is enough), tokens, admission and its decline come from the ledger and the rows in the folder.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builder.config import Settings
from builder.dataset_folder import DatasetFolder
from builder.errors import UsageError
from builder.generation.pool import Pool
from builder.pipeline.sources import read_chunks, read_seeds
from builder.pipeline.trend import jobs_needed, read_yields
from builder.recipes import RECIPES
from builder.recipes.recipe import Ask, Instance, Task, as_json
from builder.requests.budget import usage_cost
from builder.requests.ledger import Usage, read_usage
from builder.requests.prices import Price, find_price, in_currency

_SAMPLED = 32  # requests built to measure prompts
_BOUNDS = ("low", "likely", "high")
# Share of the candidates that are admitted, before anything is measured: a teacher that repeats itself and one that does not.
_ADMISSION = {"low": 0.9, "likely": 0.6, "high": 0.3}
# Tokens a character. English: 0.25 to 0.33 (OpenAI's rule of thumb of 4 characters a token, DeepSeek's of 0.3 tokens a
# character). Chinese: 0.55 (Qwen: 1.5 to 1.8 characters a token) to 1.2 (tokenizers made before 2024 for English).
_TOKENS_PER_ASCII = {"low": 0.25, "likely": 0.28, "high": 0.33}
_TOKENS_PER_OTHER = {"low": 0.55, "likely": 0.7, "high": 1.2}
# Length of a reply against as many seed tasks.
_REPLY_LENGTH = {"low": 0.7, "likely": 1.0, "high": 2.0}
# Seconds until a reply begins, and its tokens a second: what hosted endpoints show at good, usual and busy times.
_FIRST_TOKEN = {"low": 0.5, "likely": 1.0, "high": 3.0}
_TOKENS_PER_SECOND = {"low": 100, "likely": 50, "high": 20}
# The embedded teacher computes on one core: about 20 ms a request with admission, measured.
_EMBEDDED_SECONDS = {"low": 0.01, "likely": 0.02, "high": 0.06}


@dataclass(frozen=True, slots=True)
class Figures:
    """One column of the estimate. `cost` is None where the price is not known; `seconds` is None for what is spent."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is spent and what remains.

    Attributes:
        rows: kept grown rows that are there.
        measured: the figures come from the folder's ledger; else they are assumed.
        admission: share of the candidates that are admitted, measured so far or assumed.
        bytes_per_token: of prompts, measured so far or assumed.
        saturates_at: grown rows at which the measured decline would end the run before its target; None where it would not.
        remaining: low, likely, high.
    """

    model: str
    target: int
    rows: int
    measured: bool
    admission: float
    bytes_per_token: float
    saturates_at: int | None
    currency: str
    price: Price | None
    spent: Figures
    remaining: dict[str, Figures]

    def as_record(self) -> dict[str, Any]:
        """The estimate as JSON; prices are for a million tokens."""
        price = self.price and {
            "input": in_currency(self.price.input * 10**6),
            "output": in_currency(self.price.output * 10**6),
            "noted": self.price.noted,
            "source": self.price.source,
        }
        return {**asdict(self), "price": price}


@dataclass(frozen=True, slots=True)
class _PerJob:
    """What one job takes: requests, and tokens of prompts and replies, by bound where they are assumed."""

    requests: float
    prompt_tokens: dict[str, float]
    completion_tokens: dict[str, float]


def estimate(settings: Settings, root: Path | None = None, *, latency: float | None = None) -> Estimate:
    """Estimate what a build takes from here to its target; sends nothing and writes nothing.

    Args:
        settings: with a target.
        root: the dataset folder, where some of it may be grown already.
        latency: seconds from a request to its reply; None assumes them from the reply's length.

    Raises:
        UsageError: no target.
    """
    if settings.target is None:
        raise UsageError("target: an estimate needs one", "Set `target: 1000` in the settings or pass --target 1000.")
    folder = DatasetFolder(root) if root is not None and (root / "ledger.sqlite").exists() else None
    usage = read_usage(folder.ledger) if folder is not None else []
    read = read_yields(folder, usage) if folder is not None else []
    there = [task for task in _grown_tasks(folder) if task.language in settings.growth.languages] if folder else []
    kept, kept_share = _kept(folder) if folder is not None and read else (0, 1.0)
    seeds = [task for task, _ in read_seeds(settings) if task.language in settings.growth.languages]
    prompts = _first_prompts(settings, seeds, there)
    measured = bool(read) and any(one.prompt_tokens for one in usage)
    per_job = _measured_job(usage, prompts) if measured else _assumed_job(settings, seeds, prompts)
    wanted = max(0, settings.target - kept) / kept_share
    jobs, saturates_at = jobs_needed(settings.growth, read, wanted) if measured else _assumed_jobs(settings, wanted)
    price = _mean_price(settings)
    waiting = len({one.job for one in usage if one.read_order is None and one.usable})
    remaining = {
        bound: _figures(settings, bound, max(0.0, jobs[bound] - waiting), per_job, price, latency) for bound in _BOUNDS
    }
    rate = sum(r.admitted for r in read) / max(1, sum(r.candidates for r in read)) if measured else _ADMISSION["likely"]
    size = sum(len(text.encode()) for text in prompts) / max(1, len(prompts))
    return Estimate(
        model=settings.teacher.model,
        target=settings.target,
        rows=kept,
        measured=measured,
        admission=rate,
        bytes_per_token=1 / _tokens_per_byte(usage) if measured else size / _tokens(prompts, "likely"),
        saturates_at=saturates_at,
        currency=settings.budget.currency,
        price=price,
        spent=_spent(usage, settings),
        remaining=remaining,
    )


def _first_prompts(settings: Settings, seeds: Sequence[Task], grown: Sequence[Task]) -> list[str]:
    """The prompts of the first requests of jobs that are built from these seeds and grown tasks."""
    pool = Pool(settings, seeds, read_chunks(settings))
    pool.add_admitted(grown)
    for _ in range(_SAMPLED):
        pool.add_admitted(())  # with `ordered`, a job sees the pool as it was a window of jobs ago
    prompts = []
    for number in range(settings.growth.window, settings.growth.window + _SAMPLED):
        job = pool.build(number)
        step = RECIPES[job.recipe].proceed(job, [])
        if isinstance(step, Ask):
            prompts.append("".join(message["content"] for message in step.messages))
    return prompts


def _grown_tasks(folder: DatasetFolder) -> list[Task]:
    tasks: dict[str, Task] = {}
    for sample in folder.iter_samples():
        if sample.origin == "generated" and sample.instruction is not None and sample.task_id not in tasks:
            instance = Instance(sample.input or "", sample.answer, sample.answer_key)
            tasks[sample.task_id] = Task(
                sample.task_id, sample.instruction, (instance,), sample.category, sample.language, False
            )
    return list(tasks.values())


def _kept(folder: DatasetFolder) -> tuple[int, float]:
    """Kept grown rows, and their share of all grown rows: what curation drops is grown again."""
    grown = {sample.row for sample in folder.iter_samples() if sample.origin == "generated"}
    if not grown or not folder.verdicts.exists():
        return len(grown), 1.0
    kept = sum(verdict.kept and verdict.row in grown for verdict in folder.read_verdicts())
    return kept, max(kept, 1) / len(grown)


def _assumed_jobs(settings: Settings, wanted: float) -> tuple[dict[str, float], int | None]:
    per_job = settings.growth.tasks_per_request * settings.growth.instances_per_task
    return {bound: wanted / (per_job * _ADMISSION[bound]) for bound in _BOUNDS}, None


def _measured_job(usage: Sequence[Usage], prompts: Sequence[str]) -> _PerJob:
    """Means over the ledger's jobs; the prompts of first requests are those that will be built now, not then."""
    jobs = len({one.job for one in usage})
    later = sum(one.prompt_tokens for one in usage if one.step > 0)
    lost = sum(one.unknown_prompt_tokens for one in usage)
    first = sum(len(text.encode()) for text in prompts) / max(1, len(prompts)) * _tokens_per_byte(usage)
    reply = sum(one.completion_tokens + one.unknown_completion_tokens for one in usage) / jobs
    prompt = first + (later + lost) / jobs
    return _PerJob(_count_requests(usage) / jobs, dict.fromkeys(_BOUNDS, prompt), dict.fromkeys(_BOUNDS, reply))


def _assumed_job(settings: Settings, seeds: Sequence[Task], prompts: Sequence[str]) -> _PerJob:
    """One request a job; a reply is as long as so many seed tasks, within `teacher.max_tokens`."""
    texts = [str(dict(as_json(task))) for task in seeds]
    rows = settings.growth.tasks_per_request * settings.growth.instances_per_task
    reply = {bound: _tokens(texts, bound) * rows * _REPLY_LENGTH[bound] for bound in _BOUNDS}
    longest = settings.teacher.max_tokens
    return _PerJob(
        1.0,
        {bound: _tokens(prompts, bound) for bound in _BOUNDS},
        {bound: min(tokens, longest) for bound, tokens in reply.items()},
    )


def _tokens(texts: Sequence[str], bound: str) -> float:
    """Mean tokens of a text by its scripts."""
    ascii_only = sum(len(text.encode("ascii", "ignore")) for text in texts)
    others = sum(map(len, texts)) - ascii_only
    tokens = ascii_only * _TOKENS_PER_ASCII[bound] + others * _TOKENS_PER_OTHER[bound]
    return max(tokens / max(1, len(texts)), 1.0)


def _tokens_per_byte(usage: Sequence[Usage]) -> float:
    counted = [one for one in usage if one.prompt_tokens]
    return sum(one.prompt_tokens for one in counted) / max(1, sum(one.prompt_bytes * one.usable for one in counted))


def _figures(
    settings: Settings,
    bound: str,
    jobs: float,
    per_job: _PerJob,
    price: Price | None,
    latency: float | None,
) -> Figures:
    requests = math.ceil(jobs * per_job.requests)
    prompt = round(jobs * per_job.prompt_tokens[bound])
    completion = round(jobs * per_job.completion_tokens[bound])
    cost = (
        None if price is None else in_currency(price.cost(prompt, completion, batch=settings.teacher.send == "batch"))
    )
    seconds = _seconds(settings, bound, requests, prompt, completion, latency)
    return Figures(requests, prompt, completion, cost, seconds)


def _seconds(
    settings: Settings, bound: str, requests: int, prompt: int, completion: int, latency: float | None
) -> float:
    """Time for requests in flight together, no faster than the settings' limits a minute."""
    teacher = settings.teacher
    if teacher.provider == "embedded" and latency is None:
        return requests * _EMBEDDED_SECONDS[bound]
    places = max(1, len(teacher.endpoints))
    in_flight = min(teacher.concurrency * places, settings.growth.window if settings.ordered else math.inf)
    waiting = requests * _FIRST_TOKEN[bound] + completion / _TOKENS_PER_SECOND[bound]
    times = [(requests * latency if latency is not None else waiting) / in_flight]
    if teacher.requests_per_minute is not None:
        times.append(60 * requests / (teacher.requests_per_minute * places))
    if teacher.tokens_per_minute is not None:
        times.append(60 * (prompt + completion) / (teacher.tokens_per_minute * places))
    return max(times)


def _mean_price(settings: Settings) -> Price | None:
    """The price of the teacher's model; of several endpoints the mean by weight; None where one is not known."""
    teacher = settings.teacher
    embedded = teacher.provider == "embedded"
    if not teacher.endpoints:
        return find_price(teacher.model, settings.budget, embedded=embedded)
    weights = [endpoint.weight for endpoint in teacher.endpoints]
    found = [find_price(endpoint.model or teacher.model, settings.budget) for endpoint in teacher.endpoints]
    prices = [price for price in found if price is not None]
    if len(prices) < len(found):
        return None
    first = prices[0]
    mean_input = sum(p.input * w for p, w in zip(prices, weights, strict=True)) / sum(weights)
    mean_output = sum(p.output * w for p, w in zip(prices, weights, strict=True)) / sum(weights)
    return Price(round(mean_input), round(mean_output), first.noted, first.source)


def _spent(usage: Sequence[Usage], settings: Settings) -> Figures:
    """What the ledger holds, lost replies at their ceiling, each at the price of the model that answered."""
    prompt = sum(one.prompt_tokens + one.unknown_prompt_tokens for one in usage)
    completion = sum(one.completion_tokens + one.unknown_completion_tokens for one in usage)
    embedded = settings.teacher.provider == "embedded"
    prices = {one.model: find_price(one.model, settings.budget, embedded=embedded) for one in usage}
    known = {model: price for model, price in prices.items() if price is not None}
    complete = len(known) == len(prices)
    cost = in_currency(sum(usage_cost(one, known[one.model]) for one in usage)) if complete else None
    return Figures(_count_requests(usage), prompt, completion, cost)


def _count_requests(usage: Sequence[Usage]) -> int:
    return len({(one.job, one.step) for one in usage})
