"""The budget: what a request may cost is reserved before it is sent, so that concurrent requests never exceed a cap."""

from builder.config import Budget as BudgetSettings
from builder.errors import BudgetReachedError
from builder.requests.ledger import Spending


class Budget:
    """Counts tokens and requests against their caps.

    Args:
        settings: the caps; None is no cap.
        spent: what the ledger holds already, unknown replies at their reserved ceiling.
    """

    def __init__(self, settings: BudgetSettings, spent: Spending) -> None:
        self._settings = settings
        self._requests = spent.requests
        self._tokens = spent.tokens
        self._reserved = 0

    def fits(self, tokens: int, *, new_request: bool) -> bool:
        """Whether a request of at most `tokens` may be sent beside all that are reserved."""
        if new_request and self._settings.max_requests is not None and self._requests >= self._settings.max_requests:
            return False
        cap = self._settings.max_tokens
        return cap is None or self._tokens + self._reserved + tokens <= cap

    def reserve(self, tokens: int, *, new_request: bool) -> None:
        """Reserve the ceiling of one attempt.

        Raises:
            BudgetReachedError: it could exceed a cap.
        """
        if not self.fits(tokens, new_request=new_request):
            raise self.reached(tokens)
        self._reserved += tokens
        self._requests += new_request

    def settle(self, reserved: int, used: int) -> None:
        """Replace a reservation by what was used; an attempt that failed before it was served used nothing."""
        self._reserved -= reserved
        self._tokens += used

    def reached(self, tokens: int) -> BudgetReachedError:
        """The error that says which cap stands in the way."""
        cap = self._settings.max_tokens
        if cap is not None and self._tokens + self._reserved + tokens > cap:
            what = f"the next request may use {tokens} tokens; {self._tokens} of {cap} (budget.max_tokens) are used"
        else:
            what = f"{self._requests} requests of {self._settings.max_requests} (budget.max_requests) are sent"
        return BudgetReachedError(
            f"Budget reached: {what}.",
            "All that was bought is kept. Raise the cap and run the same command to go on.",
        )
