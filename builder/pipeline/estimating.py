"""What a build will take, without sending anything: requests, tokens, money and time, as low, likely and high figures.

Before the first request, real requests are built and measured, and what a teacher makes of them is assumed. After some
requests (a pilot of 50 is enough), tokens, admission and its decline come from the ledger and the rows in the folder.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builder.config import RecipeName, Settings
from builder.errors import UsageError
from builder.language.messages import worded
from builder.pipeline.pilot import PilotJob, read_pilot
from builder.pipeline.request_tokens import RequestCount, RequestTokens, first_prompts, mean_tokens, tokens_per_byte
from builder.pipeline.sources import read_sources
from builder.pipeline.trend import Rates, forecast, measure_admission, measure_closeness
from builder.procedural.teacher.faults import Faults
from builder.recipes import RECIPES
from builder.recipes.recipe import Piece, Task
from builder.requests.budget import usage_cost
from builder.requests.ledger import read_entries
from builder.requests.prices import Price, find_price, in_currency
from builder.requests.spending import Usage, read_latencies, read_usage
from builder.store.dataset_folder import DatasetFolder

_BOUNDS = ("low", "likely", "high")
# Share of the candidates that are admitted, before anything is measured: a teacher that repeats itself and one that does not.
_ADMISSION = {"low": 0.9, "likely": 0.6, "high": 0.3}
# Share of the answers that pass their checks before any verdict is there. Low: Self-Instruct's audit found 58 % right
# without checks (Wang et al. 2023, table 2).
_PASSING = {"low": 1.0, "likely": 0.9, "high": 0.6}
# Seconds until a reply begins, and its tokens a second: what hosted endpoints show at good, usual and busy times.
_FIRST_TOKEN = {"low": 0.5, "likely": 1.0, "high": 3.0}
_TOKENS_PER_SECOND = {"low": 100, "likely": 50, "high": 20}
# The embedded teacher computes on one core: about 20 ms a request with admission, measured.
_EMBEDDED_SECONDS = {"low": 0.01, "likely": 0.02, "high": 0.06}
# Seconds that a batch takes: OpenAI promises a day at most; that one takes minutes or an hour is an assumption.
_BATCH_SECONDS = {"low": 600, "likely": 3600, "high": 86400}


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
class _Pilot:
    """What is there already."""

    jobs: Sequence[PilotJob]
    usage: Sequence[Usage]
    tasks: Sequence[Task]
    kept: int
    kept_share: float


def estimate(settings: Settings, root: Path | None = None, *, latency: float | None = None) -> Estimate:
    """Estimate what a build takes from here to its target; sends nothing and writes nothing.

    Args:
        settings: with a target.
        root: the dataset folder, where some of it may be grown already.
        latency: seconds from a request to its reply; None takes those of the ledger, else assumes them from the reply's
            length.

    Raises:
        UsageError: no target.
        IntegrityError: the folder's replies cannot be read with these settings.
    """
    if (target := settings.target) is None:
        raise UsageError(
            worded("target: an estimate needs one"), worded("Set `target: 1000` in the settings or pass --target 1000.")
        )
    sources = read_sources(settings)
    settings, seeds, pieces = sources.settings, sources.seeds, sources.pieces
    there = _read_folder(settings, root, seeds, pieces)
    usage = there.usage
    measured = any(one.prompt_tokens for one in usage) and any(job.candidates for job in there.jobs)
    spoken = [task for task, _ in seeds if task.language in settings.growth.languages]
    prompts = first_prompts(settings, spoken, there.tasks, pieces)
    price = _mean_price(settings)
    if measured and latency is None and settings.teacher.provider != "embedded" and settings.teacher.send == "chat":
        latency = _measured_latency(root)
    remaining: dict[str, Figures] = {}
    saturates_at = None
    closeness = measure_closeness(there.jobs, target) if measured else {}
    for bound in _BOUNDS:
        rates = {str(recipe): _rates(settings, recipe, there.jobs, bound) for recipe in settings.growth.recipes}
        counts = RequestTokens(settings, spoken, prompts, usage if measured else (), there.jobs, bound)
        if measured:
            rows = sum(job.admitted for job in there.jobs)
            wanted = max(0.0, target / there.kept_share - rows) if there.kept < target else 0.0
            drawn = forecast(settings.growth, rates, there.jobs, wanted, bound, closeness[bound])
            new = drawn.jobs
            if bound == "likely" and drawn.rows < rows + wanted:
                saturates_at = round(drawn.rows)
            begun = _unfinished(settings, there.jobs, bound) if wanted else {}
        else:
            weights = sum(rate.weight for rate in rates.values())
            a_job = sum(rate.weight * rate.candidates for rate in rates.values()) / weights
            jobs = max(0, target - there.kept) / (a_job * _ADMISSION[bound])
            new, begun = {recipe: jobs * rate.weight / weights for recipe, rate in rates.items()}, {}
        remaining[bound] = _figures(settings, bound, counts.of(new, rates, begun), price, latency)
    rate = sum(j.admitted for j in there.jobs) / max(1, sum(j.candidates for j in there.jobs))
    texts = [text for sampled in prompts.values() for text in sampled]
    size = sum(len(text.encode()) for text in texts) / max(1, len(texts))
    return Estimate(
        model=settings.teacher.model,
        target=target,
        rows=there.kept,
        measured=measured,
        admission=rate if measured else _ADMISSION["likely"],
        bytes_per_token=1 / tokens_per_byte(usage) if measured else size / mean_tokens(texts, "likely"),
        saturates_at=saturates_at,
        currency=settings.budget.currency,
        price=price,
        spent=_spent(usage, settings),
        remaining=remaining,
    )


def _read_folder(
    settings: Settings, root: Path | None, seeds: Sequence[tuple[Task, str]], pieces: Mapping[str, Sequence[Piece]]
) -> _Pilot:
    if root is None or not (root / "ledger.sqlite").exists():
        return _Pilot((), (), (), 0, 1.0)
    folder = DatasetFolder(root)
    jobs, tasks = read_pilot(read_entries(folder.ledger), settings, seeds, pieces)
    return _Pilot(jobs, read_usage(folder.ledger), tasks, *_kept(folder))


def _kept(folder: DatasetFolder) -> tuple[int, float]:
    """Kept grown rows, and their share of all grown rows: what curation drops is grown again."""
    grown = {sample.row for sample in folder.iter_samples() if sample.origin == "generated"}
    if not grown or not folder.verdicts.exists():
        return len(grown), 1.0
    verdicts = [verdict for verdict in folder.read_verdicts() if verdict.row in grown]
    kept = sum(verdict.kept for verdict in verdicts)
    # Rows beyond the target are not lost: a higher one keeps them. Nor are those that a redaction stands for.
    over_target = sum(verdict.reason == "over_target" for verdict in verdicts)
    replaced = sum(verdict.reason == "redacted" for verdict in verdicts)
    return kept, max(kept + over_target, 1) / (len(grown) - replaced)


def _rates(settings: Settings, recipe: RecipeName, jobs: Sequence[PilotJob], bound: str) -> Rates:
    """What the recipe's jobs took and gave so far; what is not there yet is expected."""
    own = [job for job in jobs if job.recipe == recipe]
    read = [job for job in own if job.candidates]
    expected = _expected_requests(settings, recipe, bound)
    requests = [job.requests if job.finished else max(job.requests, expected) for job in own]
    return Rates(
        weight=settings.growth.recipes[recipe],
        requests=sum(requests) / len(own) if own else expected,
        candidates=sum(job.candidates for job in read) / len(read)
        if read
        else RECIPES[recipe].expected_rows(settings.growth),
        admitted=measure_admission(read, measure_admission(jobs, _ADMISSION["low"])) * _passing(settings, own, bound),
    )


