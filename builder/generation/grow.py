"""The Self-Instruct loop: pool → job → requests → ledger → admission → pool, until enough rows are in.

With `ordered`, jobs are admitted in their order and job n is built from the pool as it was after job n - window, so that
equal settings and replies give equal rows whatever the timing. Without it, jobs are admitted as their last replies arrive
and the ledger records that order. Either way the rows are a function of the ledger: after a kill they are read again from
there, and only requests without a reply are sent again.
"""

import asyncio
import contextlib
import signal
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from builder.config import Settings
from builder.errors import TargetNotReachedError
from builder.generation.admission import Admission, SignalValues
from builder.generation.checking import CheckTally, checked
from builder.generation.pool import Pool, to_request
from builder.progress import Step
from builder.recipes import RECIPES
from builder.recipes.recipe import Ask, Job, Reading, Task, Unreadable
from builder.requests.budget import Budget, Ceiling
from builder.requests.ledger import Entry, Ledger, Received, Request
from builder.requests.sender import Completion, Sender, read_completion
from builder.schema import Rejection, Sample

_INTERRUPT_SECONDS = 10.0  # how long Ctrl-C waits for replies that are on their way

OpenSender = Callable[[], AbstractAsyncContextManager[Sender]]


@dataclass(slots=True)
class Grown:
    """Everything admitted so far, in row order, and what was not.

    Attributes:
        candidates: read from replies; counted before any of them is judged.
        checks: what the checks before admission came to.
    """

    samples: list[Sample] = field(default_factory=list)
    signals: list[SignalValues] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    seed_rows: int = 0
    candidates: int = 0
    checks: CheckTally = field(default_factory=CheckTally)

    @property
    def rows(self) -> int:
        """Grown rows; the seeds' own rows are not counted."""
        return len(self.samples) - self.seed_rows


@dataclass(slots=True)
class _Running:
    """A job that was not read yet, with its replies so far, and how many of its requests are in the ledger."""

    job: Job
    replies: list[Received] = field(default_factory=list)
    known_steps: int = 0

    def is_new(self, request: Request) -> bool:
        return request.step >= self.known_steps


