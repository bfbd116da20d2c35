"""What the embedded teacher says: new tasks where a prompt states its needs, what an assignment asks for, an answer where
it is a task, else who it is.

The needs are lines that any model can read, in English or Chinese:

    - number of tasks: 8              - 任务数量：8
    - language: English               - 语言：中文
    - categories: planning, code      - 类别：planning, code
    - instances per task: 2           - 每个任务的实例数：2
    - maximum steps: 3                - 最多步骤：3
    - kind: classification            - 题型：分类
"""

import json
import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from builder.procedural.families import FAMILIES, LEARNABLE, Language, ProceduralTask, answer, make_task
from builder.procedural.teacher.assignments import do_assignment, read_assignment, task_as_json
from builder.procedural.teacher.excerpts import ask_about, read_excerpt
from builder.procedural.teacher.grading import answer_check
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
        r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:number of (?:tasks|instructions)|任务数量|指令数量)\s*[:：]\s*(\d{1,4})\b",
        re.IGNORECASE | re.MULTILINE,
    ),
    "language": re.compile(
        r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:language|语言)\s*[:：]\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE
    ),
    "categories": re.compile(
        r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:categories|类别)\s*[:：]\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE
    ),
    "instances": re.compile(
        r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:instances per task|每个任务的实例数)\s*[:：]\s*(\d{1,4})\b",
        re.IGNORECASE | re.MULTILINE,
    ),
    "kind": re.compile(r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:kind|题型)\s*[:：]\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE),
    "steps": re.compile(
        r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:maximum steps|最多步骤)\s*[:：]\s*(\d{1,4})\b", re.IGNORECASE | re.MULTILINE
    ),
}

_INSTRUCTIONS_ALONE = re.compile(
    r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:number of instructions|指令数量)\s*[:：]", re.IGNORECASE | re.MULTILINE
)

_PEOPLE = re.compile(
    r"^[^\S\n]*+[-*•]?[^\S\n]*+(?:number of people|人数)\s*[:：]\s*(\d{1,3})\b", re.IGNORECASE | re.MULTILINE
)
# Who, where and what for: a description is one of each.
_DESCRIBED: dict[Language, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        ("A bookkeeper", "A school nurse", "A ferry pilot", "A librarian", "A baker", "A surveyor", "A choir leader"),
        ("in a harbour town", "at a village school", "in a large office", "on a small farm", "at a night market"),
        ("who checks lists every evening", "who compares dates and prices", "who sorts long notes", "who plans a move"),
    ),
    "zh": (
        ("会计", "校医", "渡轮驾驶员", "图书管理员", "面包师", "测量员", "合唱团团长"),
        ("在港口小镇", "在乡村小学", "在大公司", "在小农场", "在夜市"),
        ("每晚核对清单", "常要比较日期和价格", "正整理一大堆笔记", "正筹划搬家"),
    ),
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
    classification: bool | None = None


def compose_reply(model: str, user_messages: Sequence[str], reply_hash: str) -> str:
    """Answer the last user message.

    Args:
        model: a key of `MODELS`.
        user_messages: the texts of the user's turns, oldest first; may be empty.
        reply_hash: decides everything that is drawn.
    """
    text = user_messages[-1] if user_messages else ""
    if (excerpt := read_excerpt(text)) is not None:
        stated = _gather_needs(excerpt.rest)
        asked = ask_about(excerpt.text, stated.language, stated.tasks, random.Random(reply_hash))
        return json.dumps({"tasks": asked}, ensure_ascii=False)
    checked = answer_check(text)
    if checked is not None:
        return checked
    rng = random.Random(reply_hash)
    if (assignment := read_assignment(text)) is not None:
        stated = _gather_needs(text)
        families, most_steps = MODELS[model]
        return do_assignment(
            assignment, rng, families=families, instances=stated.instances, max_steps=min(stated.steps, most_steps)
        )
    if counted := _PEOPLE.findall(text):
        return _describe_people(int(counted[-1]), _gather_needs(text).language, rng)
    needs = read_needs(text)
    if needs is not None:
        tasks = [task_as_json(task) for task in _invent(model, needs, rng)]
        if _INSTRUCTIONS_ALONE.search(text):
            tasks = [{name: task[name] for name in ("instruction", "category")} for task in tasks]
        return json.dumps({"tasks": tasks}, ensure_ascii=False)
    instruction, _, given = text.partition("\n\n")
    return answer(instruction, given) or _WHO[_language_of(text)]


def _describe_people(count: int, language: Language, rng: random.Random) -> str:
    who, where, what = _DESCRIBED[language]
    texts = [f"{a} {b} {c}." if language == "en" else f"{b}工作的{a}，{c}。" for a in who for b in where for c in what]
    people = [{"description": text} for text in rng.sample(texts, min(count, len(texts)))]
    return json.dumps({"tasks": people}, ensure_ascii=False)


def read_needs(text: str) -> TaskNeeds | None:
    """Read the needs that a prompt states; None where it states no number of tasks. The last statement of a need counts."""
    return _gather_needs(text) if _NEEDS["tasks"].search(text) else None


def _gather_needs(text: str) -> TaskNeeds:
    found = {name: matches[-1] for name, pattern in _NEEDS.items() if (matches := pattern.findall(text))}
    return TaskNeeds(
        tasks=min(int(found.get("tasks", 0)), _MOST_TASKS),
        language=_named_language(found["language"]) if "language" in found else _language_of(text),
        categories=tuple(
            part.strip().lower() for part in re.split("[,，、]", found.get("categories", "")) if part.strip()
        ),
        instances=min(max(int(found.get("instances", 1)), 1), _MOST_INSTANCES),
        steps=max(int(found.get("steps", 3)), 1),
        classification=_names_classification(found["kind"]) if "kind" in found else None,
    )


def _names_classification(kind: str) -> bool:
    return kind.lower().startswith(("classification", "分类"))


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
            classification=needs.classification,
        )
        tasks.setdefault(fingerprint(task.instruction), task)
    return list(tasks.values())
