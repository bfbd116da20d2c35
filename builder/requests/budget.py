"""The budget: what a request may cost is reserved before it is sent, so that concurrent requests never exceed a cap."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from builder.config import Budget as BudgetSettings
from builder.config import Settings
from builder.errors import BudgetReachedError
from builder.language.messages import worded
from builder.progress import Spent
from builder.requests.ledger import Ledger
from builder.requests.prices import PICO, Price, in_currency, known_prices, models_of, unknown_price
from builder.requests.spending import Spending, Usage, read_usage


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that one attempt can use; of a reply that is there, what it did use.

    Attributes:
        prompt_tokens: the prompt's UTF-8 bytes and its marks are certain: a byte-level tokenizer makes no more tokens.
        completion_tokens: the `max_tokens` that the request states.
        model: whose price it has; None is the dearest of the run.
    """

    prompt_tokens: int
    completion_tokens: int
    model: str | None = None

    @property
    def tokens(self) -> int:
        """Prompt and reply together."""
        return self.prompt_tokens + self.completion_tokens


class Budget:
    """Counts requests, tokens and money against their caps.

    An attempt holds its ceiling from `reserve` to `settle`; what is settled and what is held never exceed a cap together,
    as long as the endpoint keeps to the `max_tokens` it was sent. Wherever a ceiling is expected, a plain number of tokens
    is taken too: it counts as reply tokens.

    Args:
        settings: the caps; None is no cap.
        spent: what the ledger holds already, unknown replies at their reserved ceiling.
        prices: by model; needed with a money cap (see `builder.requests.prices.known_prices`), else money is not counted.
        usage: what the ledger's requests used (see `Ledger`, `read_usage`); needed with prices.
        batch: requests are sent in batches, at half the price.

    Raises:
        UsageError: a money cap, and the price of a model is not known.
        ValueError: prices, and `usage` does not add up to `spent`.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        spent: Spending,
        *,
        prices: Mapping[str, Price] | None = None,
        usage: Iterable[Usage] = (),
        batch: bool = False,
    ) -> None:
        self._settings = settings
        self._prices = dict(prices or {})
        self._batch = batch
        self._requests = spent.requests
        self._tokens = spent.tokens
        self._reserved_tokens = 0
        self._cost = 0
        self._reserved_cost = 0
        self._max_cost = _to_pico(settings.max_cost)
        if self._max_cost is not None and not self._prices:
            raise unknown_price("the teacher's model", settings)
        if self._prices:
            self._count_spent(spent, list(usage))

    def _count_spent(self, spent: Spending, usage: list[Usage]) -> None:
        if sum(one.tokens for one in usage) != spent.tokens:
            raise ValueError("the ledger's usage does not add up to its spending")
        for one in usage:
            # An endpoint that is no longer in the settings counts like the dearest that is.
            known = self._prices.get(one.model)
            self._cost += max(usage_cost(one, p) for p in ([known] if known else self._prices.values()))

    @property
    def requests(self) -> int:
        """Requests sent so far, by this run and before."""
        return self._requests

    @property
    def tokens(self) -> int:
        """Tokens used so far, unknown replies at their ceiling; what is in flight is not in it."""
        return self._tokens

    @property
    def cost(self) -> float:
        """Money spent so far, in `budget.currency`; counted only where prices are known."""
        return in_currency(self._cost)

    def spent(self) -> tuple[Spent, ...]:
        """Requests and tokens, and money where it has a cap or prices are known, each with what is reserved and its cap."""
        caps = self._settings
        counts = Spent("requests", self._requests, cap=caps.max_requests)
        tokens = Spent("tokens", self._tokens, self._reserved_tokens, caps.max_tokens)
        costs = any(price.cost(1, 0) or price.cost(0, 1) for price in self._prices.values())
        if caps.max_cost is None and not costs:
            return counts, tokens
        return counts, tokens, Spent(caps.currency, self.cost, in_currency(self._reserved_cost), caps.max_cost)

    def fits(self, ceiling: Ceiling | int, *, new_request: bool) -> bool:
        """Whether an attempt may be sent beside all that hold a reservation.

        Args:
            new_request: it is a request's first attempt.
        """
        return self._stopped_by(_as_ceiling(ceiling), new_request) is None

    def reserve(self, ceiling: Ceiling | int, *, new_request: bool) -> None:
        """Reserve the ceiling of one attempt.

        Raises:
            BudgetReachedError: it could exceed a cap.
        """
        most = _as_ceiling(ceiling)
        stopped = self._stopped_by(most, new_request)
        if stopped is not None:
            raise _reached(stopped)
        self._reserved_tokens += most.tokens
        self._reserved_cost += self._price(most)
        self._requests += new_request

    def settle(self, reserved: Ceiling | int, used: Ceiling | int) -> None:
        """Replace a reservation by what was used.

        Args:
            used: nothing for an attempt that failed before it was served; the reservation itself for a lost reply.
        """
        held, spent = _as_ceiling(reserved), _as_ceiling(used)
        self._reserved_tokens -= held.tokens
        self._reserved_cost -= self._price(held)
        self._tokens += spent.tokens
        self._cost += self._price(spent)

    def reached(self, ceiling: Ceiling | int, *, new_request: bool = True) -> BudgetReachedError:
        """The error that says which cap stands in the way of an attempt."""
        return _reached(self._stopped_by(_as_ceiling(ceiling), new_request) or "the cap leaves no room")

    def _stopped_by(self, most: Ceiling, new_request: bool) -> str | None:
        """Which cap an attempt could exceed, in words; None where it fits all of them."""
        requests, tokens = self._settings.max_requests, self._settings.max_tokens
        if new_request and requests is not None and self._requests >= requests:
            return worded(
                "{requests} requests of {requests_2} (budget.max_requests) are sent",
                requests=self._requests,
                requests_2=requests,
            )
        if tokens is not None and self._tokens + self._reserved_tokens + most.tokens > tokens:
            return worded(
                "the next request may use {tokens} tokens; {tokens_2} of {tokens_3} (budget.max_tokens) are used",
                tokens=most.tokens,
                tokens_2=self._tokens,
                tokens_3=tokens,
            )
        cost = self._price(most)
        if self._max_cost is not None and self._cost + self._reserved_cost + cost > self._max_cost:
            return worded(
                "the next request may cost {in_currency:.6f} {currency}; {cost:.6f} of {max_cost:g} "
                "(budget.max_cost) are spent",
                in_currency=in_currency(cost),
                currency=self._settings.currency,
                cost=self.cost,
                max_cost=self._settings.max_cost,
            )
        return None

    def _price(self, ceiling: Ceiling) -> int:
        known = self._prices.get(ceiling.model or "")
        prices = [known] if known is not None else list(self._prices.values())
        costs = [p.cost(ceiling.prompt_tokens, ceiling.completion_tokens, batch=self._batch) for p in prices]
        return max(costs, default=0)


def open_budget(settings: Settings, ledger: Ledger) -> Budget:
    """The budget of a run that goes on from a ledger.

    Raises:
        UsageError: a money cap, and the price of a model is not known.
    """
    prices = known_prices(settings.teacher, settings.budget)
    if len(prices) < len(models_of(settings.teacher)):
        prices = {}  # a part of what is spent would read like all of it
    usage = read_usage(ledger.path) if prices else ()
    batch = settings.teacher.send == "batch"
    return Budget(settings.budget, ledger.spending(), prices=prices, usage=usage, batch=batch)


def usage_cost(usage: Usage, price: Price) -> int:
    """What one request cost, lost replies at their ceiling, in millionths of a millionth of the currency."""
    return price.cost(
        usage.prompt_tokens + usage.unknown_prompt_tokens,
        usage.completion_tokens + usage.unknown_completion_tokens,
        batch=usage.batch,
    )


def _as_ceiling(ceiling: Ceiling | int) -> Ceiling:
    return ceiling if isinstance(ceiling, Ceiling) else Ceiling(0, ceiling)


def _to_pico(amount: float | None) -> int | None:
    return None if amount is None else int((Decimal(str(amount)) * PICO).to_integral_value(ROUND_FLOOR))


def _reached(what: str) -> BudgetReachedError:
    return BudgetReachedError(
        worded("Budget reached: {what}.", what=what),
        worded("All that was bought is kept. Raise the cap and run the same command to go on."),
    )
