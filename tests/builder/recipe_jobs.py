"""Fixed jobs for every recipe and language, and how their readings are written in `conversations/`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from builder.recipes.recipe import Draft, Instance, Job, Needs, Reading, Task

_SEEDS = {
    "en": (
        Task("e1", "Sort the words by length.", (Instance("pear, fig", "fig, pear"),), "format_following", "en", False),
        Task("e2", "Is the shop open then?", (Instance("Mon 8-12; Mon 9", "yes"),), "closed_qa", "en", True),
    ),
    "zh": (
        Task("z1", "把这些词按字数排列。", (Instance("苹果、梨", "梨、苹果"),), "format_following", "zh", False),
        Task("z2", "那时候店开着吗？", (Instance("周一8到12点；周一9点", "开着"),), "closed_qa", "zh", True),
    ),
}
_PEOPLE = {
    "en": [
        {"text": "A tram driver who plans her retirement.", "source": "people.txt#1"},
        {"text": "A beekeeper near a motorway.", "source": "people.txt#2"},
    ],
    "zh": [
        {"text": "准备期末复习的山区数学老师。", "source": "people.txt#3"},
        {"text": "想改开面馆的出租车司机。", "source": "people.txt#4"},
    ],
}
_TOPICS = {"en": "beekeeping", "zh": "养蜂"}


def _job(recipe: str, language: str) -> Job:
    materials: Mapping[str, Mapping[str, Any]] = {
        "topic": {"topic": _TOPICS[language], "kinds": {"explain": 1, "solve": 1}},
        "evolve": {"direction": "constraints"},
        "persona": {"people": _PEOPLE[language]},
        "dialogue": {"rounds": 2, "system": True},
    }
    shown = _SEEDS[language] if recipe in ("self_instruct", "topic") else _SEEDS[language][:1]
    return Job(5, recipe, Needs(2, language, ("classification", "writing"), 1, 3), shown, materials.get(recipe, {}), 17)


JOBS: Mapping[str, Job] = {
    f"{recipe}.{language}": _job(recipe, language)
    for recipe in ("self_instruct", "topic", "evolve", "phrasings", "dialogue", "persona")
    for language in ("en", "zh")
}
ENGLISH = _SEEDS["en"][0]
CHINESE = _SEEDS["zh"][0]


def as_lines(reading: Reading) -> list[str]:
    """A line for everything that was read: a draft with its parents, or the reason and evidence of what is none."""
    return [
        _draft_line(found) if isinstance(found, Draft) else f"{found.reason}: {found.evidence}"
        for found in reading.found
    ]


def _draft_line(draft: Draft) -> str:
    task = draft.task
    if task.dialogue:
        content: Any = [[turn.role, turn.content] for turn in task.dialogue]
    else:
        content = [task.instruction, *([i.input, i.output] for i in task.instances)]
    lineage = f"of {','.join(draft.parents)} " if draft.parents else ""
    same = f"same as {draft.same_task} " if draft.same_task else ""
    return f"{task.kind} {task.language} {task.category} {lineage}{same}{json.dumps(content, ensure_ascii=False)}"


def job_of(recipe: str, parent: Task, **material: Any) -> Job:
    """A job about one task of the pool."""
    return replace(JOBS[f"{recipe}.{parent.language}"], demonstrations=(parent,), material=material)
