"""Wrong answers on request: tasks of a reply whose outputs are not what their instruction asks for.

{"input": "4, 9", "output": "13", "answer_key": {…, "check": "number", "answer": "13"}}
{"input": "4, 9", "output": "16", "answer_key": {…, "check": "number", "answer": "13"}}      `wrong`
{"input": "4, 9", "output": "16"}                                                            `unkeyed` too
"""

import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

from builder.answers import AnswerKey, check_answer
from builder.procedural.families import FAMILIES
from builder.text import normalise

_DIGIT = re.compile(r"\d")
_SEPARATORS = (", ", "、", "，", "; ", "\n", " ")


def spoil(content: str, *, wrong: float, unkeyed: float, slips: float, rng: random.Random) -> str:
    """Spoil some tasks of a reply, or some answers and marks of a check reply; any other content stays as it is.

    Args:
        content: as the teacher composed it.
        wrong: share of the tasks that get wrong outputs, none of which passes its key.
        unkeyed: share of the tasks that are sent without answer keys.
        slips: share of the answers and marks in a check reply that are wrong.
        rng: decides which ones, and how they are wrong.
    """
    try:
        reply = json.loads(content)
    except ValueError:
        return content
    if not isinstance(reply, dict) or not reply.keys() & {"tasks", "answers", "scores"}:
        return content
    for entry in [*reply.get("answers", ()), *reply.get("scores", ())]:
        if rng.random() < slips:
            _slip(entry, rng)
    for task in reply.get("tasks", ()):
        is_wrong, is_unkeyed = rng.random() < wrong, rng.random() < unkeyed
        for instance in task.get("instances", ()):
            if is_wrong:
                instance["output"] = _mistaken(instance["answer_key"], rng)
            if is_unkeyed:
                del instance["answer_key"]
    return json.dumps(reply, ensure_ascii=False)


def _slip(entry: dict[str, Any], rng: random.Random) -> None:
    if entry.get("answer") is not None:
        entry["answer"] = f"{rng.randint(10, 99)} {entry['answer'][::-1]}"
    elif entry.get("score") is not None:
        entry["score"] = 6 - entry["score"]


def _mistaken(key: Mapping[str, Any], rng: random.Random) -> str:
    """A wrong answer of the right kind where there is one: another label, another number, items in another order."""
    right = AnswerKey(key["family"], key["check"], key["answer"])
    for text in _attempts(right, rng):
        # Also another text to a reader who ignores case, so that not only the key can tell.
        if text and not check_answer(right, text).passed and normalise(text) != normalise(right.answer):
            return text
    return f"{right.answer} {right.answer}"


def _attempts(right: AnswerKey, rng: random.Random) -> Iterator[str]:
    operation = FAMILIES[right.family.removeprefix("chain:")]
    for labels in (operation.output.labels.en, operation.output.labels.zh):
        if right.answer in labels:
            others = [label for label in labels if label != right.answer]
            yield from rng.sample(others, len(others))
    digits = list(_DIGIT.finditer(right.answer))
    if digits:
        place = rng.choice(digits)
        yield f"{right.answer[: place.start()]}{(int(place[0]) + rng.randint(1, 9)) % 10}{right.answer[place.end() :]}"
    for separator in _SEPARATORS:
        items = right.answer.split(separator)
        if len(items) > 1:
            yield separator.join([*items[1:], items[0]])
            yield separator.join(items[:-1])
    middle = len(right.answer) // 2
    yield right.answer[middle:] + right.answer[:middle]
    yield right.answer[:-1]
