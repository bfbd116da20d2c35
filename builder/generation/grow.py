"""The Self-Instruct loop: pool → job → requests → ledger → admission → pool, until enough rows are in.

With `ordered`, jobs are admitted in their order and job n is built from the pool as it was after job n - window, so that
equal settings and replies give equal rows whatever the timing. Without it, jobs are admitted as their last replies arrive
and the ledger records that order. Either way the rows are a function of the ledger: after a kill they are read again from
there, and only requests without a reply are sent again.
"""

import asyncio
import contextlib
import gc
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from builder.config import Settings
from builder.errors import TargetNotReachedError
from builder.generation.admission import Admission, SignalValues
from builder.generation.checking import CheckTally
from builder.generation.flight import Flight
from builder.generation.jobs import Jobs, Running
from builder.generation.pool import Pool
from builder.language.messages import worded
from builder.progress import Growing, GrowthView, Spent
from builder.recipes.recipe import Reading, Task
from builder.requests.inheriting import INHERITED
from builder.requests.ledger import Ledger
from builder.requests.retrying import NothingUsableError
from builder.schema import Rejection, Sample

_INTERRUPT_SECONDS = 10.0  # how long Ctrl-C waits for replies that are on their way
_WATCH_SECONDS = 0.5  # between two looks at what is on its way
# So many prompts refused in a row end the run: a filter that refuses every second one does it once in a million.
_MOST_REFUSED = 20

OpenFlight = Callable[[Jobs], AbstractAsyncContextManager[Flight]]


