"""What an admitted row cost: the ledger's usage joined with the rows that came of it.

job r000012    1,640 prompt + 512 reply tokens, 0.00055 USD
rows 90 … 95   came of it: each carries a sixth
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from builder.config import Settings
from builder.errors import UsageError
from builder.language.messages import worded
from builder.queries.database import Database
from builder.requests.budget import usage_cost
from builder.requests.prices import PICO, find_price
from builder.requests.spending import Usage, read_latencies, read_recipes, read_usage
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.snapshot import consistent, open_snapshot


@dataclass(slots=True)
class _Sum:
    """What some rows carry of their jobs; exact, so that the lines of a table add up to its total."""

    rows: int = 0
    requests: Fraction = Fraction(0)
    prompt_tokens: Fraction = Fraction(0)
    completion_tokens: Fraction = Fraction(0)
    cost: Fraction | None = Fraction(0)

    def add(self, usage: Usage, cost: int | None, requests: Fraction, share: Fraction) -> None:
        self.requests += share * requests
        self.prompt_tokens += share * (usage.prompt_tokens + usage.unknown_prompt_tokens)
        self.completion_tokens += share * (usage.completion_tokens + usage.unknown_completion_tokens)
        self.cost = None if cost is None or self.cost is None else self.cost + share * cost

    def as_record(self) -> dict[str, Any]:
        cost = None if self.cost is None else float(self.cost / PICO)
        tokens = float(self.prompt_tokens + self.completion_tokens)
        return {
            "rows": self.rows,
            "requests": float(self.requests),
            "prompt_tokens": float(self.prompt_tokens),
            "completion_tokens": float(self.completion_tokens),
            "cost": cost,
            "tokens_per_row": tokens / self.rows if self.rows else None,
            "cost_per_row": cost / self.rows if self.rows and cost is not None else None,
        }


@dataclass(frozen=True, slots=True)
class _Row:
    recipe: str
    category: str
    language: str


@consistent
def costs(root: Path) -> dict[str, Any]:
    """What the admitted rows of a grown folder cost, read without its lock, also while it grows.

    A job's requests are shared equally among the rows admitted from it, failed and repeated attempts included, lost replies
    at their ceiling. What gave no row (yet) stands on a line of its own.

    Returns:
        currency; total, without_rows; and for each of teacher, recipe, category and language its lines, dearest first.
        A line has key, rows, requests, prompt_tokens, completion_tokens, cost, tokens_per_row and cost_per_row; costs are
        None where a model's price is not known. In each table the lines and without_rows add up to total. Beside them
        `latency`: for each endpoint its answers, and their median and p95 in seconds; and `unstated`: how many replies said
        nothing of what they used and count at their ceiling.

    Raises:
        UsageError: nothing was grown there.
    """
    folder = open_snapshot(root)
    if not folder.ledger.exists():
        raise UsageError(worded("{root}: nothing was grown here, so there is no ledger to count", root=root))
    settings = load_settings(folder.settings, environ={})
    usage = read_usage(folder.ledger)
    rows = _rows_by_job(folder, read_recipes(folder.ledger))
    tables: Mapping[str, Callable[[Usage, _Row], str]] = {
        "teacher": lambda one, _: one.model,
        "recipe": lambda one, _: one.recipe,
        "category": lambda _, row: row.category,
        "language": lambda _, row: row.language,
    }
    total, without = _Sum(), _Sum()
    sums: dict[str, dict[str, _Sum]] = {name: {} for name in tables}
    places = Counter((one.job, one.step) for one in usage)
    for one, cost in _priced(usage, settings):
        requests = Fraction(1, places[one.job, one.step])  # a request that went to several endpoints is still one
        total.add(one, cost, requests, Fraction(1))
        came = rows.get(one.job, [])
        if not came:
            without.add(one, cost, requests, Fraction(1))
        for row in came:
            for name, key in tables.items():
                sums[name].setdefault(key(one, row), _Sum()).add(one, cost, requests, Fraction(1, len(came)))
    answered = {one.job: one for one in usage if one.usable}
    for job, came in rows.items():
        total.rows += len(came)
        for row in came:
            # A job of the recipe `procedural` asks nobody and costs nothing.
            of = {
                "teacher": answered[job].model if job in answered else "-",
                "recipe": row.recipe,
                "category": row.category,
                "language": row.language,
            }
            for name, line in of.items():
                sums[name].setdefault(line, _Sum()).rows += 1
    return {
        "folder": str(root),
        "currency": settings.budget.currency,
        "unstated": sum(one.unstated for one in usage),
        "total": total.as_record(),
        "without_rows": without.as_record(),
        **{name: _lines(table) for name, table in sums.items()},
        "latency": [
            {
                "key": endpoint,
                "answers": len(seconds),
                "median": _percentile(seconds, 50),
                "p95": _percentile(seconds, 95),
            }
            for endpoint, seconds in read_latencies(folder.ledger).items()
        ],
    }


def _priced(usage: Iterable[Usage], settings: Settings) -> Iterable[tuple[Usage, int | None]]:
    embedded = settings.teacher.provider == "embedded"
    for one in usage:
        price = find_price(one.model, settings.budget, embedded=embedded)
        yield one, None if price is None else usage_cost(one, price)


def cost_of(ledger: Path, settings: Settings) -> float | None:
    """What a ledger's requests cost, in `budget.currency`, lost replies at their ceiling; None where a price is not known."""
    costs = [cost for _, cost in _priced(read_usage(ledger), settings)]
    return None if None in costs else float(Fraction(sum(cost or 0 for cost in costs)) / PICO)


_GROWN = """
    SELECT request_id, task_id, category, language FROM samples
    WHERE origin = 'generated' AND redaction_of IS NULL ORDER BY row
"""


def _rows_by_job(folder: DatasetFolder, recipes: Mapping[str, str]) -> dict[str, list[_Row]]:
    """Category and language of the rows that each job gave."""
    with Database(folder) as database:
        grown = database.ask(_GROWN, reads=["samples"])
    rows: dict[str, list[_Row]] = {}
    for record in grown.iter_rows(named=True):
        job = job_of(record)
        rows.setdefault(job, []).append(_Row(recipes.get(job, "-"), record["category"] or "-", record["language"]))
    return rows


def job_of(record: Mapping[str, Any]) -> str:
    """The job that a grown row came of, such as `r000012`, from its `request_id` or, where it needed none, its `task_id`."""
    request: str | None = record["request_id"]
    return request.partition(".")[0] if request else str(record["task_id"]).partition("-")[0]


def _lines(table: Mapping[str, _Sum]) -> list[dict[str, Any]]:
    ranked = sorted(table.items(), key=lambda item: (-(item[1].cost or 0), -item[1].prompt_tokens, item[0]))
    return [{"key": key, **line.as_record()} for key, line in ranked]


def _percentile(ascending: Sequence[float], percent: int) -> float:
    """The smallest of the values that at least so many percent do not exceed (nearest rank)."""
    return ascending[math.ceil(percent * len(ascending) / 100) - 1]
