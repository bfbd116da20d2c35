"""What the embedded teacher says: new tasks where a prompt states its needs, an answer where it is a task, else who it is.

The needs are lines that any model can read, in English or Chinese:

    - number of tasks: 8              - 任务数量：8
    - language: English               - 语言：中文
    - categories: planning, code      - 类别：planning, code
    - instances per task: 2           - 每个任务的实例数：2
    - maximum steps: 3                - 最多步骤：3
"""

import json
import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from builder.families import FAMILIES, LEARNABLE, Language, ProceduralTask, answer, make_task
from builder.text import detect_language, fingerprint

# The learnable model stays with two steps: a tiny model does not learn three.
_LEARNABLE_STEPS = 2
MODELS: dict[str, tuple[Collection[str], int]] = {
    "seedbed-procedural": (frozenset(FAMILIES), 3),
    "seedbed-procedural-learnable": (LEARNABLE, _LEARNABLE_STEPS),
}

_MOST_TASKS = 100
# Every family has at least this many different inputs.
_MOST_INSTANCES = 20
# Candidates drawn for each task before a reply goes out with fewer tasks than were asked for.
_TRIES = 20

_NEEDS = {
    "tasks": re.compile(
        r"^\s*[-*•]?\s*(?:number of tasks|任务数量)\s*[:：]\s*(\d{1,4})\b", re.IGNORECASE | re.MULTILINE
    ),
    "language": re.compile(r"^\s*[-*•]?\s*(?:language|语言)\s*[:：]\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE),
    "categories": re.compile(r"^\s*[-*•]?\s*(?:categories|类别)\s*[:：]\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE),
    "instances": re.compile(
        r"^\s*[-*•]?\s*(?:instances per task|每个任务的实例数)\s*[:：]\s*(\d{1,4})\b", re.IGNORECASE | re.MULTILINE
    ),
    "steps": re.compile(r"^\s*[-*•]?\s*(?:maximum steps|最多步骤)\s*[:：]\s*(\d{1,4})\b", re.IGNORECASE | re.MULTILINE),
}

_WHO: dict[Language, str] = {
    "en": (
        "I am Seedbed's procedural teacher. I invent tasks whose answers I can compute, if you state "
        '"- number of tasks: 8", and I answer such tasks when you send me an instruction, a blank line and its input. '
        "Other questions need a language model."
    ),
    "zh": (
        "我是 Seedbed 的程序化教师。写明“- 任务数量：8”，我就编出答案可以算出来的任务；"
        "把这类任务的指令、一个空行和输入发给我，我就作答。其他问题需要语言模型。"
    ),
}


@dataclass(frozen=True, slots=True)
class TaskNeeds:
    """What a prompt asks for."""

    tasks: int
    language: Language
    categories: tuple[str, ...]
    instances: int
    steps: int


def compose_reply(model: str, user_messages: Sequence[str], reply_hash: str) -> str:
    """Answer the last user message.

    Args:
        model: a key of `MODELS`.
        user_messages: the texts of the user's turns, oldest first; may be empty.
        reply_hash: decides everything that is drawn.
    """
    text = user_messages[-1] if user_messages else ""
    needs = read_needs(text)
    if needs is not None:
        tasks = _invent(model, needs, random.Random(reply_hash))
        return json.dumps({"tasks": [_as_json(task) for task in tasks]}, ensure_ascii=False)
    instruction, _, given = text.partition("\n\n")
    return answer(instruction, given) or _WHO[_language_of(text)]


def read_needs(text: str) -> TaskNeeds | None:
    """Read the needs that a prompt states; None where it states no number of tasks. The last statement of a need counts."""
    found = {name: matches[-1] for name, pattern in _NEEDS.items() if (matches := pattern.findall(text))}
    if "tasks" not in found:
        return None
    return TaskNeeds(
        tasks=min(int(found["tasks"]), _MOST_TASKS),
        language=_named_language(found["language"]) if "language" in found else _language_of(text),
        categories=tuple(
            part.strip().lower() for part in re.split("[,，、]", found.get("categories", "")) if part.strip()
        ),
        instances=min(max(int(found.get("instances", 1)), 1), _MOST_INSTANCES),
        steps=max(int(found.get("steps", 3)), 1),
    )


def _named_language(name: str) -> Language:
    return "zh" if name.lower().startswith(("zh", "chinese", "中文", "汉语", "简体")) else "en"


def _language_of(text: str) -> Language:
    return "zh" if detect_language(text) == "zh" else "en"


def _invent(model: str, needs: TaskNeeds, rng: random.Random) -> list[ProceduralTask]:
    families, most_steps = MODELS[model]
    tasks: dict[str, ProceduralTask] = {}
    for _ in range(needs.tasks * _TRIES):
        if len(tasks) == needs.tasks:
            break
        task = make_task(
            rng,
            language=needs.language,
            families=families,
            categories=needs.categories or None,
            instances=needs.instances,
            max_depth=min(needs.steps, most_steps),
        )
        tasks.setdefault(fingerprint(task.instruction), task)
    return list(tasks.values())


def _as_json(task: ProceduralTask) -> dict[str, Any]:
    return {
        "instruction": task.instruction,
        "category": task.category,
        "language": task.language,
        "is_classification": task.is_classification,
        "instances": [
            {"input": item.input, "output": item.output, "answer_key": json.loads(item.answer_key)}
            for item in task.instances
        ],
    }
