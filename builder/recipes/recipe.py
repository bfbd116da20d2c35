"""What a recipe is: how a request is worded, and how one task in a reply is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Instance:
    """One input and its output, with the answer's key as JSON text where the teacher gave one."""

    input: str
    output: str
    answer_key: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task as a seed, a pool entry or a draft read from a reply.

    Attributes:
        id: of the seed task or grown task; empty for a draft.
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    category: str | None
    language: str
    is_classification: bool


@dataclass(frozen=True, slots=True)
class Needs:
    """What one request asks for. `language` is `zh` or `en`: the prompt is written in it."""

    tasks: int
    language: str
    categories: tuple[str, ...]
    instances: int
    max_steps: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A task in a reply that is not one: the reason and what shows it."""

    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to ask.

    Attributes:
        compose: demonstrations and needs → chat messages.
        read: one JSON value of a reply and the needs → a draft, or why it is none.
    """

    name: str
    compose: Callable[[Sequence[Task], Needs], list[dict[str, str]]]
    read: Callable[[Any, Needs], Task | Unreadable]


def as_json(task: Task) -> Mapping[str, Any]:
    """A task as a demonstration shows it."""
    return {
        "instruction": task.instruction,
        "category": task.category or "",
        "is_classification": task.is_classification,
        "instances": [{"input": i.input, "output": i.output} for i in task.instances],
    }
