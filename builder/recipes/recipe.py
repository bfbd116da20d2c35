"""What a recipe is: a job of one or more requests, each worded from the replies before it, that ends in drafts.

    proceed(job, [])              → Ask("Write eight instructions …")
    proceed(job, [reply])         → Ask("For each of them: classification or not? …")
    proceed(job, [reply, reply])  → Reading((Draft(…), Draft(…), Unreadable("not_a_task", …)))

`proceed` is a pure function, so a job that was interrupted goes on from the replies in the ledger.
"""

import functools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

from builder.config import Checks, Growth, Preset
from builder.recipes.parsing import parse_reply
from builder.requests.completion import Completion
from builder.schema import Check, Kind, Message
from builder.text import fingerprint

CheckName = Literal["key", "agreement", "judge"]
CheckStep = Literal["agreement", "judge", "repair"]


# The seeds are shown again and again.
_fingerprint = functools.lru_cache(4096)(fingerprint)
_EVIDENCE = 120  # characters of a cut reply's end that are shown


@dataclass(frozen=True, slots=True)
class Instance:
    """One input and its output, with the answer's key as JSON text where there is one."""

    input: str
    output: str
    answer_key: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task: a seed, an entry of the pool, or one read from a reply.

    Attributes:
        id: of the seed task or grown task; empty where it has none yet.
        dialogue: a whole conversation instead of instances; `instruction` is then its first user turn.
        variant_of: the id of the task that this one only words differently, or None.
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    category: str | None
    language: str
    is_classification: bool
    dialogue: tuple[Message, ...] = ()
    variant_of: str | None = None

    @property
    def kind(self) -> Kind:
        """As in `builder.schema.Sample`."""
        if self.dialogue:
            return "dialogue"
        return "classification" if self.is_classification else "generation"


