"""What a procedural family is made of: kinds of values, and operations between them.

`sort the lap times` is the operation `numbers_ascending` on the kind `numbers`; the theme "the lap times of the runners"
belongs to the kind, the wording "sort {x} from smallest to largest" to the operation.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from builder.answers import CheckKind

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

V = TypeVar("V")
A = TypeVar("A")
B = TypeVar("B")

Sampler = Callable[[random.Random, Language, bool], V]


class InapplicableError(Exception):
    """An operation makes no sensible task of this value (an empty result, a tie); another value is drawn instead."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The same things said in each language, several ways."""

    zh: tuple[str, ...]
    en: tuple[str, ...]

    def of(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


def wording(*, zh: str, en: str) -> Wording:
    """Read a wording written compactly, its alternatives separated by `|`."""
    return Wording(
        tuple(part.strip() for part in zh.split("|")),
        tuple(part.strip() for part in en.split("|")),
    )


NOTHING = Wording((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[V]):
    """A kind of value: how it is drawn, written and read back.

    Attributes:
        name: unique among kinds.
        check: how an answer of this kind is checked.
        render: the value as the text of an input or an output.
        parse: the inverse of `render`; raises ValueError for a text of another kind.
        sample: draws an input (random source, language, whether the closed pools of the learnable tier are wanted), or None
            where the kind is only ever an output.
        themes: what an instruction calls such an input: noun phrases, each belonging to this kind alone.
        given: how an instruction refers back to an input that it has just named.
        result: how a later step refers to a value of this kind that an earlier step made.
        labels: the closed set of answers where the kind is a label, else empty.
    """

    name: str
    check: CheckKind
    render: Callable[[V, Language], str]
    parse: Callable[[str, Language], V]
    sample: Sampler[V] | None = None
    themes: Wording = NOTHING
    given: Wording = NOTHING
    result: Wording = NOTHING
    labels: Wording = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Operation(Generic[A, B]):
    """One family: a pure function between two kinds, and the ways to ask for it.

    Attributes:
        name: the family's name.
        category: the task category of an instruction that ends with this step.
        input: the kind that it takes.
        output: the kind that it gives.
        apply: the function; raises InapplicableError where the value makes no sensible task.
        phrasings: imperatives, each with one `{x}` for what it acts on; English ones start in lower case.
        check: overrides the output kind's check.
        sample: overrides the input kind's sampler where the operation comes first.
    """

    name: str
    category: str
    input: Kind[A]
    output: Kind[B]
    apply: Callable[[A], B]
    phrasings: Wording
    check: CheckKind | None = None
    sample: Sampler[A] | None = None

    @property
    def answer_check(self) -> CheckKind:
        return self.check or self.output.check

    @property
    def is_classification(self) -> bool:
        return bool(self.output.labels.en)


AnyKind = Kind[Any]
AnyOperation = Operation[Any, Any]


def label_kind(name: str, *, zh: str, en: str) -> Kind[int]:
    """A closed set of answers, written in each language; the value is the position in the set."""
    labels = wording(zh=zh, en=en)

    def render(value: int, language: Language) -> str:
        return labels.of(language)[value]

    def parse(text: str, language: Language) -> int:
        return labels.of(language).index(text.strip())

    return Kind(name, "choice", render, parse, labels=labels)


def text_kind(name: str, check: CheckKind) -> Kind[str]:
    """A text that only ever stands at the end of a chain."""
    return Kind(name, check, lambda value, language: value, lambda text, language: text)
