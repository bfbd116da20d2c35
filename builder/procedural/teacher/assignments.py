"""What the embedded teacher answers to the recipes that ask about tasks it is shown.

    - number of instructions: 8        - 指令数量：8              instructions without instances
    - number of tasks to judge: 8      - 待判断的任务数：8         classification or not
    - order of instances: output first - 实例顺序：先输出          labels, then instances
    - way of evolving: deeper          - 演化方式：加深            one task more out of the one shown
    - number of phrasings: 3           - 说法数量：3              other wordings of the task shown
    - rounds: 3                        - 对话轮数：3              a conversation that opens with the task shown

The tasks are the lines of the prompt that are JSON objects with an `instruction`. What it cannot take apart it says so about.
"""

import json
import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.procedural.families import (
    FAMILIES,
    Language,
    ProceduralInstance,
    ProceduralTask,
    broaden,
    converse,
    deepen,
    draw_inputs,
    list_labels,
    recognise,
    rephrase,
)
from builder.text import detect_language

_LINE = r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:{name})\s*[:：]\s*{value}"
_ASSIGNMENTS = {
    "judge": ("number of tasks to judge|待判断的任务数", r"(\d{1,4})\b"),
    "instances": ("order of instances|实例顺序", r"(\S[^\n]*)"),
    "evolve": ("way of evolving|演化方式", r"(\S[^\n]*)"),
    "rephrase": ("number of phrasings|说法数量", r"(\d{1,4})\b"),
    "converse": ("rounds|对话轮数", r"(\d{1,2})\b"),
}
_FLAGS = re.IGNORECASE | re.MULTILINE
_PATTERNS = {
    kind: re.compile(_LINE.format(name=name, value=value), _FLAGS) for kind, (name, value) in _ASSIGNMENTS.items()
}
_SYSTEM = re.compile(_LINE.format(name="system prompt|系统提示", value=r"(yes|要)\s*$"), _FLAGS)
_MOST_PHRASINGS, _MOST_ROUNDS = 16, 10

_CANNOT: dict[Language, str] = {
    "en": "I am sorry: as a procedural teacher I cannot do this with a task that is not one of mine, or has no room left.",
    "zh": "抱歉，我是程序化教师，这条任务不是我编的，或者已经没有余地，我做不到。",
}
_CHARACTERS: dict[Language, tuple[str, ...]] = {
    "en": (
        "You work through data exactly as asked and answer with the result alone.",
        "You are a careful clerk: short answers, no comments.",
        "Answer each message with its result and nothing else.",
    ),
    "zh": (
        "你严格按要求处理数据，只回答结果。",
        "你是细心的文员，回答简短，不加评论。",
        "每条消息都只回复结果，不说别的。",
    ),
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a prompt wants done with the tasks it shows.

    Attributes:
        kind: judge, instances, evolve, rephrase or converse.
        value: the number or word that the prompt states.
        tasks: the JSON objects that it shows, in order.
        text: the whole prompt.
    """

    kind: str
    value: str
    tasks: tuple[Mapping[str, Any], ...]
    text: str


def read_assignment(text: str) -> Assignment | None:
    """The assignment that a prompt states, or None; the last statement counts."""
    for kind, pattern in _PATTERNS.items():
        if stated := pattern.findall(text):
            return Assignment(kind, stated[-1].strip().lower(), tuple(_shown(text)), text)
    return None


def do_assignment(
    assignment: Assignment, rng: random.Random, *, families: Collection[str], instances: int, max_steps: int
) -> str:
    """The reply's text.

    Args:
        families: those of the model.
        instances: inputs for each task.
        max_steps: most operations of a task.
    """
    if assignment.kind in ("judge", "instances"):
        work = _judge if assignment.kind == "judge" else _give_instances
        entries = [work(assignment, task, rng, families, instances) for task in assignment.tasks]
        return _reply(entry for entry in entries if entry is not None)
    task = assignment.tasks[-1] if assignment.tasks else {}
    instruction = str(task.get("instruction", ""))
    match assignment.kind:
        case "evolve":
            change = broaden if assignment.value in ("broader", "拓宽") else deepen
            evolved = change(instruction, rng, families=families, instances=instances, max_depth=max_steps)
            done = None if evolved is None else [task_as_json(evolved)]
        case "rephrase":
            wordings = rephrase(instruction, rng, min(int(assignment.value), _MOST_PHRASINGS))
            done = None if wordings is None else [{"instruction": wording} for wording in wordings]
        case _:
            rounds = converse(instruction, rng, families=families, rounds=min(int(assignment.value), _MOST_ROUNDS))
            done = None if rounds is None else [_conversation(rounds, assignment, rng)]
    return _CANNOT[_language_of(assignment.text)] if done is None else _reply(done)


def task_as_json(task: ProceduralTask) -> dict[str, Any]:
    """A whole task as a reply holds it."""
    return {
        "instruction": task.instruction,
        "category": task.category,
        "language": task.language,
        "is_classification": task.is_classification,
        "instances": [_instance_as_json(item) for item in task.instances],
    }


def _instance_as_json(item: ProceduralInstance) -> dict[str, Any]:
    return {"input": item.input, "output": item.output, "answer_key": json.loads(item.answer_key)}


def _judge(
    assignment: Assignment, task: Mapping[str, Any], rng: random.Random, families: Collection[str], instances: int
) -> dict[str, Any]:
    known = recognise(str(task["instruction"]))
    closed = known is not None and FAMILIES[known.operations[-1]].is_classification
    return {"number": task.get("number"), "is_classification": closed}


def _give_instances(
    assignment: Assignment, task: Mapping[str, Any], rng: random.Random, families: Collection[str], instances: int
) -> dict[str, Any] | None:
    """Labels and instances, or nothing for a task that is not procedural."""
    instruction = str(task["instruction"])
    drawn = draw_inputs(instruction, rng, instances, families)
    if not drawn:
        return None
    entry: dict[str, Any] = {"number": task.get("number")}
    listed = [_instance_as_json(item) for item in drawn]
    if assignment.value in ("output first", "先输出"):
        entry["labels"] = list_labels(instruction)
        listed = [{"output": item["output"], **item} for item in listed]
    return entry | {"instances": listed}


def _conversation(rounds: Sequence[tuple[str, str]], assignment: Assignment, rng: random.Random) -> dict[str, Any]:
    turns = [
        {"role": role, "content": text}
        for pair in rounds
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    system = {}
    if _SYSTEM.search(assignment.text):
        system["system"] = rng.choice(_CHARACTERS[_language_of(assignment.text)])
    return {**system, "messages": turns}


def _shown(text: str) -> list[Mapping[str, Any]]:
    shown: list[Mapping[str, Any]] = []
    for line in text.splitlines():
        if line.startswith('{"') and '"instruction"' in line:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and isinstance(value.get("instruction"), str):
                shown.append(value)
    return shown


def _reply(entries: Any) -> str:
    return json.dumps({"tasks": list(entries)}, ensure_ascii=False)


def _language_of(text: str) -> Language:
    return "zh" if detect_language(text) == "zh" else "en"