@dataclass(frozen=True, slots=True)
class Needs:
    """What one job asks for.

    Attributes:
        tasks: how many.
        language: `zh` or `en`; the prompts are written in it.
        categories: any of these.
        instances: inputs for one task.
        max_steps: how many operations a task may chain, for the embedded teacher and procedural tasks; None for any other.
        kind: only tasks of this kind, or None for any.
        preset: whose published rule for replies that were cut by length holds, or None.
    """

    tasks: int
    language: str
    categories: tuple[str, ...]
    instances: int
    max_steps: int | None
    kind: Kind | None = None
    preset: Preset | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One unit of growing.

    Attributes:
        number: from 0, in the order jobs were built.
        recipe: the recipe's name.
        demonstrations: tasks from the pool, in the order in which they are shown.
        material: what else the recipe drew, JSON-ready: a document's chunk, a topic, ….
        seed: for recipes that draw something themselves, and sent with every request.
        lineage: the id and the fingerprint of each demonstration as the ledger keeps them; of `demonstrations` where it is
            empty.
        model: that was asked; None is the settings'.
    """

    number: int
    recipe: str
    needs: Needs
    demonstrations: tuple[Task, ...]
    material: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    lineage: tuple[tuple[str, str], ...] = ()
    model: str | None = None

    @property
    def id(self) -> str:
        return f"r{self.number:06d}"

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """The id and the fingerprint of every task that was shown, in order."""
        return self.lineage or tuple((task.id, _fingerprint(task.instruction)) for task in self.demonstrations)

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of the tasks that were shown."""
        return tuple(name for name, _ in self.lineage) or tuple(task.id for task in self.demonstrations)

    def task_id(self, place: int) -> str:
        """The id of the task at a place of its reading."""
        return f"{self.id}-{place}"

    def context(self, *, of_a_parent: bool) -> dict[str, Any]:
        """What the ledger keeps of it, JSON-ready: demonstrations by id and fingerprint, a parent whole."""
        parent = {"parent": asdict(self.demonstrations[0])} if of_a_parent else {}
        return {
            "needs": asdict(self.needs),
            "demonstrations": [list(shown) for shown in self.shown],
            "material": dict(self.material),
            "seed": self.seed,
            **parent,
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """The next request.

    Attributes:
        max_tokens: how long its reply may be; None is `teacher.max_tokens`.
        temperature: None is `teacher.temperature`.
        optional: a reply that is no completion counts as an empty one, instead of ending the job.
    """

    messages: Sequence[Mapping[str, str]]
    max_tokens: int | None = None
    temperature: float | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one candidate was checked before admission.

    Attributes:
        checked_by: the checks that gave a verdict, in order.
        undecided: the checks that were asked and gave none.
        agreement: the share of blind answers that say the same, or None.
        judge_score: from 1 to 5, or None.
        failed: what it was rejected for, or None.
        repaired: the answer takes the place of one that failed.
    """

    checked_by: tuple[CheckName, ...] = ()
    undecided: tuple[CheckName, ...] = ()
    agreement: float | None = None
    judge_score: float | None = None
    failed: Check | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A task read from replies, not yet admitted.

    Attributes:
        parents: ids of the tasks or rows it was made from; the demonstrations' where it is empty.
        same_task: the id of a task that this one only words differently: the two are exempt from novelty.
        source: where its content comes from, such as `manual.pdf#page=3&chars=120-980`; None is the recipe's own.
        step: of the request whose reply held it; None is the recipe's last.
        outcomes: one for each instance, or for the dialogue; empty where nothing was checked.
    """

    task: Task
    parents: tuple[str, ...] = ()
    same_task: str | None = None
    source: str | None = None
    step: int | None = None
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a reply that is no draft: the reason, what shows it, and the text itself."""

    reason: str
    evidence: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a job ends: everything that was read, in order.

    Attributes:
        check_steps: what each of the job's last requests was for, where they checked its drafts.
        repairs: how many answers the teacher was asked to write anew.
    """

    found: tuple[Draft | Unreadable, ...]
    check_steps: tuple[CheckStep, ...] = ()
    repairs: int = 0


class Piece(Protocol):
    """One thing of a user's that a recipe asks about, such as a chunk of a document: a dataclass of texts and numbers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def language(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a job's material is drawn from.

    Attributes:
        pieces: of the user's, in the job's language; each is used as often as any other.
        drawn: how many jobs of the recipe there were in that language.
        may_deepen: whether the teacher can make the job's parent harder.
    """

    rng: random.Random
    growth: Growth
    needs: Needs
    pieces: Sequence[Any]
    drawn: int
    may_deepen: bool


def _no_material(_: Drawing) -> dict[str, Any]:
    return {}


def _tasks_per_request(growth: Growth) -> int:
    return growth.tasks_per_request


def _one_request(_: Growth) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to ask, and all that the pool, the jobs and an estimate have to know of it.

    Attributes:
        proceed: the job and the replies so far → the next request, or what was read. A recipe that needs no teacher gives
            a `Reading` at once.
        draw: a job's material.
        load: the user's pieces that the settings name, none where they name none; None where the recipe asks about none.
            Raises UsageError.
        tasks: how many tasks one job asks for.
        requests: of a job, which read its candidates.
        one_instance: its tasks have one, whatever `growth.instances_per_task` says.
        shows_tasks: a job is shown tasks of the pool.
        of_a_parent: a job works on one task of the pool, which it needs again to read the reply.
        once_each: every task is a job's parent once, before any is again.
        gives_dialogues: and nothing else.
        whole_tasks: its first reply is a list of whole tasks, for which a JSON schema is known.
        shared: its tasks may be shown to other jobs; those that carry a passage are too long, and not for others to repeat.
        evolves: its tasks may be close to those that they were made from, and must not repeat them.
        computed: without a teacher; its tasks bring their answer keys along.
    """

    name: str
    proceed: Callable[[Job, Sequence[Completion]], Ask | Reading]
    draw: Callable[[Drawing], dict[str, Any]] = _no_material
    load: Callable[[Growth], Sequence[Piece]] | None = None
    tasks: Callable[[Growth], int] = _tasks_per_request
    requests: Callable[[Growth], int] = _one_request
    one_instance: bool = False
    shows_tasks: bool = True
    of_a_parent: bool = False
    once_each: bool = False
    gives_dialogues: bool = False
    whole_tasks: bool = False
    shared: bool = True
    evolves: bool = False
    computed: bool = False

    def expected_rows(self, growth: Growth) -> int:
        """Candidates of one job whose replies are as they should be: an instance of a task each."""
        return self.tasks(growth) * (1 if self.one_instance else growth.instances_per_task)

    def check_requests(self, checks: Checks, growth: Growth, *, passing: float) -> float:
        """Requests that check a job's candidates, all of them at once, where they bring no answer key along.

        Args:
            passing: share of the answers that pass; where one of a job does not, `repair` rewrites it and it is judged again.
        """
        if self.computed:
            return 0
        judge = int(checks.judge.enabled)
        failing = 1 - passing ** self.expected_rows(growth)
        return checks.agreement.samples + judge + (failing * (1 + judge) if checks.repair else 0)


def one_task(_: Growth) -> int:
    """For recipes of which a job asks for a single task."""
    return 1


def dropping_cut_replies(recipe: Recipe) -> Recipe:
    """The same recipe, with the published rules for replies that were cut by length where the job has a preset.

    Self-Instruct drops a completion of instructions whole, and the last instance of a completion of instances; Alpaca drops
    the last task. Both do so also where the last one happens to be complete. What is not complete is dropped anyway.
    """

    def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
        cut = replies[0] if replies and replies[0].finish_reason == "length" else None
        if job.needs.preset == "self-instruct-classic" and cut is not None:
            return Reading((Unreadable("cut_by_length", f"dropped whole: {cut.content[-_EVIDENCE:]}", cut.content),))
        action = recipe.proceed(job, replies)
        if job.needs.preset is None or isinstance(action, Ask):
            return action
        for step, reply in enumerate(replies):
            if reply.finish_reason == "length" and parse_reply(reply.content, "length").closed:
                action = _without_the_last(action, step if len(replies) > 1 else None)
        return action

    return replace(recipe, proceed=proceed)


def _without_the_last(reading: Reading, step: int | None) -> Reading:
    """A reading without the last instance that one reply held, and without its task where it was the only one."""
    place = max(
        (n for n, item in enumerate(reading.found) if isinstance(item, Draft) and item.step == step), default=-1
    )
    if place < 0:
        return reading
    draft = reading.found[place]
    assert isinstance(draft, Draft)
    found = list(reading.found)
    *kept, last = draft.task.instances
    found[place : place + 1] = [replace(draft, task=replace(draft.task, instances=tuple(kept)))] if kept else []
    if not any(isinstance(item, Unreadable) and item.reason == "cut_by_length" for item in found):
        found.append(Unreadable("cut_by_length", "the last instance of a reply that was cut", json.dumps(asdict(last))))
    return replace(reading, found=tuple(found))


@functools.lru_cache(4096)
def demonstration(task: Task, instances: int) -> str:
    """A task with so many instances, as a line that shows it to the teacher; the same tasks are shown again and again."""
    return json.dumps(as_json(replace(task, instances=task.instances[:instances])), ensure_ascii=False)


def as_json(task: Task) -> Mapping[str, Any]:
    """A task as a demonstration shows it."""
    return {
        "instruction": task.instruction,
        "category": task.category or "",
        "is_classification": task.is_classification,
        "instances": [{"input": i.input, "output": i.output} for i in task.instances],
    }
