"""What else can be made of a procedural task: another wording, a deeper or broader task, a conversation about its data.

    "Total the ages of everyone in the choir."
        rephrase  → "You are handed the ages of everyone in the choir. Add up these numbers."
        deepen    → "Working from the ages of everyone in the choir, first keep the even ones …, then total …."
        converse  → ("Total the ages of everyone in the choir.\\n\\n14, 20, 8", "42"), ("Next, double the result.", "84"), …

Everything is computed, so it is as right as the task itself. An instruction that is not procedural gives None.
"""

import random
import re
from collections.abc import Collection, Iterator
from typing import Any

from builder.procedural.families.catalogue import LEARNABLE, OPERATIONS
from builder.procedural.families.operation import AnyKind, AnyOperation, InapplicableError, Language, Wording, wording
from builder.procedural.families.phrasing import MAX_DEPTH, Reading, phrase, read
from builder.procedural.families.tasks import (
    Chain,
    ProceduralInstance,
    ProceduralTask,
    as_instance,
    chosen,
    draw_instances,
    word_chain,
)
from builder.text import count_words, fingerprint

# Wordings of one chain tried before a variation is given up.
_TRIES = 12
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_STEP_MARK = re.compile(r"\bstep \d:|\(\d\)", re.IGNORECASE)
_GOES_ON = wording(
    en="Next, {x}. | Good. Now {x}. | Thanks; as a further step, {x}. | One more thing: {x}.",
    zh="接着{x}。 | 好，现在{x}。 | 谢谢，再进一步：{x}。 | 还有一步：{x}。",
)
_GOES_BACK = wording(
    en="Back to what I sent first: {x}. | Once more from my first message: {x}.",
    zh="回到我最先发的内容：{x}。 | 还是用我第一条消息里的内容：{x}。",
)
_AGAIN = wording(
    en="Now do the same with this: | And what do you get for this one?",
    zh="用同样的办法处理这一份： | 换成下面这份，结果是什么？",
)
# How often a conversation takes up the same question with other data, where it could go on with its result.
_SHARE_AGAIN = 0.2


def draw_inputs(
    instruction: str, rng: random.Random, count: int, families: Collection[str]
) -> tuple[ProceduralInstance, ...]:
    """Inputs with their outputs for an instruction that `make_task` worded; empty where it is not one.

    Args:
        families: if all are in `LEARNABLE`, inputs come from the closed pools of that tier.
    """
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return ()
    small = LEARNABLE.issuperset(families)
    drawn = draw_instances(reading.chain, rng, reading.language, count, small=small)
    return tuple(as_instance(value, result, reading.chain, reading.language) for value, result in drawn)


def list_labels(instruction: str) -> tuple[str, ...] | None:
    """The closed set of answers of a procedural task, empty where it has none; None for any other instruction."""
    reading = read(instruction, OPERATIONS)
    return None if reading is None else reading.chain[-1].output.labels.of(reading.language)


def rephrase(instruction: str, rng: random.Random, count: int) -> tuple[str, ...] | None:
    """Up to `count` other wordings with the same steps, theme and digits, all different; None for other instructions."""
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return None
    found: dict[str, str] = {fingerprint(instruction): instruction}
    for _ in range(count * _TRIES):
        if len(found) > count:
            break
        text = phrase(reading.chain, rng, reading.language, small=False, theme=reading.theme)
        if _digits(text) == _digits(instruction):
            found.setdefault(fingerprint(text), text)
    return tuple(found.values())[1:]


def _digits(text: str) -> set[str]:
    """The numbers that an instruction names: "twice" and "by 2" are the same, but a wording keeps one or the other."""
    return set(_NUMBER.findall(_STEP_MARK.sub("", text)))


def deepen(
    instruction: str, rng: random.Random, *, families: Collection[str], instances: int, max_depth: int
) -> ProceduralTask | None:
    """The same task with one step more, in more words than before.

    Args:
        families: names that the new step is drawn from.
        instances: inputs of the new task.
        max_depth: most steps, at most `MAX_DEPTH`.

    Returns:
        None where the instruction is not procedural, or no step fits.
    """
    reading = read(instruction, OPERATIONS)
    if reading is None or len(reading.chain) >= min(max_depth, MAX_DEPTH):
        return None
    operations = chosen(families)
    behind = [(*reading.chain, o) for o in operations if o.input is reading.chain[-1].output]
    before = [(o, *reading.chain) for o in operations if o.output is reading.chain[0].input]
    words = count_words(instruction)
    for chain in (*_shuffled(behind, rng), *_shuffled(before, rng)):
        if len(set(chain)) == len(chain):
            task = _word(chain, reading, rng, instances, families, longer_than=words)
            if task is not None:
                return task
    return None


