"""How the embedded teacher answers check requests: computed answers, and marks by them.

    {"id": 1, "instruction": "Add the numbers.", "input": "2, 3", "answer": "6"}     one line for each task
    {"scores": [{"id": 1, "problem": "…", "score": 4}]}                              the shape that is wanted, last

Asked for `scores`, it marks 5 or 1 and abstains where it does not know the task; asked for `answers`, it gives what it
computes and null where it cannot. It reads nothing but these lines, as any model could.
"""

import json
from collections.abc import Mapping
from typing import Any

from builder.answers import AnswerKey, check_answer
from builder.procedural.families import FAMILIES, answer, recognise


def answer_check(text: str) -> str | None:
    """Reply to a check request; None where the text is none."""
    lines = [_read_line(line) for line in text.split("\n")]
    last = next((value for line, value in zip(reversed(text.split("\n")), reversed(lines), strict=True) if line), None)
    tasks = [value for value in lines if value is not None and isinstance(value.get("id"), int)]
    if last is None or not tasks:
        return None
    if "scores" in last:
        return json.dumps({"scores": [_mark(task) for task in tasks]}, ensure_ascii=False)
    if "answers" in last:
        answers = [{"id": task["id"], "answer": _computed(task)} for task in tasks]
        return json.dumps({"answers": answers}, ensure_ascii=False)
    return None


def _read_line(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _task(line: Mapping[str, Any]) -> tuple[str, str]:
    """Instruction and input; of a conversation those of its last message."""
    if "conversation" in line:
        instruction, _, given = str(line["conversation"][-1]["content"]).partition("\n\n")
        return instruction, given
    return str(line.get("instruction", "")), str(line.get("input", ""))


def _computed(line: Mapping[str, Any]) -> str | None:
    return answer(*_task(line))


def _mark(line: Mapping[str, Any]) -> dict[str, Any]:
    known, right = recognise(_task(line)[0]), _computed(line)
    if known is None or right is None:
        return {"id": line["id"], "problem": "", "score": None}
    key = AnswerKey("", FAMILIES[known.operations[-1]].answer_check, right)
    if check_answer(key, str(line.get("answer", ""))).passed:
        return {"id": line["id"], "problem": "", "score": 5}
    return {"id": line["id"], "problem": right, "score": 1}
