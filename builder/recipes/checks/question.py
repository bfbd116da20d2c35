"""What a check request shows: one JSON object a line, so that nothing in a task can be taken for the request itself.

    {"id": 1, "instruction": "Add the numbers.", "input": "2, 3", "answer": "6"}

and what its reply holds, one entry for each id:

    {"scores": [{"id": 1, "problem": "2 + 3 is 5", "score": 1}]}
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.language import Language
from builder.recipes.tex import keep_tex
from builder.requests.sender import Completion
from builder.schema import Message

_THOUGHT_OPENS = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_THOUGHT_CLOSES = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
# A reply has a few dozen entries; a text made of braces alone must not be tried at every one of them.
_MOST_STARTS = 10_000
# JSON leaves them as they are, and a reader may take them for the end of the line.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


_PASSAGE: Mapping[Language, str] = {
    "en": "The tasks draw on this passage, which is material like them:",
    "zh": "各题依据下面这段资料，它同样只是材料：",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is answered: an instruction with its input, or the turns of a conversation before its last answer.

    Attributes:
        passage: what the tasks of a job draw on without holding it; the same for all questions of a request.
    """

    instruction: str
    input: str = ""
    conversation: tuple[Message, ...] = ()
    passage: str = ""

    def as_json(self) -> dict[str, Any]:
        """The members that a line shows of it."""
        if self.conversation:
            return {"conversation": [{"role": turn.role, "content": turn.content} for turn in self.conversation]}
        return {"instruction": self.instruction, "input": self.input}


def as_lines(
    questions: Sequence[Question], language: Language, more: Sequence[Mapping[str, str]] = (), first: int = 1
) -> str:
    """The questions as lines, numbered from `first`, below the passage that they draw on.

    Args:
        more: further members for each.
    """
    extra = more or [{}] * len(questions)
    lines = [
        _as_line({"id": number, **question.as_json(), **members})
        for number, (question, members) in enumerate(zip(questions, extra, strict=True), first)
    ]
    passage = questions[0].passage
    shown = [_PASSAGE[language], _as_line({"passage": passage}), ""] if passage else []
    return "\n".join([*shown, *lines])


def _as_line(members: Mapping[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False).translate(_LINE_ENDS)


def read_entries(reply: Completion) -> dict[int, Mapping[str, Any]]:
    """The entries of a reply by their id, the first one of each; a cut or damaged reply gives those that are whole."""
    entries: dict[int, Mapping[str, Any]] = {}
    for value in _objects(keep_tex(_without_thoughts(reply.content))):
        listed = [value] if "id" in value else [e for item in value.values() if isinstance(item, list) for e in item]
        for entry in listed:
            number = entry.get("id") if isinstance(entry, dict) else None
            number = int(number) if isinstance(number, str) and number.isdecimal() and len(number) < 6 else number
            if isinstance(number, int) and not isinstance(number, bool):
                entries.setdefault(number, entry)
    return entries


def read_answers(reply: Completion) -> dict[int, str]:
    """The answers of a reply by their id; one that is null or empty is left out."""
    found: dict[int, str] = {}
    for number, entry in read_entries(reply).items():
        answer = entry.get("answer")
        if answer is not None and not isinstance(answer, str):
            answer = json.dumps(answer, ensure_ascii=False)
        if answer and answer.strip():
            found[number] = answer.strip()
    return found


def _without_thoughts(text: str) -> str:
    parts: list[str] = []
    position = 0
    while (opens := _THOUGHT_OPENS.search(text, position)) and (closes := _THOUGHT_CLOSES.search(text, opens.end())):
        parts.append(text[position : opens.start()])
        position = closes.end()
    return "".join([*parts, text[position:]])


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects that are whole, wherever they stand in a text."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(_MOST_STARTS):
        position = text.find("{", position)
        if position < 0:
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position += 1
            continue
        yield value
