"""What a way of sending is to the growth: it takes jobs, sends their requests and brings them back read."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from builder.progress import Traffic


class Flight(Protocol):
    """Jobs whose requests are on their way."""

    @property
    def traffic(self) -> Traffic:
        """What is on its way, for people to see."""

    async def advance(self, wanted: Callable[[], bool], stopped: asyncio.Future[Any]) -> None:
        """Send what there is room for, and wait until something came of it: jobs that were read are finished.

        Args:
            wanted: whether one more job is, beside those that are not admitted yet.
            stopped: done when the user asks to stop.

        Raises:
            KeyboardInterrupt: the user asked to stop.
            BudgetReachedError: the next request could exceed a cap, and nothing is on its way.
            EndpointError: the endpoint cannot be used.
        """

    async def land(self, seconds: float | None) -> None:
        """Send nothing more; wait for replies on their way, so many seconds at most.

        Jobs that were read are finished, the others go on in the next flight.
        """
