"""What a recipe is: a job of one or more requests, each worded from the replies before it, that ends in drafts.

    proceed(job, [])              → Ask("Write eight instructions …")
    proceed(job, [reply])         → Ask("For each of them: classification or not? …")
    proceed(job, [reply, reply])  → Reading((Draft(…), Draft(…), Unreadable("not_a_task", …)))

`proceed` is a pure function, so a job that was interrupted goes on from the replies in the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from builder.requests.sender import Completion
from builder.schema import Kind, Message


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
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    category: str | None
    language: str
    is_classification: bool
    dialogue: tuple[Message, ...] = ()

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
    """

    tasks: int
    language: str
    categories: tuple[str, ...]
    instances: int
    max_steps: int
    kind: Kind | None = None


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
    """The next request's messages, and how long its reply may be (None: `teacher.max_tokens`)."""

    messages: Sequence[Mapping[str, str]]
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A task read from replies, not yet admitted.

    Attributes:
        parents: ids of the tasks or rows it was made from; the demonstrations' where it is empty.
        same_task: the id of a task that this one only words differently: the two are exempt from novelty.
        source: where its content comes from, such as `manual.pdf#page=3&chars=120-980`; None is the recipe's own.
    """

    task: Task
    parents: tuple[str, ...] = ()
    same_task: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a reply that is no draft: the reason, what shows it, and the text itself."""

    reason: str
    evidence: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a job ends: everything that was read, in order."""

    found: tuple[Draft | Unreadable, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to ask.

    Attributes:
        proceed: the job and the replies so far → the next request, or what was read. A recipe that needs no teacher gives
            a `Reading` at once.
    """

    name: str
    proceed: Callable[[Job, Sequence[Completion]], Ask | Reading]


def as_json(task: Task) -> Mapping[str, Any]:
    """A task as a demonstration shows it."""
    return {
        "instruction": task.instruction,
        "category": task.category or "",
        "is_classification": task.is_classification,
        "instances": [{"input": i.input, "output": i.output} for i in task.instances],
    }
