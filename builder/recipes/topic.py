"""Tasks about one topic of the settings, with the kinds of work that were drawn for the job.

material  {"topic": "beekeeping", "kinds": {"explain": 3, "solve": 1}}
reply     {"tasks": [{"instruction": "Explain why a hive swarms in May.", "category": "explanation", …}]}
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from builder.config import CATEGORIES
from builder.recipes.alpaca import SHAPE, read_tasks
from builder.recipes.kinds import kind_line, steps_line
from builder.recipes.recipe import Ask, Drawing, Job, Reading, Recipe
from builder.requests.sender import Completion
from builder.text import detect_language

_KINDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "explain": "explain something: how it works, why it is so",
        "analyse": "analyse material that the input holds: find causes, faults, patterns",
        "examples": "give examples or cases that fit a description",
        "solve": "solve a problem with one right answer",
        "compare": "compare two or more things by named criteria",
        "advise": "advise somebody in a described situation",
    },
    "zh": {
        "explain": "讲解：说明原理、来由或做法",
        "analyse": "分析：就输入中的材料找出原因、问题或规律",
        "examples": "举例：按描述给出恰当的例子或案例",
        "solve": "解题：有唯一正确答案的问题",
        "compare": "比较：按指明的几个方面对比两样或多样事物",
        "advise": "出主意：针对所描述的处境给出建议",
    },
}

_PROMPTS = {
    "en": """Write instruction tasks about {topic}, the kind of thing that somebody who deals with it, or has just met it, \
would ask an assistant.

How many of each kind:
{kinds}

- Stay with the topic, and spread over its corners: practice and background, beginners' questions and experts'.
- The instruction stands on its own with its input; material to work on goes into "input", which is empty where there is none.
- The output is correct, complete and without preamble. Where you are not sure of a fact, ask for something else.
- "is_classification" is true where the output is one of a few labels that the instruction names.
- "category" is the closest of: {categories}.

What is needed:
- topic: {topic}
- number of tasks: {tasks}
- language: English{kind}
- instances per task: {instances}{steps}

Answer with one JSON object and nothing around it:
{shape}""",
    "zh": """请围绕“{topic}”写一批指令任务，就像常和它打交道的人，或刚接触它的人，会向助手提出的那样。

各类任务的数量：
{kinds}

- 紧扣话题，又要铺得开：有实际操作，也有来龙去脉；有入门问题，也有内行问题。
- 指令配上输入就能看懂；要处理的材料写进 "input"，没有就留空。
- "output" 正确、完整，不说客套话；拿不准的事实不要写，换一个问法。
- 答案只能从指令列出的几个标签里选时，"is_classification" 为 true。
- "category" 从这些里选最接近的：{categories}。

具体要求：
- 话题：{topic}
- 任务数量：{tasks}
- 语言：中文{kind}
- 每个任务的实例数：{instances}{steps}

只回复一个 JSON 对象，前后不要有别的内容：
{shape}""",
}

_LINE = {"en": "  {count} × {kind}", "zh": "  {count} 条{kind}"}


def draw(drawing: Drawing) -> dict[str, Any]:
    """The material of a job: one of the topics in its language, and how many tasks are of each kind, drawn by weight."""
    rng, kinds = drawing.rng, drawing.growth.topic_kinds
    topic = rng.choice([name for name in drawing.growth.topics if detect_language(name) == drawing.needs.language])
    names = sorted(kinds)
    drawn = Counter(rng.choices(names, [kinds[name] for name in names], k=drawing.needs.tasks))
    return {"topic": topic, "kinds": {name: drawn[name] for name in names if drawn[name]}}


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """One request; its reply holds whole tasks."""
    if replies:
        return read_tasks(replies[0], job.needs)
    needs = job.needs
    kinds: Mapping[str, int] = job.material["kinds"]
    lines = [
        _LINE[needs.language].format(count=count, kind=_KINDS[needs.language][name]) for name, count in kinds.items()
    ]
    text = _PROMPTS[needs.language].format(
        topic=job.material["topic"],
        kinds="\n".join(lines),
        categories=", ".join(CATEGORIES),
        kind=kind_line(needs),
        tasks=needs.tasks,
        instances=needs.instances,
        steps=steps_line(needs),
        shape=SHAPE,
    )
    return Ask([{"role": "user", "content": text}])


TOPIC = Recipe("topic", proceed, draw, whole_tasks=True)