_Flight = dict["asyncio.Task[Reading]", _Running]


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
        self._recipes = {name: checked(recipe, settings.checks) for name, recipe in RECIPES.items()}
        self._ledger = ledger
        self._pool = pool
        self._admission = admission
        self._budget = budget
        self._open_sender = open_sender
        self.grown = Grown(list(seed_rows[0]), list(seed_rows[1]), seed_rows=len(seed_rows[0]))
        self._recent: deque[tuple[int, int]] = deque(maxlen=settings.growth.saturation_window)
        self._read = 0
        entries = ledger.entries()
        self._entries = {entry.number: entry for entry in entries}
        self._next_job = len(entries)
        last = len(entries)
        order = {e.number: last if e.read_order is None else e.read_order for e in entries}
        # Jobs that may be read: with `ordered` by number, else as they were read before, then as they arrive.
        self._arrived = deque(sorted(self._entries, key=lambda number: (order[number], number)))
        self._unfinished: deque[_Running] = deque()
        self._finished: dict[int, tuple[_Running, Reading]] = {}

    def grow(self, goal: int, step: Step) -> None:
        """Read what the ledger holds, then send requests, until at least `goal` grown rows are admitted.

        Args:
            goal: grown rows; the job that reaches it is admitted whole.
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
            held = self._launch(goal, sender, flight)
            # Requests that back off leave room for new ones: wait for room too, but only where that is what is missing.
            room = {asyncio.ensure_future(sender.room())} if held else set()
            done, _ = await asyncio.wait({*flight, stopped, *room}, return_when=asyncio.FIRST_COMPLETED)
            for task in room:
                task.cancel()
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

    def _launch(self, goal: int, sender: Sender, flight: _Flight) -> bool:
        """Fill the flight, but not with more than the goal is likely to need.

        Returns:
            Whether more would be launched if the endpoint let it.
        """
        self._open_entries()
        while sender.free > 0:
            if self._unfinished:
                running = self._unfinished[0]
            elif self._more_wanted(goal, len(flight)) and self._may_build_next():
                running = _Running(self._pool.build(self._next_job))
            else:
                return False
            request = self._next_request(running)
            first: Coroutine[Any, Any, Received] | None = None
            if request is not None:
                ceiling = Ceiling(request.prompt_ceiling, request.completion_ceiling)
                if not self._budget.fits(ceiling, new_request=running.is_new(request)):
                    if not flight:
                        raise self._budget.reached(ceiling)
                    return False  # what is in flight may use less than its reservation
                first = sender.send(request, first=running.is_new(request))
            if self._unfinished:
                self._unfinished.popleft()
            else:
                self._next_job += 1
                self._ledger.add_job(running.job.number, running.job.recipe, running.job.context())
            flight[asyncio.ensure_future(self._run(running, first, sender))] = running
        return True

    def _next_request(self, running: _Running) -> Request | None:
        action = self._proceed(running)
        return (
            to_request(running.job, len(running.replies), action, self._settings) if isinstance(action, Ask) else None
        )

    async def _run(self, running: _Running, first: Coroutine[Any, Any, Received] | None, sender: Sender) -> Reading:
        """Send a job's requests one after the other until everything is read."""
        if first is not None:
            running.replies.append(await first)
        while (request := self._next_request(running)) is not None:
            running.replies.append(await sender.send(request, first=running.is_new(request)))
        reading = self._proceed(running)
        assert isinstance(reading, Reading)
        return reading

    def _proceed(self, running: _Running) -> Ask | Reading:
        """The next request of a job, or its reading; a reply that is no completion ends it, unless it was optional."""
        recipe = self._recipes[running.job.recipe]
        completions: list[Completion] = []
        for received in running.replies:
            completion = read_completion(received.reply) if received.usable else None
            if completion is None:
                asked = recipe.proceed(running.job, completions)
                if not (isinstance(asked, Ask) and asked.optional):
                    return Reading((Unreadable("bad_reply", text=received.reply),))
                completion = Completion("", "", received.prompt_tokens, received.completion_tokens)
            completions.append(completion)
        return recipe.proceed(running.job, completions)

    def _more_wanted(self, goal: int, in_flight: int) -> bool:
        candidates, admitted = self._recent_counts()
        rate = max(admitted / candidates, 0.05) if candidates else 1.0
        expected = rate * self._settings.growth.tasks_per_request * self._settings.growth.instances_per_task
        return self.grown.rows + (in_flight + len(self._finished)) * expected < goal

    def _may_build_next(self) -> bool:
        return not self._settings.ordered or self._next_job < self._read + self._settings.growth.window

    def _collect(self, flight: _Flight) -> None:
        """Take the jobs that ended, in their order; the first failure is raised after all of them are taken."""
        failure: BaseException | None = None
        for task in sorted((task for task in flight if task.done()), key=lambda task: flight[task].job.number):
            running = flight.pop(task)
            error = task.exception()
            if error is None:
                self._finish(running, task.result())
            else:
                self._unfinished.append(running)
                failure = failure or error
        if failure is not None:
            raise failure

    def _finish(self, running: _Running, reading: Reading) -> None:
        self._finished[running.job.number] = running, reading
        if not self._settings.ordered:
            self._arrived.append(running.job.number)

    async def _drain(self, flight: _Flight, timeout: float | None) -> None:
        if flight:
            await asyncio.wait(flight, timeout=timeout)
        for task in flight:
            task.cancel()
        await asyncio.gather(*flight, return_exceptions=True)
        for task, running in sorted(flight.items(), key=lambda item: item[1].job.number):
            if not task.cancelled() and task.exception() is None:
                self._finish(running, task.result())
            else:
                self._unfinished.append(running)
        flight.clear()

    def _read_arrived(self, goal: int, step: Step) -> None:
        while self.grown.rows < goal and (ready := self._next_ready()) is not None:
            self._admit(*ready)
            self._show(goal, step)
            if self.grown.rows < goal:
                self._stop_if_saturated()

    def _next_ready(self) -> tuple[_Running, Reading] | None:
        """The next job to admit, if everything of it has been read; jobs of the ledger that lack a reply go on."""
        if self._settings.ordered:
            return self._take(self._read)
        while self._arrived:
            if (ready := self._take(self._arrived.popleft())) is not None:
                return ready
        return None

    def _take(self, number: int) -> tuple[_Running, Reading] | None:
        entry = self._entries.pop(number, None)
        if entry is not None:
            self._open(entry)
        return self._finished.pop(number, None)

    def _open(self, entry: Entry) -> None:
        """Take a job from the ledger: it is finished, or it goes on where its replies end."""
        running = _Running(self._pool.restore(entry), self._known_replies(entry), len(entry.steps))
        action = self._proceed(running)
        if isinstance(action, Reading):
            self._finished[entry.number] = running, action
        else:
            self._unfinished.append(running)

    def _open_entries(self) -> None:
        """With `ordered`, the jobs behind one that lacks a reply; their demonstrations are all admitted by then."""
        for number in sorted(self._entries):
            self._open(self._entries.pop(number))

    def _known_replies(self, entry: Entry) -> list[Received]:
        """The replies of a job's first steps; a step whose replies were all unusable counts once its attempts are used up."""
        replies: list[Received] = []
        for step in entry.steps:
            if step.received is None:
                break
            if not step.received.usable and step.attempts < self._settings.teacher.max_attempts:
                break
            replies.append(step.received)
        return replies

    def _admit(self, running: _Running, reading: Reading) -> None:
        job = running.job
        last = max(len(running.replies) - len(reading.check_steps) - 1, 0)
        admitted = self._admission.admit_job(job, reading, f"{job.id}.{last}")
        self._ledger.mark_read(job.number, self._read)
        self._read += 1
        self.grown.samples += admitted.samples
        self.grown.signals += admitted.signals
        self.grown.rejections += admitted.rejections
        self.grown.candidates += admitted.candidates
        self.grown.checks.add(job, reading, len(running.replies))
        # A task about a document carries the whole passage: too long to show, and not for another job to repeat.
        self._pool.add_admitted(admitted.tasks, shown=job.recipe != "documents")
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
