"""One task of the pool made deeper or broader (after Evol-Instruct, Xu et al. 2023), and evolutions that failed sorted out.

parent    {"instruction": "Plan a picnic.", …}                    material  {"direction": "constraints"}
reply     {"tasks": [{"instruction": "Plan a picnic for nine, two of them vegetarian, within 40 euros.", …}]}
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from builder.recipes.alpaca import SHAPE, read
from builder.recipes.kinds import steps_line
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Ask, Draft, Drawing, Job, Reading, Recipe, Task, Unreadable, demonstration, one_task
from builder.requests.sender import Completion
from builder.similarity import similarity
from builder.text import count_words, normalise, tokenise

BROADER = "broader"
_DEEPER = ("concrete", "constraints", "deepen", "input", "reasoning")

_CHANGES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "concrete": "replace what is general in it by something particular: a named case, an amount, a date, a reader",
        "constraints": "add one or two requirements that the answer must meet and that can be checked",
        "deepen": "ask further into the same matter: reasons, exceptions, consequences, a harder case",
        "input": "give it richer material to work on in the input: more entries, an irrelevant detail, mixed formats",
        "reasoning": "let the answer need one more step, whose result the next step uses",
        BROADER: "move to a rarer corner of the same field, at about the same length and difficulty",
    },
    "zh": {
        "concrete": "把其中笼统的说法换成具体的：某个实例、数量、日期或读者",
        "constraints": "加上一两条答案必须满足、而且可以核对的要求",
        "deepen": "就同一件事往深处问：原因、例外、后果，或更棘手的情形",
        "input": "让输入的材料更丰富：条目更多，夹杂一处无关信息，或格式不一",
        "reasoning": "让解答多出一步推理，并且后一步要用到前一步的结果",
        BROADER: "换到同一领域里更少见的一角，篇幅和难度相当",
    },
}

_PROMPTS = {
    "en": {
        "deeper": """This task was too easy for a good assistant:

{parent}

Make a harder one out of it. What changes: {change}. The matter stays the same, and it must still be possible to answer it \
well from the text alone. Put it in your own words, at greater length, but do not pile on more than about 20 words; write it \
as if the earlier one had never been seen. Then answer it: correct, complete, no preamble.

- way of evolving: deeper
- language: English
- instances per task: {instances}{steps}

Answer with one JSON object and nothing around it:
{shape}""",
        "broader": """A collection of tasks holds this one:

{parent}

Write a different task that could stand next to it: {change}. Nothing in the new task refers to the one above, and a text \
alone carries question and answer. Then answer it: correct, complete, no preamble.

- way of evolving: broader
- language: English
- instances per task: {instances}{steps}

Answer with one JSON object and nothing around it:
{shape}""",
    },
    "zh": {
        "deeper": """下面这条任务，对好的助手来说太容易了：

{parent}

请据此写一条更难的。改动之处：{change}。说的还是同一件事，而且仍要能光靠文字就答好。用自己的话重新写，\
比原来长一些，但别超过三十来字；写得像是从没见过前一条。然后给出答案：正确、完整，不说客套话。

