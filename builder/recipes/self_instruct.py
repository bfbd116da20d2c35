"""Self-Instruct's pipeline (Wang et al. 2023) as one job of three or four requests.

    1. instructions     {"tasks": [{"instruction": "Tell whether the review is kind.", "category": "classification"}, …]}
    2. classification   {"tasks": [{"number": 1, "is_classification": true}, {"number": 2, "is_classification": false}]}
    3. output first     {"tasks": [{"number": 1, "labels": ["kind", …], "instances": [{"output": "kind", "input": "…"}]}]}
    4. input first      {"tasks": [{"number": 2, "instances": [{"input": "…", "output": "…"}]}]}

Label first for classification, since inputs drawn first lean towards one label. One request for all tasks of a kind, not one
for each task as published: the directions (some 250 tokens) are then paid once for up to eight tasks, and a reply that is cut
still gives the tasks that are whole.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from builder.recipes.alpaca import read
from builder.recipes.kinds import kind_line, steps_line
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Job, Reading, Recipe, Task, Unreadable
from builder.requests.sender import Completion
from builder.text import normalise

_INSTRUCTIONS = {
    "en": """Here are {shown} instructions that people gave to an assistant, one JSON object a line:

{demonstrations}

Come up with more of them. Each should be something another person, in another situation, could ask of an assistant that \
reads and writes text; vary the verb, the subject, the length and the tone, and repeat none of the above. Write the \
instruction alone: data to work on comes later, so refer to it ("the letter", "these figures") and leave it out.

- number of instructions: {tasks}
- language: English
- categories: {categories}{kind}{steps}

Answer with one JSON object and nothing around it:
{{"tasks": [{{"instruction": "…", "category": "…"}}]}}""",
    "zh": """下面是人们交给助手的{shown}条指令，每行一个 JSON 对象：

{demonstrations}

请再想一些新的指令。设想换一个人、换一个场合，会让只能读写文字的助手做什么；动词、话题、长短和语气都要有变化，\
不要与上面的重复。这一步只写指令，不写材料：用到材料时提一句（如“这封信”“这组数据”）即可。

- 指令数量：{tasks}
- 语言：中文
- 类别：{categories}{kind}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{{"tasks": [{{"instruction": "…", "category": "…"}}]}}""",
}

_CLASSIFICATION = {
    "en": """Which of these are classification tasks, whose every answer is one of a small fixed set of labels? \
Counting, copying or writing freely is none.

{tasks}

- number of tasks to judge: {count}

Answer for each by its number, with one JSON object and nothing around it:
{{"tasks": [{{"number": 1, "is_classification": false}}]}}""",
    "zh": """判断下面哪些是分类任务。所谓分类任务，是指答案总是少数几个固定标签之一；计数、摘抄、自由写作都不算。

{tasks}

- 待判断的任务数：{count}

按编号逐条回答，只回复一个 JSON 对象，前后不要有别的内容：
{{"tasks": [{{"number": 1, "is_classification": false}}]}}""",
}

_OUTPUT_FIRST = {
    "en": """These are classification tasks. For each, first list all labels that its answer can have. Then choose a label \
for each instance, different ones where you can, and only after that write an input for which that label is right.

{tasks}

- order of instances: output first
- instances per task: {instances}

Inputs are complete and realistic; an output is one of the labels, letter for letter. Answer with one JSON object and \
nothing around it:
{{"tasks": [{{"number": 1, "labels": ["…", "…"], "instances": [{{"output": "…", "input": "…"}}]}}]}}""",
    "zh": """下面都是分类任务。对每一条，先列出答案可能用到的全部标签；再为每个实例选定一个标签，尽量各不相同；\
最后才写出一个正好对应这个标签的输入。

{tasks}

- 实例顺序：先输出
- 每个任务的实例数：{instances}

输入要完整、真实；"output" 与所列标签一字不差。只回复一个 JSON 对象，前后不要有别的内容：
{{"tasks": [{{"number": 1, "labels": ["…", "…"], "instances": [{{"output": "…", "input": "…"}}]}}]}}""",
}

_INPUT_FIRST = {
    "en": """Give examples for these tasks. Write the input first, in full and as it would really occur, and then the output \
that a careful expert would answer to it. Leave "input" empty where the instruction needs none.

{tasks}

- order of instances: input first
- instances per task: {instances}

No two instances of a task have the same input. Answer with one JSON object and nothing around it:
{{"tasks": [{{"number": 1, "instances": [{{"input": "…", "output": "…"}}]}}]}}""",
    "zh": """请为下面的任务写实例。先写输入，内容要完整，像实际会遇到的那样；再写行家对它给出的输出。\
指令本身已经说清楚、不需要材料的，"input" 留空。

{tasks}

- 实例顺序：先输入
- 每个任务的实例数：{instances}

