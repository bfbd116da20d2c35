"""The Self-Instruct loop: demonstrations from the pool → request → ledger → admission → pool, until enough rows are in.

With `ordered`, replies are admitted in request order and request n is built from the pool as it was after reply
n - window, so that equal settings and replies give equal rows whatever the timing. Without it, replies are admitted as they
arrive and the ledger records that order. Either way the rows are a function of the ledger: after a kill they are read again
from there, and only requests without a reply are sent again.
"""

import asyncio
import contextlib
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from builder.config import Settings
from builder.errors import TargetNotReachedError
from builder.generation.admission import Admission, SignalValues
from builder.generation.pool import Pool, needs_of
from builder.progress import Step
from builder.recipes.recipe import Task
from builder.requests.budget import Budget
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.sender import Sender
from builder.schema import Rejection, Sample

_INTERRUPT_SECONDS = 10.0  # how long Ctrl-C waits for replies that are on their way

OpenSender = Callable[[], AbstractAsyncContextManager[Sender]]
_Flight = dict[asyncio.Task[Received], int]


@dataclass(slots=True)
class Grown:
    """Everything admitted so far, in row order, and what was not.

    Attributes:
        candidates: read from replies; counted before any of them is judged.
    """

    samples: list[Sample] = field(default_factory=list)
    signals: list[SignalValues] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    seed_rows: int = 0
    candidates: int = 0

    @property
    def rows(self) -> int:
        """Grown rows; the seeds' own rows are not counted."""
        return len(self.samples) - self.seed_rows