- 演化方式：加深
- 语言：中文
- 每个任务的实例数：{instances}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
        "broader": """任务集里有这样一条：

{parent}

请另写一条可以和它放在一起的任务：{change}。新任务不要提到上面这一条，光靠文字就能问清楚、答明白。\
然后给出答案：正确、完整，不说客套话。

- 演化方式：拓宽
- 语言：中文
- 每个任务的实例数：{instances}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
    },
}

# Nearly the same words: no gain of information, the first ground on which Evol-Instruct eliminates (section 3.2). A long
# parent with half of the 20 words that are asked for is more than 0.9 alike and still another task.
NEARLY_EQUAL = 0.9
_FEW_TOKENS = 10
_PROMPT_WORDS = re.compile(
    r"#[\w ]*prompt#|\b(?:given|original|rewritten|evolved|harder) (?:prompt|task|instruction)\b|\brewritten\b|"
    r"(?:原|给定的?|改写后的?|演化后的?|加深后的?|更难的)(?:任务|指令|提示)|改写后",
    re.IGNORECASE,
)
_DECLINES = re.compile(
    r"\s*(?:(?:I am|I'm|we are) (?:sorry|afraid|unable)|sorry\b|I (?:cannot|can't|can not|won't)\b|unfortunately\b|"
    r"(?:很|非常|十分)?(?:抱歉|对不起|遗憾)|我(?:无法|不能|没办法|不会))",
    re.IGNORECASE,
)


def draw(drawing: Drawing) -> dict[str, Any]:
    """The material of a job: a direction, each as likely as the others; only `broader` where deeper is not to be had."""
    return {"direction": drawing.rng.choice((*_DEEPER, BROADER)) if drawing.may_deepen else BROADER}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request about the job's only demonstration, the parent."""
    (parent,) = job.demonstrations
    direction = str(job.material["direction"])
    if replies:
        return read_evolved(parent, direction, replies[0])
    needs = job.needs
    text = _PROMPTS[needs.language][BROADER if direction == BROADER else "deeper"].format(
        parent=demonstration(parent, needs.instances),
        change=_CHANGES[needs.language][direction],
        instances=needs.instances,
        steps=steps_line(needs),
        shape=SHAPE,
    )
    return Ask([{"role": "user", "content": text}])


def read_evolved(parent: Task, direction: str, reply: Completion) -> Reading:
    """The first task of the reply, unless it failed; the rest was not asked for."""
    parsed = parse_reply(reply.content, reply.finish_reason)
    found: list[Draft | Unreadable] = []
    for place, value in enumerate(parsed.values):
        task = read(value, (parent.category,) if parent.category else ())
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(task, Unreadable):
            failure: str | None = f"answer missing: {task.evidence}" if "output" in task.evidence else task.evidence
        else:
            failure = "a second task, where one was asked for" if place else find_failure(parent, direction, task)
        if failure is None and isinstance(task, Task):
            found.append(Draft(replace(task, category=task.category or parent.category), parents=(parent.id,)))
        else:
            found.append(Unreadable("evolution_failed", failure or "", text))
    if parsed.problem is not None and not (parsed.problem == "not_json" and found):
        declined = not found and _DECLINES.match(reply.content)
        evidence = f"declined: {reply.content[:120]}" if declined else parsed.evidence
        found.append(Unreadable("evolution_failed" if declined else parsed.problem, evidence, reply.content))
    return Reading(tuple(found))


def find_failure(parent: Task, direction: str, task: Task) -> str | None:
    """Why an evolved task is none, as evidence for `evolution_failed`; None where nothing is wrong."""
    if normalise(task.instruction) == normalise(parent.instruction) and direction != "input":
        return "the parent again"
    score = nearly_equal(tokenise(_asked(task, direction)), tokenise(_asked(parent, direction)))
    if score is not None:
        return f"nearly the parent: ROUGE-L {score:.2f} is above {NEARLY_EQUAL}"
    copied = _PROMPT_WORDS.search(task.instruction)
    if copied and copied.group().casefold() not in parent.instruction.casefold():
        return f"copies words of the prompt: {copied.group()}"
    if _DECLINES.match(task.instruction) or any(_DECLINES.match(instance.output) for instance in task.instances):
        return "declined: the task or its answer is an apology"
    if not all(instance.output for instance in task.instances):
        return "answer missing: an output is empty"
    words, before = count_words(_asked(task, direction)), count_words(_asked(parent, direction))
    if direction != BROADER and words < before:
        return f"shorter than its parent: {words} words, not {before}, where deeper was asked for"
    return None


def nearly_equal(tokens: Sequence[str], others: Sequence[str]) -> float | None:
    """ROUGE-L of an evolved task and another of its family where the first says hardly anything new, else None."""
    score = similarity(tokens, others)
    shared = score * (len(tokens) + len(others)) / 2
    return score if score > NEARLY_EQUAL and len(tokens) - shared < _FEW_TOKENS else None


def _asked(task: Task, direction: str) -> str:
    """What should have grown: the instruction, together with its first input where that was to be richer."""
    given = task.instances[0].input if direction == "input" and task.instances else ""
    return f"{task.instruction}\n{given}"


EVOLVE = Recipe("evolve", proceed, draw, tasks=one_task, of_a_parent=True, whole_tasks=True, evolves=True)