def _passing(settings: Settings, jobs: Sequence[PilotJob], bound: str) -> float:
    """The share of the candidates that pass their checks in the end, where no verdict is there yet."""
    if not settings.checks.enabled or _keyed(settings) or any(job.finished for job in jobs):
        return 1.0
    failing = 1 - _PASSING[bound]
    return 1 - failing * failing if settings.checks.repair else 1 - failing


def _keyed(settings: Settings) -> bool:
    """Whether answers bring their keys along, so that checking them takes no request."""
    return settings.teacher.provider == "embedded" and not Faults.parse(settings.teacher.faults).unkeyed


def _expected_requests(settings: Settings, recipe: str, bound: str) -> float:
    known, growth = RECIPES[recipe], settings.growth
    own = known.requests(growth)
    return own if _keyed(settings) else own + known.check_requests(settings.checks, growth, passing=_PASSING[bound])


def _unfinished(settings: Settings, jobs: Sequence[PilotJob], bound: str) -> dict[str, list[tuple[int, float]]]:
    """By recipe, the requests that jobs took so far and those that they will have taken."""
    begun: dict[str, list[tuple[int, float]]] = {}
    for job in jobs:
        if not job.finished:
            expected = max(job.requests, _expected_requests(settings, job.recipe, bound))
            begun.setdefault(job.recipe, []).append((job.requests, expected))
    return begun


def _measured_latency(root: Path | None) -> float | None:
    """Mean seconds from a request to its reply in the folder's ledger; None where it holds none."""
    latencies = read_latencies(root / "ledger.sqlite") if root is not None else {}
    seconds = [second for at_one in latencies.values() for second in at_one]
    return sum(seconds) / len(seconds) if seconds else None


def _figures(
    settings: Settings, bound: str, count: RequestCount, price: Price | None, latency: float | None
) -> Figures:
    requests, prompt, completion = math.ceil(round(count.requests, 6)), round(count.prompt), round(count.completion)
    batch = settings.teacher.send == "batch"
    cost = None if price is None else in_currency(price.cost(prompt, completion, batch=batch))
    seconds = _seconds(settings, bound, requests, prompt, completion, latency)
    return Figures(requests, prompt, completion, cost, seconds)


def _seconds(
    settings: Settings, bound: str, requests: int, prompt: int, completion: int, latency: float | None
) -> float:
    """Time for requests in flight together, no faster than the settings' limits a minute."""
    teacher = settings.teacher
    if teacher.provider == "embedded" and latency is None:
        return requests * _EMBEDDED_SECONDS[bound]
    if teacher.send == "batch":
        batches = math.ceil(requests / settings.growth.window)
        return batches * (_BATCH_SECONDS[bound] if latency is None else latency)
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
