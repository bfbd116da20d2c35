"""Whole tasks in one request, instruction, inputs and outputs together (Alpaca's way, Taori et al. 2023).

A reply holds one JSON object:

    {"tasks": [{"instruction": "Name the quarter of the date.", "category": "classification", "is_classification": true,
                "instances": [{"input": "4 May", "output": "Q2"}]}]}
"""

import json
from collections.abc import Sequence
from typing import Any

from builder.answers import AnswerKey, AnswerKeyError
from builder.cells import find_category
from builder.config import CATEGORIES
from builder.recipes.kinds import kind_line, steps_line
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Instance, Job, Needs, Reading, Recipe, Task, Unreadable, demonstration
from builder.requests.sender import Completion
from builder.text import detect_language

SHAPE = (
    '{"tasks": [{"instruction": "…", "category": "…", "is_classification": false, '
    '"instances": [{"input": "…", "output": "…"}]}]}'
)

_ENGLISH = """You add tasks to a collection that teaches an assistant to follow instructions. \
These {shown} come from it, one JSON object a line:

{demonstrations}

Write tasks that belong beside them and repeat none of them: another subject, another purpose, another way of asking.

- Somebody could really need it, and a text alone can carry both the question and the answer.
- The instruction stands on its own with its input. Put material to work on (a text, a table, numbers) into "input"; \
leave "input" empty where there is none.
- The output is what a careful expert would answer: correct, complete, no preamble.
- "is_classification" is true where the output is one of a few labels that the instruction names.
- Vary length, tone and sentence form; not every instruction starts with a verb.

What is needed:
- number of tasks: {tasks}
- language: English
- categories: {categories}{kind}
- instances per task: {instances}{steps}

Answer with one JSON object and nothing around it:
{shape}"""

_CHINESE = """有一套教助手听懂指令的任务集，下面{shown}条取自其中，每行一个 JSON 对象：

{demonstrations}

请为它补充新任务，要和上面的放在一起很合适，又不与任何一条重复：换话题、换用途、换问法。

- 得是真有人会遇到的需求，而且光靠文字就能问清楚、答明白。
- 指令配上输入就能看懂。要处理的材料（文章、表格、数字等）放进 "input"；没有材料就让 "input" 留空。
- "output" 写行家会给出的答案：正确、完整，不说客套话。
- 答案只能从指令列出的几个标签里选时，"is_classification" 为 true。
- 长短、语气、句式要有变化，不要每条都以“请”开头；用地道的中文，不要翻译腔。

具体要求：
- 任务数量：{tasks}
- 语言：中文
- 类别：{categories}{kind}
- 每个任务的实例数：{instances}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{shape}"""

_PROMPTS = {"en": _ENGLISH, "zh": _CHINESE}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request; its reply holds whole tasks."""
    if not replies:
        return Ask(compose(job.demonstrations, job.needs))
    return read_tasks(replies[0], job.needs)


def compose(demonstrations: Sequence[Task], needs: Needs) -> list[dict[str, str]]:
    """One user message in the language that is asked for."""
    text = _PROMPTS[needs.language].format(
        shown=len(demonstrations),
        demonstrations="\n".join(demonstration(task, needs.instances) for task in demonstrations),
        tasks=needs.tasks,
        categories=", ".join(needs.categories),
        kind=kind_line(needs),
        instances=needs.instances,
        steps=steps_line(needs),
        shape=SHAPE,
    )
    return [{"role": "user", "content": text}]


def read_tasks(reply: Completion, needs: Needs) -> Reading:
    """All tasks of a reply, and what in it is none."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    found = [read(value, needs.categories) for value in parsed.values]
    if parsed.problem is not None:
        found.append(Unreadable(parsed.problem, parsed.evidence, reply.content))
    return Reading(tuple(Draft(item) if isinstance(item, Task) else item for item in found))


def read(value: Any, categories: Sequence[str] = ()) -> Task | Unreadable:
    """Read one task object; a flat `{"instruction", "input", "output"}` is read too, since models often answer so.

    Args:
        categories: that were asked for; the task's is spelt as one of them, or as in `CATEGORIES`, or None.
    """
    if not isinstance(value, dict):
        return _not_a_task(value, f"expected an object, found {type(value).__name__}")
    instruction = value.get("instruction")
    if not isinstance(instruction, str):
        return _not_a_task(value, 'no text under "instruction"')
    instances = value.get("instances", [value] if "output" in value else None)
    if not isinstance(instances, list) or not instances:
        return _not_a_task(value, 'no list under "instances"')
    read_instances = [_read_instance(instance) for instance in instances]
    good = tuple(instance for instance in read_instances if instance is not None)
    if len(good) < len(instances):
        return _not_a_task(value, 'an instance without text under "output"')
    return Task(
        id="",
        instruction=instruction.strip(),
        instances=good,
        category=find_category(value.get("category"), (*categories, *CATEGORIES)),
        language=detect_language(instruction),
        is_classification=value.get("is_classification") is True,
    )


def _not_a_task(value: Any, evidence: str) -> Unreadable:
    return Unreadable("not_a_task", evidence, json.dumps(value, ensure_ascii=False))


def _read_instance(value: Any) -> Instance | None:
    if not isinstance(value, dict):
        return None
    given, output = value.get("input"), value.get("output")
    if given is None:
        given = ""
    # Numbers and booleans are what JSON makes of a bare 42; structures are answers in JSON.
    output = output if isinstance(output, str) else _as_text(output)
    given = given if isinstance(given, str) else _as_text(given)
    if output is None or given is None:
        return None
    return Instance(given.strip(), output.strip(), _read_key(value.get("answer_key")))


def _read_key(value: Any) -> str | None:
    """A key that a reply brought along, where it is a whole one; a model may write anything there."""
    try:
        return AnswerKey.from_json(json.dumps(value)).to_json() if isinstance(value, dict) else None
    except AnswerKeyError:
        return None


def _as_text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


ALPACA = Recipe("alpaca", proceed, whole_tasks=True)