同一任务的各个实例，输入不能相同。只回复一个 JSON 对象，前后不要有别的内容：
{{"tasks": [{{"number": 1, "instances": [{{"input": "…", "output": "…"}}]}}]}}""",
}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """Instructions, then classification or not, then instances for each of the two kinds that there are."""
    if not replies:
        return _ask_instructions(job)
    instructions, lost = _read_instructions(replies[0])
    if not instructions:
        return Reading(tuple(lost))
    numbered = dict(enumerate(instructions, 1))
    if len(replies) == 1:
        return _ask(_CLASSIFICATION, job, numbered, count=len(numbered))
    kinds, problem = _read_kinds(replies[1])
    groups = [
        (prompts, {number: numbered[number] for number in numbered if kinds.get(number) is kind})
        for prompts, kind in ((_OUTPUT_FIRST, True), (_INPUT_FIRST, False))
    ]
    groups = [(prompts, members) for prompts, members in groups if members]
    if len(replies) < 2 + len(groups):
        prompts, members = groups[len(replies) - 2]
        return _ask(prompts, job, members, instances=job.needs.instances)
    return _read(job, numbered, kinds, problem, [members for _, members in groups], replies[2:], lost)


def _ask_instructions(job: Job) -> Ask:
    needs = job.needs
    shown = [json.dumps({"instruction": task.instruction}, ensure_ascii=False) for task in job.demonstrations]
    text = _INSTRUCTIONS[needs.language].format(
        shown=len(shown),
        demonstrations="\n".join(shown),
        tasks=needs.tasks,
        categories=", ".join(needs.categories),
        kind=kind_line(needs),
        steps=steps_line(needs),
    )
    return Ask([{"role": "user", "content": text}])


def _ask(prompts: Mapping[str, str], job: Job, numbered: Mapping[int, Mapping[str, Any]], **values: int) -> Ask:
    lines = [
        json.dumps({"number": number, "instruction": entry["instruction"]}, ensure_ascii=False)
        for number, entry in numbered.items()
    ]
    text = prompts[job.needs.language].format(tasks="\n".join(lines), **values)
    return Ask([{"role": "user", "content": text}])


def _read_instructions(reply: Completion) -> tuple[list[dict[str, Any]], list[Unreadable]]:
    """The entries with an instruction, each once, and what is none."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    entries: dict[str, dict[str, Any]] = {}
    lost: list[Unreadable] = []
    for value in parsed.values:
        instruction = value.get("instruction") if isinstance(value, dict) else None
        if not isinstance(instruction, str) or not instruction.strip():
            lost.append(_lost('no text under "instruction"', value))
        elif normalise(instruction) in entries:
            lost.append(Unreadable("exact_duplicate", "the same instruction stands earlier", instruction))
        else:
            category = value.get("category")
            entries[normalise(instruction)] = {"instruction": instruction.strip(), "category": category}
    if parsed.problem is not None:
        lost.append(Unreadable(parsed.problem, parsed.evidence, reply.content))
    return list(entries.values()), lost


def _read_kinds(reply: Completion) -> tuple[dict[int, bool], Unreadable | None]:
    """Classification or not by number; a number that is judged both ways is not judged."""
    numbers, problem = _by_number(reply)
    kinds = {number: value.get("is_classification") for number, value in numbers.items()}
    return {number: kind for number, kind in kinds.items() if isinstance(kind, bool)}, problem


def _by_number(reply: Completion) -> tuple[dict[int, dict[str, Any]], Unreadable | None]:
    parsed = parse_reply(reply.content, reply.finish_reason)
    entries: dict[int, dict[str, Any]] = {}
    for value in parsed.values:
        number = value.get("number") if isinstance(value, dict) else None
        number = int(number) if isinstance(number, str) and number.isdecimal() else number
        if isinstance(number, int):
            entries[number] = {} if number in entries else value
    problem = parsed.problem and Unreadable(parsed.problem, parsed.evidence, reply.content)
    return entries, problem or None


def _read(
    job: Job,
    numbered: Mapping[int, Mapping[str, Any]],
    kinds: Mapping[int, bool],
    unjudged: Unreadable | None,
    groups: Sequence[Mapping[int, Any]],
    replies: Sequence[Completion],
    lost: Sequence[Unreadable],
) -> Reading:
    """Every instruction ends as a draft or with the reason why it has no instances."""
    entries: dict[int, dict[str, Any]] = {}
    steps: dict[int, int] = {}
    problems: dict[int, Unreadable | None] = dict.fromkeys(numbered, unjudged)
    for step, (members, reply) in enumerate(zip(groups, replies, strict=True), 2):
        found, problem = _by_number(reply)
        entries |= {number: value for number, value in found.items() if number in members}
        problems |= dict.fromkeys(members, problem)
        steps |= dict.fromkeys(members, step)
    drafts = [
        _read_task(
            job, number, instruction, kinds.get(number), entries.get(number), problems[number], steps.get(number)
        )
        for number, instruction in numbered.items()
    ]
    return Reading((*drafts, *lost))


def _read_task(
    job: Job,
    number: int,
    entry: Mapping[str, Any],
    is_classification: bool | None,
    value: dict[str, Any] | None,
    problem: Unreadable | None,
    step: int | None,
) -> Draft | Unreadable:
    if not value:
        reason = problem.reason if problem else "not_a_task"
        missing = "whether it is a classification" if is_classification is None else "instances"
        return Unreadable(reason, f"no answer to number {number}: {missing}", str(entry["instruction"]))
    whole = {**entry, "is_classification": is_classification, "instances": value.get("instances")}
    task = read(whole, job.needs.categories)
    if isinstance(task, Task) and is_classification:
        labels = value.get("labels")
        named = {normalise(str(label)) for label in labels} if isinstance(labels, list) else set()
        stray = next((i.output for i in task.instances if normalise(i.output) not in named), None)
        if stray is not None:
            return _lost(f"the output {stray[:60]!r} is none of its labels", {**whole, "labels": labels})
    return Draft(task, step=step) if isinstance(task, Task) else task


def _lost(evidence: str, value: Any) -> Unreadable:
    return Unreadable("not_a_task", evidence, json.dumps(value, ensure_ascii=False))


# Instructions, which of them are classification, and one request for each of the two kinds.
SELF_INSTRUCT = Recipe("self_instruct", proceed, requests=lambda growth: 4)