def broaden(
    instruction: str, rng: random.Random, *, families: Collection[str], instances: int, max_depth: int
) -> ProceduralTask | None:
    """Another task about the same data, which shares no step with this one; None where there is none."""
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return None
    operations = [operation for operation in chosen(families) if operation not in reading.chain]
    for first in _shuffled([o for o in operations if o.input is reading.chain[0].input], rng):
        chain: Chain = (first,)
        for _ in range(rng.randrange(min(max_depth, MAX_DEPTH))):
            further = [o for o in operations if o.input is chain[-1].output and o not in chain]
            if not further:
                break
            chain = (*chain, rng.choice(further))
        for shortened in (chain, (first,)):
            task = _word(shortened, reading, rng, instances, families)
            if task is not None:
                return task
    return None


def converse(
    instruction: str, rng: random.Random, *, families: Collection[str], rounds: int
) -> tuple[tuple[str, str], ...] | None:
    """A conversation that opens with a task and goes on with its data or its result.

    Returns:
        `rounds` pairs of what the user says and what is right to answer; None where the instruction is not procedural.
    """
    reading = read(instruction, OPERATIONS)
    if reading is None:
        return None
    small, language = LEARNABLE.issuperset(families), reading.language
    drawn = draw_instances(reading.chain, rng, language, rounds, small=small) or draw_instances(
        reading.chain, rng, language, 1, small=small
    )
    if not drawn:
        return None
    (first, last), *others = drawn
    opening = phrase(reading.chain, rng, language, small=small, theme=reading.theme)
    kind = reading.chain[-1].output
    turns = [_turn(f"{opening}\n\n{reading.chain[0].input.render(first, language)}", kind, last, language)]
    unused = [operation for operation in chosen(families) if operation not in reading.chain]
    while len(turns) < rounds:
        # The data or the result is what the next question is about; one more input of the same task where neither gives one.
        follow = None if others and rng.random() < _SHARE_AGAIN else _follow_up(unused, kind, last, rng, language)
        if follow is None and not others:
            follow = _follow_up(unused, reading.chain[0].input, first, rng, language, back=True)
        if follow is not None:
            operation, text, last = follow
            unused.remove(operation)
            kind = operation.output
            turns.append(_turn(text, kind, last, language))
        elif others:
            value, last = others.pop()
            first, kind = value, reading.chain[-1].output
            asked = rng.choice(_AGAIN.of(language))
            turns.append(_turn(f"{asked}\n\n{reading.chain[0].input.render(value, language)}", kind, last, language))
        else:
            return None
    return tuple(turns)


def _follow_up(
    operations: list[AnyOperation],
    kind: AnyKind,
    value: Any,
    rng: random.Random,
    language: Language,
    *,
    back: bool = False,
) -> tuple[AnyOperation, str, Any] | None:
    """An operation on a value, the words that ask for it, and its result; only one that changes something."""
    frames, subjects = (_GOES_BACK, kind.given) if back else (_GOES_ON, kind.result)
    if not subjects.of(language):
        return None
    for operation in _shuffled([o for o in operations if o.input is kind], rng):
        try:
            result = operation.apply(value)
        except (InapplicableError, ValueError, ArithmeticError):
            continue
        text = operation.output.render(result, language)
        if text and text != kind.render(value, language):
            return operation, _ask(operation, frames, subjects, rng, language), result
    return None


def _ask(operation: AnyOperation, frames: Wording, subjects: Wording, rng: random.Random, language: Language) -> str:
    body = rng.choice(operation.phrasings.of(language)).replace("{x}", rng.choice(subjects.of(language)))
    return rng.choice(frames.of(language)).replace("{x}", body)


def _turn(text: str, kind: AnyKind, value: Any, language: Language) -> tuple[str, str]:
    return text, kind.render(value, language)


def _word(
    chain: Chain,
    reading: Reading,
    rng: random.Random,
    instances: int,
    families: Collection[str],
    *,
    longer_than: int = 0,
) -> ProceduralTask | None:
    """A chain as a task, on the reading's theme where its first step takes the same data."""
    theme = reading.theme if chain[0].input is reading.chain[0].input else None
    small = LEARNABLE.issuperset(families)
    for _ in range(_TRIES):
        task = word_chain(chain, rng, language=reading.language, instances=instances, small=small, theme=theme)
        if task is None:
            return None
        if count_words(task.instruction) > longer_than:
            return task
    return None


def _shuffled(items: list[Any], rng: random.Random) -> Iterator[Any]:
    yield from rng.sample(items, len(items))
