"""Tasks made of chains of operations, and the answers to such tasks."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from builder.answers import AnswerKey
from builder.errors import UsageError, nearest
from builder.language.messages import worded
from builder.procedural.families.catalogue import FAMILIES, LEARNABLE, OPERATIONS
from builder.procedural.families.operation import AnyOperation, InapplicableError, Language
from builder.procedural.families.phrasing import MAX_DEPTH, phrase, read

Chain = tuple[AnyOperation, ...]

# Weights of depth 1, 2 and 3: depth is what keeps instructions apart, and the learnable tier wants them short.
_DEPTHS = (0.25, 0.4, 0.35)
_SMALL_DEPTHS = (0.62, 0.33, 0.05)
_PROBES = 8
# A label is drawn among those that this many inputs lead to, so that each is about as frequent.
_BALANCE = 8
_INPUT_TRIES = 40
_TASK_TRIES = 200


@dataclass(frozen=True, slots=True)
class ProceduralInstance:
    """One input with its computed output and the JSON of its `AnswerKey`."""

    input: str
    output: str
    answer_key: str


@dataclass(frozen=True, slots=True)
class ProceduralTask:
    """An instruction and its instances.

    Attributes:
        instruction: what to do; holds no data.
        category: the category of the last operation.
        language: `zh` or `en`.
        is_classification: whether the answers come from a closed set of labels.
        family: the operation's name, or `chain:<last operation>` where there are several.
        instances: distinct inputs with their outputs.
    """

    instruction: str
    category: str
    language: Language
    is_classification: bool
    family: str
    instances: tuple[ProceduralInstance, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """What an instruction asks for: the names of its operations in order, its theme and its language."""

    operations: tuple[str, ...]
    theme: str
    language: Language


def make_task(
    rng: random.Random,
    *,
    language: Language,
    families: Collection[str],
    categories: Collection[str] | None,
    instances: int,
    max_depth: int,
    classification: bool | None = None,
) -> ProceduralTask:
    """Invent a task.

    Args:
        rng: decides everything: the same state gives the same task.
        language: of the instruction and the inputs.
        families: names of `FAMILIES` to draw from. If all are in `LEARNABLE`, inputs come from the closed pools of that tier.
        categories: wanted task categories, or None for any. Those that no family serves are ignored; if none remains,
            any is used.
        instances: how many distinct inputs, at least 1.
        max_depth: the longest chain, from 1; more than 3 counts as 3.
        classification: whether the answers come from a closed set of labels, or None for either; it goes before the
            categories where no family serves both.

    Raises:
        UsageError: an unknown family, no family, or a number below 1.
    """
    operations = chosen(families)
    if instances < 1 or max_depth < 1:
        raise UsageError(
            worded(
                "a task needs at least 1 instance and depth 1, not {instances} and {max_depth}",
                instances=instances,
                max_depth=max_depth,
            )
        )
    of_kind = [one for one in operations if classification in (None, one.is_classification)] or operations
    last_steps = [one for one in of_kind if categories and one.category in categories] or of_kind
    small = LEARNABLE.issuperset(families)
    for _ in range(_TASK_TRIES):
        chain = _draw_chain(rng, operations, last_steps, min(max_depth, MAX_DEPTH), small=small)
        task = word_chain(chain, rng, language=language, instances=instances, small=small)
        if task is not None:
            return task
    raise UsageError(
        worded(
            "no task with {instances} different inputs came out of {task_tries} tries with these families",
            instances=instances,
            task_tries=_TASK_TRIES,
        ),
        worded("ask for fewer instances per task or for more families"),
    )


def word_chain(
    chain: Chain, rng: random.Random, *, language: Language, instances: int, small: bool, theme: str | None = None
) -> ProceduralTask | None:
    """The task that a chain of operations makes, worded anew; None where a step does not matter or inputs do not suffice.

    Args:
        theme: what the instruction calls its input, one of the first operation's; None draws it.
    """
    if not is_sensible(chain, language, small):
        return None
    instruction = phrase(chain, rng, language, small=small, theme=theme)
    drawn = draw_instances(chain, rng, language, instances, small=small)
    if not drawn:
        return None
    last = chain[-1]
    return ProceduralTask(
        instruction=instruction,
        category=last.category,
        language=language,
        is_classification=last.is_classification,
        family=last.name if len(chain) == 1 else f"chain:{last.name}",
        instances=tuple(as_instance(value, result, chain, language) for value, result in drawn),
    )


def recognise(instruction: str) -> Recognised | None:
    """Take an instruction apart that `make_task` made; None for any other text."""
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return None
    return Recognised(tuple(operation.name for operation in reading.chain), reading.theme, reading.language)


def answer(instruction: str, input: str) -> str | None:
    """Answer a task that `recognise` knows.

    Args:
        instruction: as `make_task` words it.
        input: of the kind that the first operation takes, as its instances are written.

    Returns:
        The output, or None where the instruction is not known or the input is of another kind.
    """
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return None
    chain = reading.chain
    try:
        value = chain[0].input.parse(input, reading.language)
        return chain[-1].output.render(_steps(chain, value)[-1], reading.language)
    except (InapplicableError, ValueError, ArithmeticError):
        return None


def chosen(families: Collection[str]) -> list[AnyOperation]:
    """The operations of these names; raises UsageError for an unknown name or none at all."""
    if not families:
        raise UsageError(worded("no family to draw tasks from"), worded("name at least one family"))
    for name in families:
        if name not in FAMILIES:
            raise UsageError(
                worded("unknown family {name!r}{nearest}", name=name, nearest=nearest(name, FAMILIES)),
                worded("see builder.procedural.families.FAMILIES"),
            )
    wanted = frozenset(families)
    return [operation for operation in OPERATIONS if operation.name in wanted]


def _draw_chain(
    rng: random.Random,
    operations: Sequence[AnyOperation],
    last_steps: Sequence[AnyOperation],
    max_depth: int,
    *,
    small: bool,
) -> Chain:
    """Draw the last operation, then steps before it as long as some fit."""
    weights = (_SMALL_DEPTHS if small else _DEPTHS)[:max_depth]
    depth = rng.choices(range(1, max_depth + 1), weights)[0]
    chain: Chain = (rng.choice(last_steps),)
    while len(chain) < depth:
        before = [
            operation for operation in operations if operation.output is chain[0].input and operation not in chain
        ]
        if not before:
            break
        chain = (rng.choice(before), *chain)
    return chain


def _steps(chain: Chain, value: Any) -> list[Any]:
    """The value and what each operation makes of it."""
    values = [value]
    for operation in chain:
        values.append(operation.apply(values[-1]))
    return values


def _sample(chain: Chain, rng: random.Random, language: Language, small: bool) -> Any:
    sample = chain[0].sample or chain[0].input.sample
    if sample is None:
        raise TypeError(f"kind {chain[0].input.name} is never an input")
    return sample(rng, language, small)


# Bounded by the catalogue: one entry for each chain that its kinds allow.
@cache
def is_sensible(chain: Chain, language: Language, small: bool) -> bool:
    """Whether every step of a chain matters, judged on a few inputs drawn from the chain's own name.

    Sort-then-add, double-then-parity or remove-duplicates-then-maximum are not: leaving a step out changes nothing, or the
    answer is always the same.
    """
    if len(chain) == 1:
        return True
    rng = random.Random(" ".join(operation.name for operation in chain))
    runs: list[list[Any]] = []
    for _ in range(_PROBES):
        try:
            runs.append(_steps(chain, _sample(chain, rng, language, small)))
        except InapplicableError:
            continue
    if len(runs) * 2 < _PROBES:
        return False
    results = [chain[-1].output.render(run[-1], language) for run in runs]
    if max(map(results.count, results)) * 4 > 3 * len(results):
        return False
    return all(
        _matters(chain, runs, number) for number, operation in enumerate(chain) if operation.input is operation.output
    )


def _matters(chain: Chain, runs: list[list[Any]], number: int) -> bool:
    """Whether a step that could be left out changes the final result in at least a third of the runs."""
    changed = 0
    for run in runs:
        try:
            shortcut = _steps(chain[number + 1 :], run[number])[-1]
            changed += shortcut != run[-1]
        except InapplicableError:
            changed += 1
    return changed * 3 >= len(runs)


def draw_instances(
    chain: Chain, rng: random.Random, language: Language, count: int, *, small: bool
) -> list[tuple[Any, Any]]:
    """Distinct inputs with their results, or an empty list where they cannot be found."""
    candidates = _candidates(chain, rng, language, small=small)
    # The small tier's counts are as guessable as labels: 2 would be every second length of a Chinese word.
    if not (chain[-1].is_classification or (small and chain[-1].answer_check == "number")):
        drawn = list(islice(candidates, count))
        return drawn if len(drawn) == count else []
    found: list[tuple[Any, Any]] = []
    waiting: list[tuple[Any, Any]] = []
    for _ in range(count):
        waiting += islice(candidates, _BALANCE - len(waiting))
        if not waiting:
            return []
        label = rng.choice(sorted({result for _, result in waiting}))
        found.append(waiting.pop(next(at for at, (_, result) in enumerate(waiting) if result == label)))
    return found


def _candidates(chain: Chain, rng: random.Random, language: Language, *, small: bool) -> Iterator[tuple[Any, Any]]:
    """Different inputs with their results on which every step does something; ends when no more are found."""
    misses = 0
    seen: set[str] = set()
    while misses < _INPUT_TRIES:
        misses += 1
        value = _sample(chain, rng, language, small)
        text = chain[0].input.render(value, language)
        if text in seen:
            continue
        try:
            values = _steps(chain, value)
        except InapplicableError:
            continue
        idle = any(
            before == after
            for before, after, operation in zip(values, values[1:], chain, strict=False)
            if operation.input is operation.output
        )
        if not idle and chain[-1].output.render(values[-1], language) not in ("", text):
            seen.add(text)
            misses = 0
            yield value, values[-1]


def as_instance(value: Any, result: Any, chain: Chain, language: Language) -> ProceduralInstance:
    """One input and the result of a chain, as texts with their answer key."""
    family = chain[-1].name if len(chain) == 1 else f"chain:{chain[-1].name}"
    output = chain[-1].output.render(result, language)
    key = AnswerKey(family, chain[-1].answer_check, output)
    return ProceduralInstance(chain[0].input.render(value, language), output, key.to_json())
