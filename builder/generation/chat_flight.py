"""Sending requests one by one: as many at once as the endpoint takes, each job's next as soon as its last was answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from builder.generation.jobs import Jobs, Running
from builder.progress import Traffic
from builder.recipes.recipe import Reading
from builder.requests.budget import Budget, Ceiling
from builder.requests.ledger import Received, Request
from builder.requests.retrying import PromptRefusedError
from builder.requests.sender import Sender


class ChatFlight:
    """See `builder.generation.flight.Flight`.

    Args:
        jobs: where they come from and go back to.
        sender: open.
        budget: the sender's.
    """

    def __init__(self, jobs: Jobs, sender: Sender, budget: Budget) -> None:
        self._jobs = jobs
        self._sender = sender
        self._budget = budget
        self._under_way: dict[asyncio.Task[Reading], Running] = {}

    @property
    def traffic(self) -> Traffic:
        """Requests under way at all endpoints together."""
        sender = self._sender
        return Traffic(sender.in_flight, sender.limit, sender.retrying, sender.out)

    async def advance(self, wanted: Callable[[], bool], stopped: asyncio.Future[Any]) -> None:
        """Launch jobs and wait until one is read; see `Flight`."""
        held = self._launch(wanted)
        # Requests that back off leave room for new ones: wait for room too, but only where that is what is missing.
        room = {asyncio.ensure_future(self._sender.room())} if held else set()
        done, _ = await asyncio.wait({*self._under_way, stopped, *room}, return_when=asyncio.FIRST_COMPLETED)
        for task in room:
            task.cancel()
        if stopped in done:
            raise KeyboardInterrupt
        self._collect()

    async def land(self, seconds: float | None) -> None:
        """Wait for what is on its way: it is paid for. See `Flight`."""
        self._sender.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for task, running in sorted(self._under_way.items(), key=lambda item: item[1].job.number):
            if not task.cancelled() and task.exception() is None:
                self._jobs.finish(running, task.result())
            else:
                self._jobs.put_back(running)
        self._under_way.clear()

    def _launch(self, wanted: Callable[[], bool]) -> bool:
        """Fill the flight, but not with more than is wanted.

        Returns:
            Whether more would be launched if the endpoint let it.
        """
        while self._sender.free > 0:
            running = self._jobs.take(wanted)
            if running is None:
                return False
            request = self._jobs.next_request(running)
            first: Coroutine[Any, Any, Received] | None = None
            if request is not None:
                ceiling = Ceiling(request.prompt_ceiling, request.completion_ceiling)
                if not self._budget.fits(ceiling, new_request=running.is_new(request)):
                    self._jobs.put_back(running, first=True)
                    if not self._under_way:
                        raise self._budget.reached(ceiling)
                    return False  # what is in flight may use less than its reservation
                first = self._send(running, request)
            self._under_way[asyncio.ensure_future(self._run(running, first))] = running
        return True

    def _send(self, running: Running, request: Request) -> Coroutine[Any, Any, Received]:
        return self._sender.send(request, first=running.is_new(request), last=not self._jobs.may_go_on(running))

    async def _run(self, running: Running, first: Coroutine[Any, Any, Received] | None) -> Reading:
        """Send a job's requests one after the other until everything is read."""
        if first is not None:
            running.replies.append(await _answer(first))
        while (request := self._jobs.next_request(running)) is not None:
            running.replies.append(await _answer(self._send(running, request)))
        reading = self._jobs.proceed(running)
        assert isinstance(reading, Reading)
        return reading

    def _collect(self) -> None:
        """Take the jobs that ended, in their order; the first failure is raised after all of them are taken."""
        failure: BaseException | None = None
        ended = [task for task in self._under_way if task.done()]
        for task in sorted(ended, key=lambda task: self._under_way[task].job.number):
            running = self._under_way.pop(task)
            error = task.exception()
            if error is None:
                self._jobs.finish(running, task.result())
            else:
                self._jobs.put_back(running)
                failure = failure or error
        if failure is not None:
            raise failure


async def _answer(sent: Coroutine[Any, Any, Received]) -> Received:
    """The reply, or the refusal of just this prompt: the job ends with it, and the growth goes on."""
    try:
        return await sent
    except PromptRefusedError as error:
        return error.received
