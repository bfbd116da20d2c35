"""Sending requests as batches: a window of jobs, each with its next request, goes out together and comes back together."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from builder.errors import BudgetReachedError
from builder.generation.jobs import Jobs, Running
from builder.progress import Traffic
from builder.recipes.recipe import Reading
from builder.requests.batch_sender import GOES_ON, BatchSender, describe
from builder.requests.ledger import Received

_Result = TypeVar("_Result")


class BatchFlight:
    """See `builder.generation.flight.Flight`.

    Args:
        jobs: where they come from and go back to.
        sender: of batches.
        window: most jobs in one batch.
    """

    def __init__(self, jobs: Jobs, sender: BatchSender, window: int) -> None:
        self._jobs = jobs
        self._sender = sender
        self._window = window
        self._aboard: dict[str, Running] = {}

    @property
    def traffic(self) -> Traffic:
        """The batch under way."""
        sent, seen = self._sender.sent, self._sender.seen
        id = sent.id if sent is not None else None
        return Traffic(len(self._aboard), batch=id or "", batch_state=seen.status, batch_done=seen.done)

    async def advance(self, wanted: Callable[[], bool], stopped: asyncio.Future[Any]) -> None:
        """Send a batch, or look at the one under way. See `Flight`."""
        if not self._aboard:
            self._board(wanted)
            if self._aboard:
                await self._unless(stopped, self._sender.submit())
        elif (replies := await self._unless(stopped, self._sender.poll())) is not None:
            self._disembark(replies)

    async def land(self, seconds: float | None) -> None:
        """Wait for nothing: a batch goes on at the endpoint, and the next run collects it. See `Flight`."""

    def _board(self, wanted: Callable[[], bool]) -> None:
        """Fill a batch, but not with more than is wanted; jobs that need no reply are read on the way."""
        read = False
        while len(self._aboard) < self._window:
            running = self._jobs.take(wanted)
            if running is None:
                return
            request = self._jobs.next_request(running)
            if request is None:
                self._go_on(running)
                read = True
                continue
            try:
                added = self._sender.add(request, first=running.is_new(request))
            except BudgetReachedError:
                self._jobs.put_back(running, first=True)
                if read:
                    return
                raise
            if not added:
                self._jobs.put_back(running, first=True)
                return
            self._aboard[request.id] = running

    def _disembark(self, replies: Mapping[str, Received]) -> None:
        aboard, self._aboard = self._aboard, {}
        for request, running in aboard.items():
            if request in replies:
                running.replies.append(replies[request])
            self._go_on(running)

    def _go_on(self, running: Running) -> None:
        action = self._jobs.proceed(running)
        if isinstance(action, Reading):
            self._jobs.finish(running, action)
        else:
            self._jobs.put_back(running)

    async def _unless(self, stopped: asyncio.Future[Any], doing: Coroutine[Any, Any, _Result]) -> _Result:
        """The result of a coroutine, unless the user asks to stop."""
        task = asyncio.ensure_future(doing)
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            sent = self._sender.sent
            raise KeyboardInterrupt(*([] if sent is None else [f"{describe(sent)} {GOES_ON}"]))
        return task.result()
