"""What a million tokens cost: a small dated table of list prices, and the settings that override it.

List prices change, differ by region and have tiers (long prompts, thinking, cached prompts): the table holds the standard
price of short prompts without cache discount, in USD, as published on the day that stands beside it. A cost computed from it
is an estimate; the bill is the provider's. Resellers and other currencies have other prices: state yours in the settings.

    budget:
      currency: CNY
      prices: {my-model: {input: 2, output: 8}}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from builder.config import Budget, Teacher
from builder.errors import UsageError
from builder.language.messages import worded

# Money is counted in whole millionths of a millionth of the currency: sums are exact, in whatever order replies arrive.
PICO = 10**12
_LISTED_CURRENCY = "USD"
# OpenAI's Batch API, and those modelled on it, take half the price.
_BATCH_DIVISOR = 2
# A listed name also stands for its dated snapshots: gpt-4o-2024-08-06, qwen-plus-2025-07-14, glm-4-0520, …-latest.
_SNAPSHOT = re.compile(r"-(?:latest|\d{4}|\d{6}|\d{8}|\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model.

    Attributes:
        input: of one prompt token, in millionths of a millionth of the currency.
        output: of one reply token, in the same unit.
        noted: the day the price was noted, such as `2025-12-09`; empty for prices from the settings.
        source: where it is from.
    """

    input: int
    output: int
    noted: str = ""
    source: str = "budget.prices"

    def cost(self, prompt_tokens: int, completion_tokens: int, *, batch: bool = False) -> int:
        """What so many tokens cost, in millionths of a millionth of the currency; half of it, rounded up, for a batch."""
        full = prompt_tokens * self.input + completion_tokens * self.output
        return -(-full // _BATCH_DIVISOR) if batch else full


def _listed(input: float, output: float, noted: str, source: str) -> Price:
    return Price(_per_token(input), _per_token(output), noted, source)


def _per_token(per_million: float) -> int:
    return int((Decimal(str(per_million)) * (PICO // 10**6)).to_integral_value(ROUND_CEILING))


# USD for a million prompt and reply tokens.
LISTED: Mapping[str, Price] = {
    "gpt-4o": _listed(2.5, 10, "2025-12-01", "OpenAI's list price"),
    "gpt-4o-mini": _listed(0.15, 0.6, "2025-12-01", "OpenAI's list price"),
    "gpt-4.1": _listed(2, 8, "2025-12-01", "OpenAI's list price"),
    "gpt-4.1-mini": _listed(0.4, 1.6, "2025-12-01", "OpenAI's list price"),
    "gpt-4.1-nano": _listed(0.1, 0.4, "2025-12-01", "OpenAI's list price"),
    "gpt-5": _listed(1.25, 10, "2025-12-01", "OpenAI's list price"),
    "gpt-5-mini": _listed(0.25, 2, "2025-12-01", "OpenAI's list price"),
    "gpt-5-nano": _listed(0.05, 0.4, "2025-12-01", "OpenAI's list price"),
    "deepseek-chat": _listed(0.28, 0.42, "2025-12-09", "DeepSeek's list price, cache missed"),
    "deepseek-reasoner": _listed(0.28, 0.42, "2025-12-09", "DeepSeek's list price, cache missed"),
    "qwen-plus": _listed(0.4, 1.2, "2025-12-01", "Model Studio, Singapore, without thinking, prompts up to 256 K"),
    "qwen-max": _listed(1.6, 6.4, "2025-12-01", "Model Studio, Singapore"),
    "qwen-turbo": _listed(0.05, 0.2, "2025-12-01", "Model Studio, Singapore, without thinking"),
    "glm-4.6": _listed(0.6, 2.2, "2025-12-01", "Z.ai's list price"),
    "glm-4.5": _listed(0.6, 2.2, "2025-12-01", "Z.ai's list price"),
    "glm-4.5-air": _listed(0.2, 1.1, "2025-12-01", "Z.ai's list price"),
}

_EMBEDDED = Price(0, 0, source="the embedded teacher is free")


def find_price(model: str, budget: Budget, *, embedded: bool = False) -> Price | None:
    """The price of a model: from `budget.prices`, else nothing for the embedded teacher, else the listed one.

    Args:
        model: as requests name it.
        embedded: it is the embedded teacher's.

    Returns:
        None where the price is not known; listed prices are not known in another currency than USD.
    """
    override = budget.prices.get(model)
    if override is not None:
        return Price(_per_token(override.input), _per_token(override.output))
    if embedded:
        return _EMBEDDED
    if budget.currency != _LISTED_CURRENCY:
        return None
    return next((price for name, price in LISTED.items() if _stands_for(name, model)), None)


def known_prices(teacher: Teacher, budget: Budget) -> dict[str, Price]:
    """The prices of the models that a run uses; those that are not known are left out.

    Raises:
        UsageError: a price is not known and `budget.max_cost` is set: a cap that cannot be counted cannot be kept.
    """
    prices: dict[str, Price] = {}
    for model in models_of(teacher):
        price = find_price(model, budget, embedded=teacher.provider == "embedded")
        if price is not None:
            prices[model] = price
        elif budget.max_cost is not None:
            raise unknown_price(model, budget)
    return prices


def models_of(teacher: Teacher) -> tuple[str, ...]:
    """The models that a run may ask: the endpoints' own, or the teacher's."""
    models = [endpoint.model or teacher.model for endpoint in teacher.endpoints] or [teacher.model]
    return tuple(dict.fromkeys(models))


def unknown_price(model: str, budget: Budget) -> UsageError:
    """The error for a money cap on a model whose price is not known, with the lines that state it."""
    return UsageError(
        worded(
            "budget.max_cost: the price of {model} in {currency} is not known, so the cap could not be kept",
            model=model,
            currency=budget.currency,
        ),
        worded(
            "State it in {currency} for a million tokens (0 for a server of your own):\n  budget:\n    prices: "
            "{{{model}: {{input: 0.5, output: 1.5}}}}",
            currency=budget.currency,
            model=model,
        ),
    )


def in_currency(amount: int) -> float:
    """An amount of money in the currency's unit."""
    return amount / PICO


def _stands_for(name: str, model: str) -> bool:
    return model == name or (model.startswith(name) and _SNAPSHOT.fullmatch(model, len(name)) is not None)
