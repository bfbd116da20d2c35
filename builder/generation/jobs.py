"""The jobs of a dataset: those of the ledger, new ones from the pool, and each one's next request.

ledger ──▶ ┌ unfinished ──▶ a flight sends their next requests ──▶ put back, until everything is read
pool ────▶ └ finished ───▶ ready for admission: by number with `ordered`, else as they were read
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from builder.config import Settings
from builder.generation.checking import checked
from builder.generation.pool import Pool, to_request
from builder.recipes import RECIPES
from builder.recipes.recipe import Ask, Draft, Job, Reading, Unreadable
from builder.requests.completion import error_text, explain_unusable
from builder.requests.ledger import Entry, Ledger, Received, Request, Step
from builder.requests.sender import Completion, read_completion

REFUSED = "refused_prompt"


@dataclass(slots=True)
class Running:
    """A job that was not admitted yet, with its replies so far.

    Attributes:
        known: its requests in the ledger.
        steps: the number of each reply's request, and of the next request once it is asked for.
        action: what follows from so many replies; kept, since reading a reply is most of what a row costs.
    """

    job: Job
    replies: list[Received] = field(default_factory=list)
    known: Sequence[Step] = ()
    steps: list[int] = field(default_factory=list)
    action: tuple[int, Ask | Reading] | None = None

    def is_new(self, request: Request) -> bool:
        """Whether the request was never sent."""
        return all(step.request.step != request.step for step in self.known)

    def by_request(self, reading: Reading) -> Reading:
        """The reading with each draft's step as the number of its request: under other checks the two may differ."""
        return replace(
            reading,
            found=tuple(
                replace(draft, step=self.steps[draft.step])
                if isinstance(draft, Draft) and draft.step is not None
                else draft
                for draft in reading.found
            ),
        )