@dataclass(slots=True)
class Grown:
    """Everything admitted so far, in row order, and what was not.

    Attributes:
        candidates: read from replies; counted before any of them is judged.
        rejected: how many by reason.
        checks: what the checks before admission came to.
    """

    samples: list[Sample] = field(default_factory=list)
    signals: list[SignalValues] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    seed_rows: int = 0
    candidates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    checks: CheckTally = field(default_factory=CheckTally)

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
        seed_rows: the seeds' rows and signals.
        spent: what counts against the caps so far.
        open_flight: opens the way in which the jobs' requests are sent, inside the event loop; None where the ledger is only
            read again.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        pool: Pool,
        admission: Admission,
        seed_rows: tuple[list[Sample], list[SignalValues]],
        spent: Callable[[], tuple[Spent, ...]],
        open_flight: OpenFlight | None = None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._pool = pool
        self._admission = admission
        self._open_flight = open_flight
        self._flight: Flight | None = None
        self._spent = spent
        self._jobs = Jobs(settings, ledger, pool)
        self.grown = Grown(list(seed_rows[0]), list(seed_rows[1]), seed_rows=len(seed_rows[0]))
        # Candidates of a job, those that it should have given, and admitted rows that are needed.
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=settings.growth.saturation_window)
        self._read = 0
        self._inherited = int(ledger.read_meta(INHERITED) or 0)

    def replay(self, goal: int, view: GrowthView) -> None:
        """Read what the ledger holds and send nothing, past jobs that lack a reply, until `goal` grown rows are admitted.

        Raises:
            TargetNotReachedError: saturation, or the ledger holds no more.
        """
        self._read_arrived(goal, view, past_gaps=True)
        if self.grown.rows < goal:
            raise TargetNotReachedError(
                worded("The ledger gives {rows} grown rows and holds no more replies.", rows=self.grown.rows)
            )

    def unread(self) -> tuple[int, int]:
        """How many jobs of the ledger lack a reply, and how many have all of theirs but were not needed."""
        return self._jobs.unread()

    def grow(self, goal: int, view: GrowthView) -> None:
        """Read what the ledger holds, then send requests, until at least `goal` grown rows are admitted.

        Args:
            goal: grown rows; the job that reaches it is admitted whole.
            view: shows how far it is.

        Raises:
            TargetNotReachedError: saturation.
            BudgetReachedError: the next request could exceed a cap.
            EndpointError: the endpoint cannot be used; as NothingUsableError where it refuses or answers, and nothing comes
                of it.
            KeyboardInterrupt: asked to stop; what was in flight is in the ledger.
        """
        self._read_arrived(goal, view)
        if self.grown.rows < goal:
            assert self._open_flight is not None, "grow() without a way to send; replay() needs none"
            asyncio.run(self._send_until(goal, view, self._open_flight))

    async def _send_until(self, goal: int, view: GrowthView, open_flight: OpenFlight) -> None:
        stop = asyncio.Event()
        # Before the flight is opened: loading a client takes a while, in which Ctrl-C must not wait for its replies.
        with _first_interrupt_sets(stop), _collecting_seldom():
            async with open_flight(self._jobs) as flight:
                self._flight = flight
                stopped = asyncio.ensure_future(stop.wait())
                watched = asyncio.ensure_future(self._watch(goal, view))
                try:
                    while self.grown.rows < goal:
                        if stop.is_set():
                            raise KeyboardInterrupt
                        await flight.advance(lambda: self._more_wanted(goal), stopped)
                        self._read_arrived(goal, view)
                        self._stop_if_refused(goal)
                finally:
                    if stop.is_set() and flight.traffic.batch is None:
                        view.finishing(flight.traffic.in_flight, _INTERRUPT_SECONDS)
                    # Replies on their way are paid for: they wait in the ledger for the next run or a higher goal.
                    await flight.land(_INTERRUPT_SECONDS if stop.is_set() else None)
                    self._flight = None
                    for task in (stopped, watched):
                        task.cancel()
                    await asyncio.gather(stopped, watched, return_exceptions=True)

    async def _watch(self, goal: int, view: GrowthView) -> None:
        """Show what changes while no reply comes: requests that back off, time that passes."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            view.update(lambda: self.figures(goal))

    def figures(self, goal: int) -> Growing:
        """How far it is; never all of the target: whether it is kept is for the caller's decision to say."""
        grown, target = self.grown, self._settings.target or goal
        return Growing(
            target=target,
            reached=max(0, target - max(1, goal - grown.rows)),
            admitted=grown.rows,
            candidates=grown.candidates,
            rejected=dict(grown.rejected.most_common()),
            spent=self._spent(),
            traffic=None if self._flight is None else self._flight.traffic,
        )

    def _more_wanted(self, goal: int) -> bool:
        if self._settings.ordered and self._jobs.built >= self._read + self._settings.growth.window:
            return False
        expected = sum(expected for _, expected, _ in self._recent)
        rate = max(sum(needed for _, _, needed in self._recent) / expected, 0.05) if expected else 1.0
        return self.grown.rows + self._jobs.expected * rate < goal

    def _read_arrived(self, goal: int, view: GrowthView, *, past_gaps: bool = False) -> None:
        while self.grown.rows < goal and (ready := self._jobs.next_ready(self._read, past_gaps=past_gaps)) is not None:
            self._admit(*ready)
            view.update(lambda: self.figures(goal))
            if self.grown.rows < goal:
                self._stop_if_saturated()

    def _admit(self, running: Running, reading: Reading) -> None:
        job, reading = self._pool.trace(running.job, running.by_request(reading))
        steps = running.steps[: len(running.replies)]
        written_by = steps[: len(steps) - len(reading.check_steps)]  # its own requests; `procedural` has none
        admitted = self._admission.admit_job(job, reading, f"{job.id}.{written_by[-1]}" if written_by else None)
        self._ledger.mark_read(job.number, self._read)
        self._read += 1
        self.grown.samples += admitted.samples
        self.grown.signals += admitted.signals
        self.grown.rejections += admitted.rejections
        self.grown.candidates += admitted.candidates
        self.grown.rejected.update(rejection.reason for rejection in admitted.rejections)
        self.grown.checks.add(job, reading, steps)
        # Rows beyond a quota are dropped later: they do not count against saturation.
        needed = self._pool.add_admitted(admitted.tasks, job)
        if job.number >= self._inherited:
            self._recent.append((admitted.candidates, self._jobs.expected_rows(job), needed))

    def _stop_if_refused(self, goal: int) -> None:
        refusals = self._jobs.refusals
        if len(refusals) >= _MOST_REFUSED and self.grown.rows < goal:
            raise NothingUsableError(
                worded(
                    "the endpoint refused {refusals} prompts in a row, the last with: {refusals_2}",
                    refusals=len(refusals),
                    refusals_2=refusals[-1],
                ),
                worded(
                    "Look for what the prompts share, such as seed tasks that a filter refuses or more text than the "
                    "model takes, or run the same command again where the endpoint is what changed."
                ),
            )

    def _stop_if_saturated(self) -> None:
        growth = self._settings.growth
        candidates, admitted = (sum(job[place] for job in self._recent) for place in (0, 2))
        if len(self._recent) < growth.saturation_window or admitted >= growth.saturation_floor * candidates:
            return
        reasons = self.grown.rejected.most_common(3)
        lacking = self._pool.shortfalls()
        raise TargetNotReachedError(
            (
                worded(
                    "Saturated at {rows} grown rows: of {candidates} candidates in the last {saturation_window} "
                    "replies {admitted} were admitted and fit the quotas, fewer than growth.saturation_floor "
                    "({saturation_floor:.0%}). All rejections: {reasons}. Quotas that are not filled: {lacking}.",
                    rows=self.grown.rows,
                    candidates=candidates,
                    saturation_window=growth.saturation_window,
                    admitted=admitted,
                    saturation_floor=growth.saturation_floor,
                    reasons=", ".join((f"{r} {n}" for r, n in reasons)),
                    lacking=", ".join(lacking),
                )
                if lacking
                else worded(
                    "Saturated at {rows} grown rows: of {candidates} candidates in the last {saturation_window} "
                    "replies {admitted} were admitted, fewer than growth.saturation_floor ({saturation_floor:.0%}). "
                    "All rejections: {reasons}.",
                    rows=self.grown.rows,
                    candidates=candidates,
                    saturation_window=growth.saturation_window,
                    admitted=admitted,
                    saturation_floor=growth.saturation_floor,
                    reasons=", ".join((f"{r} {n}" for r, n in reasons)),
                )
            ),
            (
                worded(
                    "What exists is valid. Add seed tasks of other kinds, ask for other categories, or accept closer "
                    "tasks with a higher novelty.threshold. Or lower these shares in balance.quotas."
                )
                if lacking
                else worded(
                    "What exists is valid. Add seed tasks of other kinds, ask for other categories, or accept closer "
                    "tasks with a higher novelty.threshold."
                )
            ),
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


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let Python look for cycles in what is new, and seldom.

    Rows and tasks are in none, and looking through all of them again and again holds up the replies: at 64 in flight a
    seventh of the requests a second.
    """
    thresholds = gc.get_threshold()
    gc.freeze()  # without collecting first: that takes 0.1 to 0.4 s, and what is garbage now is found once this is over
    gc.set_threshold(50_000, 20, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def seed_rows(admission: Admission, seeds: Sequence[tuple[Task, str]]) -> tuple[list[Sample], list[SignalValues]]:
    """Admit the seeds; returns their rows and signals."""
    samples: list[Sample] = []
    signals: list[SignalValues] = []
    for task, source in seeds:
        rows, values = admission.admit_seed(task, source)
        samples += rows
        signals += values
    return samples, signals
