"""What the jobs of a ledger gave: its replies are read and admitted again, in memory, as a build would.

job 7   self_instruct   3 requests of at most 4   8 candidates, 1 too close to a grown row   not finished

Also replies count that no build has admitted yet: 50 requests of four a job may finish none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.config import Settings
from builder.curation.filtering import check_row
from builder.generation.admission import Admission
from builder.generation.checking import checked
from builder.generation.pool import Pool
from builder.recipes import RECIPES
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Draft, Instance, Job, Piece, Reading, Recipe, Task, Unreadable
from builder.requests.completion import Completion, read_completion
from builder.requests.ledger import Entry
from builder.signals import measure_row
from builder.text import detect_language


@dataclass(frozen=True, slots=True)
class PilotJob:
    """One job.

    Attributes:
        job: its id, such as `r000012`.
        requests: that it took so far.
        finished: whether no request of it is missing.
        candidates: read from its replies; 0 where none is there yet.
        admitted: of them; without the verdicts of checks that are still missing.
        collided: too close to an earlier grown row.
    """

    job: str
    recipe: str
    requests: int
    finished: bool
    candidates: int
    admitted: int
    collided: int


def read_pilot(
    ledger: Sequence[Entry],
    settings: Settings,
    seeds: Sequence[tuple[Task, str]],
    pieces: Mapping[str, Sequence[Piece]],
) -> tuple[list[PilotJob], list[Task]]:
    """Read the replies of a ledger's jobs again.

    Args:
        ledger: from `read_entries`.

    Returns:
        The jobs in their order, and the tasks that were admitted.

    Raises:
        IntegrityError: a reply cannot be read with these settings.
    """
    admission = Admission(
        settings.novelty.thresholds,
        measure=measure_row,
        check=lambda sample, values: check_row(sample, values, settings.filters),
        teacher=settings.teacher.model,
        key=settings.novelty.key,
    )
    for task, source in seeds:
        admission.admit_seed(task, source)
    first_grown = admission.next_row
    pool = Pool(settings, [task for task, _ in seeds], pieces)
    recipes = {name: checked(recipe, settings.checks) for name, recipe in RECIPES.items()}
    jobs: list[PilotJob] = []
    tasks: list[Task] = []
    for entry in ledger:
        if entry.dropped:
            continue
        job = pool.restore(entry)
        replies = _replies(entry)
        reading = _read(recipes[entry.recipe], job, replies)
        found = reading or _read(RECIPES[entry.recipe], job, replies) or _first_instructions(job, replies)
        admitted = admission.admit_job(job, found, f"{job.id}.0")
        pool.add_admitted(admitted.tasks, job)
        tasks += admitted.tasks
        collided = sum(rejection.of is not None and rejection.of >= first_grown for rejection in admitted.rejections)
        jobs.append(
            PilotJob(
                job.id,
                entry.recipe,
                len(entry.steps),
                reading is not None,
                admitted.candidates,
                len(admitted.samples),
                collided,
            )
        )
    return jobs, tasks


def _replies(entry: Entry) -> list[Completion | None]:
    """The replies up to the first that is missing; None for one that is no completion."""
    replies: list[Completion | None] = []
    for step in entry.steps:
        if step.received is None:
            break
        replies.append(read_completion(step.received.reply) if step.received.usable else None)
    return replies


def _read(recipe: Recipe, job: Job, replies: Sequence[Completion | None]) -> Reading | None:
    """How the job ends; None where it asks for more replies than there are."""
    known: list[Completion] = []
    for reply in [*replies, None]:
        action = recipe.proceed(job, known)
        if isinstance(action, Reading):
            return action
        if len(known) == len(replies):
            return None
        if reply is None and not action.optional:
            return Reading((Unreadable("bad_reply"),))
        known.append(reply or Completion("", "", 0, 0))
    return None


def _first_instructions(job: Job, replies: Sequence[Completion | None]) -> Reading:
    """The instructions of a job whose instances are not written yet: they are what novelty is decided by."""
    if not replies or replies[0] is None:
        return Reading(())
    found: list[Draft | Unreadable] = []
    for value in parse_reply(replies[0].content, replies[0].finish_reason).values:
        instruction = value.get("instruction") if isinstance(value, dict) else None
        if isinstance(instruction, str):
            instance = Instance("", "1")
            language = detect_language(instruction)
            found.append(Draft(Task("", instruction.strip(), (instance,), None, language, is_classification=False)))
    return Reading(tuple(found))