class Growth:
    """One dataset's growth. Calling `grow` again with a higher goal goes on where the last call stopped.

    Args:
        settings: of the dataset.
        ledger: open; what it holds is read before anything is sent.
        pool: holds the seeds.
        admission: holds the seeds.
        budget: knows what the ledger holds.
        open_sender: makes the sender, inside the event loop.
        seed_rows: the seeds' rows and signals.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        pool: Pool,
        admission: Admission,
        budget: Budget,
        open_sender: OpenSender,
        seed_rows: tuple[list[Sample], list[SignalValues]],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._pool = pool
        self._admission = admission
        self._budget = budget
        self._open_sender = open_sender
        self.grown = Grown(list(seed_rows[0]), list(seed_rows[1]), seed_rows=len(seed_rows[0]))
        self._recent: deque[tuple[int, int]] = deque(maxlen=settings.growth.saturation_window)
        self._read = 0
        entries = ledger.entries()
        self._requests: list[Request] = [entry.request for entry in entries]
        # A request whose replies were all unusable is given up only when its attempts are used up.
        self._replies: dict[int, Received] = {
            entry.request.number: entry.received
            for entry in entries
            if entry.received and (entry.received.usable or entry.attempts >= settings.teacher.max_attempts)
        }
        self._resend = deque(n for n in range(len(self._requests)) if n not in self._replies)
        last = len(entries)
        order = {e.request.number: last if e.read_order is None else e.read_order for e in entries}
        self._arrived = deque(sorted(self._replies, key=lambda number: (order[number], number)))

    def grow(self, goal: int, step: Step) -> None:
        """Read what the ledger holds, then send requests, until at least `goal` grown rows are admitted.

        Args:
            goal: grown rows; the reply that reaches it is admitted whole.
            step: shows the target less what is still missing.

        Raises:
            TargetNotReachedError: saturation.
            BudgetReachedError: the next request could exceed a cap.
            EndpointError: the endpoint cannot be used.
            KeyboardInterrupt: asked to stop; what was in flight is in the ledger.
        """
        self._read_arrived(goal, step)
        if self.grown.rows < goal:
            asyncio.run(self._send_until(goal, step))

    async def _send_until(self, goal: int, step: Step) -> None:
        flight: _Flight = {}
        stop = asyncio.Event()
        async with self._open_sender() as sender:
            with _first_interrupt_sets(stop):
                stopped = asyncio.ensure_future(stop.wait())
                try:
                    await self._fly(goal, sender, flight, stopped, step)
                finally:
                    sender.close()
                    # Replies on their way are paid for: they wait in the ledger for the next run or a higher goal.
                    await self._drain(flight, _INTERRUPT_SECONDS if stop.is_set() else None)
                    stopped.cancel()
                    await asyncio.gather(stopped, return_exceptions=True)

    async def _fly(self, goal: int, sender: Sender, flight: _Flight, stopped: asyncio.Future[Any], step: Step) -> None:
        while self.grown.rows < goal:
            self._launch(goal, sender, flight)
            done, _ = await asyncio.wait({*flight, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stopped in done:
                raise KeyboardInterrupt
            self._collect(flight)
            self._read_arrived(goal, step)
            retrying = f", {sender.retrying} backing off" if sender.retrying else ""
            self._show(goal, step, f"{len(self.grown.rejections)} rejected, {len(flight)} in flight{retrying}")

    def _show(self, goal: int, step: Step, note: str | None = None) -> None:
        """Never all of the target: whether it is met is for the caller's decision to say."""
        if step.total is not None:
            step.set(max(0, step.total - max(1, goal - self.grown.rows)), note)

    def _launch(self, goal: int, sender: Sender, flight: _Flight) -> None:
        """Fill the flight, but not with more than the goal is likely to need."""
        while len(flight) < self._settings.teacher.concurrency:
            if self._resend:
                request, first = self._requests[self._resend[0]], False
            elif self._more_wanted(goal, len(flight)) and self._may_build_next():
                request, first = self._pool.build(len(self._requests)), True
            else:
                return
            if not self._budget.fits(request.reserved_tokens, new_request=first):
                if not flight:
                    raise self._budget.reached(request.reserved_tokens)
                return  # what is in flight may use less than its reservation
            if first:
                self._requests.append(request)
            else:
                self._resend.popleft()
            flight[asyncio.ensure_future(sender.send(request, first=first))] = request.number

    def _more_wanted(self, goal: int, in_flight: int) -> bool:
        unread = len(self._replies) - self._read
        candidates, admitted = self._recent_counts()
        rate = max(admitted / candidates, 0.05) if candidates else 1.0
        expected = rate * self._settings.growth.tasks_per_request * self._settings.growth.instances_per_task
        return self.grown.rows + (in_flight + unread) * expected < goal

    def _may_build_next(self) -> bool:
        return not self._settings.ordered or len(self._requests) < self._read + self._settings.growth.window

    def _collect(self, flight: _Flight) -> None:
        """Take the replies that arrived, in request order; the first failure is raised after all of them are taken."""
        failure: BaseException | None = None
        for task in sorted((task for task in flight if task.done()), key=lambda task: flight[task]):
            number = flight.pop(task)
            error = task.exception()
            if error is None:
                self._replies[number] = task.result()
                self._arrived.append(number)
            else:
                failure = failure or error
        if failure is not None:
            raise failure

    async def _drain(self, flight: _Flight, timeout: float | None) -> None:
        if flight:
            await asyncio.wait(flight, timeout=timeout)
        for task in flight:
            task.cancel()
        await asyncio.gather(*flight, return_exceptions=True)
        for task, number in sorted(flight.items(), key=lambda item: item[1]):
            if not task.cancelled() and task.exception() is None:
                self._replies[number] = task.result()
                self._arrived.append(number)
            else:
                self._resend.append(number)
        flight.clear()

    def _read_arrived(self, goal: int, step: Step) -> None:
        while self.grown.rows < goal and (number := self._next_unread()) is not None:
            self._admit(number)
            self._show(goal, step)
            if self.grown.rows < goal:
                self._stop_if_saturated()

    def _next_unread(self) -> int | None:
        if self._settings.ordered:
            return self._read if self._read in self._replies else None
        return self._arrived.popleft() if self._arrived else None

    def _admit(self, number: int) -> None:
        request = self._requests[number]
        admitted = self._admission.admit_reply(request, self._replies[number], needs_of(request))
        self._ledger.mark_read(number, self._read)
        self._read += 1
        self.grown.samples += admitted.samples
        self.grown.signals += admitted.signals
        self.grown.rejections += admitted.rejections
        self.grown.candidates += admitted.candidates
        self._pool.add_reply(admitted.tasks)
        self._recent.append((admitted.candidates, len(admitted.samples)))

    def _recent_counts(self) -> tuple[int, int]:
        return sum(candidates for candidates, _ in self._recent), sum(admitted for _, admitted in self._recent)

    def _stop_if_saturated(self) -> None:
        growth = self._settings.growth
        candidates, admitted = self._recent_counts()
        if len(self._recent) < growth.saturation_window or admitted >= growth.saturation_floor * candidates:
            return
        reasons = Counter(rejection.reason for rejection in self.grown.rejections).most_common(3)
        raise TargetNotReachedError(
            f"Saturated at {self.grown.rows} grown rows: of {candidates} candidates in the last "
            f"{growth.saturation_window} replies {admitted} were admitted, fewer than growth.saturation_floor "
            f"({growth.saturation_floor:.0%}). All rejections: {', '.join(f'{r} {n}' for r, n in reasons)}.",
            "What exists is valid. Add seed tasks of other kinds, ask for other categories, or accept closer tasks with a "
            "higher novelty.threshold.",
        )


@contextlib.contextmanager
def _first_interrupt_sets(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C sets `stop`; the second one interrupts at once. Outside the main thread nothing changes."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    try:
        loop.add_signal_handler(signal.SIGINT, first)
    except (ValueError, RuntimeError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def seed_rows(admission: Admission, seeds: Sequence[tuple[Task, str]]) -> tuple[list[Sample], list[SignalValues]]:
    """Admit the seeds; returns their rows and signals."""
    samples: list[Sample] = []
    signals: list[SignalValues] = []
    for task, source in seeds:
        rows, values = admission.admit_seed(task, source)
        samples += rows
        signals += values
    return samples, signals
