"""What a recipe is: a job of one or more requests, each worded from the replies before it, that ends in drafts.

    proceed(job, [])              → Ask("Write eight instructions …")
    proceed(job, [reply])         → Ask("For each of them: classification or not? …")
    proceed(job, [reply, reply])  → Reading((Draft(…), Draft(…), Unreadable("not_a_task", …)))

`proceed` is a pure function, so a job that was interrupted goes on from the replies in the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from builder.requests.sender import Completion
from builder.schema import Check, Kind, Message

CheckName = Literal["key", "agreement", "judge"]
CheckStep = Literal["agreement", "judge", "repair"]


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
        max_steps: how many operations a task may chain.
        kind: only tasks of this kind, or None for any.
        whole_replies: drop all of a job whose first reply was cut by length, as Self-Instruct does with instructions.
    """

    tasks: int
    language: str
    categories: tuple[str, ...]
    instances: int
    max_steps: int
    kind: Kind | None = None
    whole_replies: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One unit of growing.

    Attributes:
        number: from 0, in the order jobs were built.
        recipe: the recipe's name.
        demonstrations: tasks from the pool, in the order in which they are shown.
        material: what else the recipe drew, JSON-ready: a document's chunk, a topic, ….
        seed: for recipes that draw something themselves, and sent with every request.
    """

    number: int
    recipe: str
    needs: Needs
    demonstrations: tuple[Task, ...]
    material: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def id(self) -> str:
        return f"r{self.number:06d}"

    def task_id(self, place: int) -> str:
        """The id of the task at a place of its reading."""
        return f"{self.id}-{place}"

    def context(self) -> dict[str, Any]:
        """What the ledger keeps of it, JSON-ready; demonstrations by their ids."""
        return {
            "needs": asdict(self.needs),
            "demonstrations": [task.id for task in self.demonstrations],
            "material": dict(self.material),
            "seed": self.seed,
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


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to ask.

    Attributes:
        proceed: the job and the replies so far → the next request, or what was read. A recipe that needs no teacher gives
            a `Reading` at once.
    """

    name: str
    proceed: Callable[[Job, Sequence[Completion]], Ask | Reading]


def dropping_cut_replies(recipe: Recipe) -> Recipe:
    """The same recipe, ended by a first reply that was cut by length where the job wants whole ones.

    Of later replies, which hold instances, Self-Instruct drops the last instance alone.
    """

    def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
        cut = next((reply for reply in replies[:1] if reply.finish_reason == "length"), None)
        if job.needs.whole_replies and cut is not None:
            return Reading((Unreadable("cut_by_length", f"dropped whole: {cut.content[-_EVIDENCE:]}", cut.content),))
        return recipe.proceed(job, replies)

    return Recipe(recipe.name, proceed)


def as_json(task: Task) -> Mapping[str, Any]:
    """A task as a demonstration shows it."""
    return {
        "instruction": task.instruction,
        "category": task.category or "",
        "is_classification": task.is_classification,
        "instances": [{"input": i.input, "output": i.output} for i in task.instances],
    }