class Jobs:
    """Where flights take jobs from, and where admission takes those that were read.

    Attributes:
        expected: candidates that the jobs which were not admitted yet should give.
        refusals: of the jobs that ended last, one after the other, what the endpoint said in place of a reply.

    Args:
        settings: of the dataset.
        ledger: open; the jobs that it holds come first.
        pool: makes the others.
    """

    def __init__(self, settings: Settings, ledger: Ledger, pool: Pool) -> None:
        self._settings = settings
        self._recipes = {name: checked(recipe, settings.checks) for name, recipe in RECIPES.items()}
        self._ledger = ledger
        self._pool = pool
        entries = ledger.entries()
        self._entries = {entry.number: entry for entry in entries}
        self._next_number = len(entries)
        self._lost: set[int] = set()
        self._order = [entry.number for entry in entries]
        # Jobs that may be admitted: as they were before; then with `ordered` by number, else as they arrive.
        self._arrived = deque(self._order)
        self._unfinished: deque[Running] = deque()
        self._finished: dict[int, tuple[Running, Reading]] = {}
        self.expected = 0
        self.refusals: list[str] = []

    @property
    def built(self) -> int:
        """How many jobs there are; the next one has this number."""
        return self._next_number

    def take(self, wants_more: Callable[[], bool]) -> Running | None:
        """A job that has something to send, or nothing left to: an unfinished one, else a new one where more are wanted."""
        self._open_entries()
        if self._unfinished:
            return self._unfinished.popleft()
        if not wants_more():
            return None
        running = Running(self._pool.build(self._next_number))
        self._next_number += 1
        self.expected += self.expected_rows(running.job)
        self._ledger.add_job(
            running.job.number,
            running.job.recipe,
            running.job.context(of_a_parent=RECIPES[running.job.recipe].of_a_parent),
        )
        return running

    def expected_rows(self, job: Job) -> int:
        """Candidates that a job should give."""
        return RECIPES[job.recipe].expected_rows(self._settings.growth)

    def put_back(self, running: Running, *, first: bool = False) -> None:
        """Give an unfinished job back; `first` is for one that could not be sent now."""
        if first:
            self._unfinished.appendleft(running)
        else:
            self._unfinished.append(running)

    def finish(self, running: Running, reading: Reading) -> None:
        """Everything of a job is read."""
        said = [item.evidence for item in reading.found if isinstance(item, Unreadable) and item.reason == REFUSED]
        self.refusals = [*self.refusals, *said] if said else []
        self._finished[running.job.number] = running, reading
        if not self._settings.ordered:
            self._arrived.append(running.job.number)

    def next_request(self, running: Running) -> Request | None:
        """The request that a job goes on with; None where everything of it can be read."""
        while isinstance(action := self.proceed(running), Ask):
            request, received = self._request(running, action)
            running.steps[len(running.replies) :] = [request.step]
            if received is None:
                return request
            running.replies.append(received)
        return None

    def may_go_on(self, running: Running) -> bool:
        """Whether a job that waits for a reply may ask for more after it."""
        return self._settings.checks.enabled or len(running.replies) + 1 < RECIPES[running.job.recipe].requests(
            self._settings.growth
        )

    def _request(self, running: Running, ask: Ask) -> tuple[Request, Received | None]:
        """The request for what a job asks, with its reply where the ledger holds one to just that.

        Under other settings, or read by another parser, a job may ask other things after its first reply: a reply counts
        only for what it answers.
        """
        used = running.steps[: len(running.replies)]
        for step in running.known:
            if step.request.step in used:
                continue
            again = to_request(running.job, step.request.step, ask, self._settings)
            if step.received is None:
                if step.request.body == json.loads(json.dumps(again.body)):
                    return again, None
            elif step.request.body["messages"] == again.body["messages"]:
                return step.request, step.received
        known = [step.request.step for step in running.known]
        return to_request(running.job, max([*used, *known], default=-1) + 1, ask, self._settings), None

    def proceed(self, running: Running) -> Ask | Reading:
        """The next request of a job, or its reading; a reply that is no completion ends it, unless it was optional."""
        if running.action is None or running.action[0] != len(running.replies):
            running.action = len(running.replies), self._proceed(running)
        return running.action[1]

    def _proceed(self, running: Running) -> Ask | Reading:
        recipe = self._recipes[running.job.recipe]
        completions: list[Completion] = []
        for received in running.replies:
            completion = read_completion(received.reply) if received.usable else None
            if completion is None:
                asked = recipe.proceed(running.job, completions)
                if not (isinstance(asked, Ask) and asked.optional):
                    return Reading((_no_reply(received),))
                completion = Completion("", "", received.prompt_tokens, received.completion_tokens)
            completions.append(completion)
        return recipe.proceed(running.job, completions)

    def next_ready(self, admitted: int, *, past_gaps: bool = False) -> tuple[Running, Reading] | None:
        """The next job to admit, if everything of it was read; jobs of the ledger that lack a reply go on.

        Args:
            admitted: how many jobs were admitted so far.
            past_gaps: with `ordered` too, admit what comes after a job that lacks a reply.
        """
        if self._settings.ordered and not past_gaps:
            return self._ready(self._order[admitted] if admitted < len(self._order) else admitted)
        while self._arrived:
            if (ready := self._ready(self._arrived.popleft())) is not None:
                return ready
        return None

    def unread(self) -> tuple[int, int]:
        """How many jobs lack a reply, those that were dropped for it among them; and how many were read but not admitted."""
        self._open_entries()
        return len(self._unfinished) + len(self._lost), sum(number not in self._lost for number in self._finished)

    def _ready(self, number: int) -> tuple[Running, Reading] | None:
        entry = self._entries.pop(number, None)
        if entry is not None:
            self._open(entry)
        ready = self._finished.pop(number, None)
        if ready is not None:
            self.expected -= self.expected_rows(ready[0].job)
        return ready

    def _open(self, entry: Entry) -> None:
        """Take a job from the ledger: it is finished, or it goes on where its replies end."""
        running = Running(self._pool.restore(entry), known=self._known(entry))
        self.expected += self.expected_rows(running.job)
        if entry.dropped:
            self._lost.add(entry.number)
            self._finished[entry.number] = running, Reading(())
            return
        if running.known and running.known[0].received is not None:
            # However its demonstrations would be shown today, this is what it was asked.
            running.replies.append(running.known[0].received)
            running.steps.append(running.known[0].request.step)
        if self.next_request(running) is None:
            reading = self.proceed(running)
            assert isinstance(reading, Reading)
            self._finished[entry.number] = running, reading
        else:
            self._unfinished.append(running)

    def _open_entries(self) -> None:
        """With `ordered`, the jobs behind one that lacks a reply; what they were shown was admitted by then."""
        for number in self._order:
            if number in self._entries:
                self._open(self._entries.pop(number))

    def _known(self, entry: Entry) -> list[Step]:
        """The steps of a job; one whose replies were all unusable has one once its attempts are used up, or it was read."""
        return [
            replace(step, received=None)
            if step.received is not None
            and not (step.received.usable or step.received.refused or explain_unusable(step.received.reply).final)
            and step.attempts < self._settings.teacher.max_attempts
            and entry.read_order is None
            else step
            for step in entry.steps
        ]


def _no_reply(received: Received) -> Unreadable:
    """What stands in place of a completion, which ends a job."""
    if received.refused:
        return Unreadable(REFUSED, error_text(received.reply), received.reply)
    return Unreadable("bad_reply", explain_unusable(received.reply).what, received.reply)
