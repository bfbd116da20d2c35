"""From the text of a reply to the task objects in it, or to the reason why there are none.

    ```json
    {"tasks": [{"instruction": "Sort the words.", …}, {"instruction": "Trans        ← cut by length

gives the first object whole and `cut_by_length` for the second. Nothing is guessed: a cut reply gives only the objects
that are certainly whole, and case is never changed.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import json_repair

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_EVIDENCE = 160  # characters of a reply shown as evidence
_LIST_KEYS = ("tasks", "任务", "data", "items", "examples", "samples")


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """The task objects of one reply.

    Attributes:
        values: JSON values, in order.
        repaired: the text was not JSON and had to be mended.
        problem: why the reply, or its end, could not be read: `cut_by_length`, `not_json`, or None.
        evidence: the text that shows the problem.
    """

    values: tuple[Any, ...]
    repaired: bool = False
    problem: str | None = None
    evidence: str = ""


def parse_reply(content: str, finish_reason: str) -> ParsedReply:
    """Find the task objects in a reply.

    Args:
        content: the assistant message's text.
        finish_reason: `length` means that the end is missing.
    """
    text = _strip(content)
    if finish_reason == "length":
        values, rest = _whole_objects(text)
        return ParsedReply(tuple(values), problem="cut_by_length", evidence=rest[-_EVIDENCE:])
    value, repaired = _read_json(text)
    tasks = _task_list(value)
    if tasks is None:
        return ParsedReply((), problem="not_json", evidence=content[:_EVIDENCE])
    return ParsedReply(tuple(tasks), repaired=repaired)


def _strip(content: str) -> str:
    text = _THINKING.sub("", content).strip().removeprefix("\ufeff")
    fenced = _FENCE.search(text)
    return fenced.group(1).strip() if fenced and "{" in fenced.group(1) else text


def _read_json(text: str) -> tuple[Any, bool]:
    start = min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=-1)
    if start < 0:
        return None, False
    try:
        return json.JSONDecoder().raw_decode(text, start)[0], False
    except (ValueError, RecursionError):
        pass
    if not text.rstrip().endswith(("}", "]")):
        # Repair would close a string that has no end and make a cut answer look whole.
        return _whole_objects(text)[0] or None, True
    try:
        return json_repair.loads(text[start:]), True
    except (ValueError, RecursionError):
        return None, True


def _task_list(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        if "instruction" in value:
            return [value]
        value = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return value
    return None


def _whole_objects(text: str) -> tuple[list[Any], str]:
    """All complete objects that hold an instruction, and the text after the last of them."""
    decoder = json.JSONDecoder()
    values: list[Any] = []
    position = text.find("[") + 1
    while (start := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        if isinstance(value, dict) and "instruction" in value:
            values.append(value)
    return values, text[position:]
