"""Sending requests about rows that are there: as many at once as the endpoint takes, and what is refused row by row."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from builder.config import Settings
from builder.pipeline.marking import JUDGE, new_batch
from builder.requests.budget import Budget, Ceiling
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.retrying import RequestRefusedError
from builder.requests.sender import Sender
from builder.schema import Sample
from builder.teachers import TEACHERS

_INTERRUPT_SECONDS = 10.0  # how long Ctrl-C waits for replies that are on their way
# An endpoint that refuses so many requests and has taken none is set up wrongly; a filter refuses some.
_REFUSALS = 10


class Batch(Protocol):
    """Rows that one request is about."""

    @property
    def samples(self) -> tuple[Sample, ...]: ...

    @property
    def request(self) -> Request: ...

    def context(self) -> Mapping[str, object]:
        """What the ledger keeps of it."""


class Asking:
    """One run's requests to a judge, or whoever else is asked about rows.

    Attributes:
        refused: the hashes of conversations that the endpoint does not take, each sent by itself.

    Args:
        settings: of the dataset; its teacher is the judge.
        ledger: open.
        budget: opened from it.
        groups: rows to ask about, those of one request together.
        first_job: the number of the next job.
        build: the request of a job about some rows, from its number.
        recipe: what the ledger calls it.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        budget: Budget,
        groups: Iterator[Sequence[Sample]],
        first_job: int,
        *,
        build: Callable[[int, Sequence[Sample], Settings], Batch] = new_batch,
        recipe: str = JUDGE,
    ) -> None:
        self._build_batch, self._recipe = build, recipe
        self.refused: set[str] = set()
        self._settings = settings
        self._ledger = ledger
        self._budget = budget
        self._groups = groups
        self._next_job = first_job
        self._waiting: deque[Batch] = deque()
        self._under_way: dict[asyncio.Task[Received], Batch] = {}
        self._refusals: list[RequestRefusedError] = []
        self._taken = False

    async def ask(self, environ: Mapping[str, str], warn: Callable[[str], None], show: Callable[[int], None]) -> None:
        """Send everything; afterwards the replies are in the ledger.

        Args:
            environ: where keys are.
            warn: told in one line when an endpoint is out.
            show: told how many more rows are done.

        Raises:
            BudgetReachedError: the next request could exceed a cap.
            EndpointError: the endpoint cannot be used.
        """
        teacher = self._settings.teacher
        async with TEACHERS[teacher.provider](teacher, environ) as client:
            rng = random.Random(self._settings.seed)
            sender = Sender(client, self._ledger, self._budget, teacher, random=rng, now=time.time, warn=warn)
            try:
                while self._launch(sender):
                    # Requests that back off leave room for new ones: wait for room too, where that is what is missing.
                    room = set() if sender.free else {asyncio.ensure_future(sender.room())}
                    done, _ = await asyncio.wait({*self._under_way, *room}, return_when=asyncio.FIRST_COMPLETED)
                    for waiting in room:
                        waiting.cancel()
                    for ended in [task for task in self._under_way if task in done]:
                        show(self._collect(ended))
            finally:
                # Also on Ctrl-C, which cancels this coroutine: what is on its way is paid for.
                sender.close()
                if self._under_way:
                    await asyncio.wait(self._under_way, timeout=_INTERRUPT_SECONDS)
                for task in self._under_way:
                    task.cancel()
                await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._refusals and not self._taken:
            raise self._refusals[-1]

    def _launch(self, sender: Sender) -> bool:
        """Start what there is room for; returns whether there is anything to wait for."""
        while sender.free > 0:
            batch = self._next()
            if batch is None:
                return bool(self._under_way)
            request = batch.request
            ceiling = Ceiling(request.prompt_ceiling, request.completion_ceiling)
            if not self._budget.fits(ceiling, new_request=True):
                self._waiting.appendleft(batch)
                if not self._under_way:
                    raise self._budget.reached(ceiling)
                return True  # what is in flight may use less than its reservation
            self._ledger.add_job(request.job, self._recipe, batch.context())
            self._under_way[asyncio.ensure_future(sender.send(request, first=True))] = batch
        return True

    def _next(self) -> Batch | None:
        if self._waiting:
            return self._waiting.popleft()
        group = next(self._groups, None)
        return None if group is None else self._build(group)

    def _build(self, samples: Sequence[Sample]) -> Batch:
        self._next_job += 1
        return self._build_batch(self._next_job - 1, samples, self._settings)

    def _collect(self, task: "asyncio.Task[Received]") -> int:
        """Take a request that ended; returns how many rows are done with it."""
        batch = self._under_way.pop(task)
        try:
            task.result()
        except RequestRefusedError as error:
            return self._split(batch, error)
        self._taken = True
        return len(batch.samples)

    def _split(self, batch: Batch, error: RequestRefusedError) -> int:
        """Ask about each row of a refused request by itself: filters refuse a request for one of its texts."""
        self._refusals.append(error)
        if not self._taken and len(self._refusals) >= _REFUSALS:
            raise error
        if len(batch.samples) == 1:
            self.refused.add(batch.samples[0].id)
            return 1
        self._waiting.extend(self._build([sample]) for sample in batch.samples)
        return 0
