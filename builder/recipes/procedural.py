"""Tasks whose answers are computed, without a request: our own families and, with the extra `reasoning`, reasoning-gym's.

material  {"tasks_from": "both"}
reading   Task("求这些数的最大公约数，只写结果。", input "534、178", output "178",
               answer_key {"family": "gym:gcd", "check": "number", "answer": "178"})
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from builder.answers import AnswerKey, CheckKind, check_answer
from builder.cells import find_category
from builder.config import CATEGORIES
from builder.procedural.families import FAMILIES, Language, make_task
from builder.procedural.gym import draw_any
from builder.procedural.gym_families import MANY_ANSWERS, USABLE
from builder.procedural.gym_wordings import WORDINGS, split
from builder.recipes.recipe import Ask, Draft, Drawing, Instance, Job, Needs, Reading, Recipe, Task
from builder.requests.sender import Completion
from builder.text import fingerprint

# Draws for each task before a job ends with fewer: the answers of one family in a hundred do not score 1.0.
_TRIES = 8
_SOURCES = {"families": ("families",), "gym": ("gym",), "both": ("families", "gym")}
_OWN_CATEGORIES = frozenset(operation.category for operation in FAMILIES.values())


def proceed(job: Job, replies: Sequence[Completion]) -> Ask | Reading:
    """A reading at once; the job's seed decides everything that is drawn."""
    rng = random.Random(job.seed)
    language: Language = "zh" if job.needs.language == "zh" else "en"
    # Families know categories by our names; a task carries the name that was asked for.
    needs = replace(job.needs, categories=tuple(find_category(c, CATEGORIES) or c for c in job.needs.categories))
    sources = _serving(_SOURCES[job.material["tasks_from"]], needs, language)
    drafts: dict[str, Draft] = {}
    for _ in range(job.needs.tasks * _TRIES):
        if len(drafts) == job.needs.tasks:
            break
        source = rng.choice(sources)
        task = _from_families(rng, needs, language) if source == "families" else _from_gym(rng, needs, language)
        if task is not None and job.needs.kind in (None, task.kind):
            spelt = find_category(task.category, job.needs.categories) or task.category
            task = replace(task, category=spelt)
            drafts.setdefault(fingerprint(task.instruction), Draft(task, source=f"procedural:{source}"))
    return Reading(tuple(drafts.values()))


def _serving(sources: Sequence[str], needs: Needs, language: Language) -> Sequence[str]:
    """The sources that have the categories asked for, or all of them where none has."""
    wanted = set(needs.categories)
    there = {"families": _OWN_CATEGORIES, "gym": {USABLE[name] for name in _gym_families(needs, language)}}
    return [source for source in sources if wanted & there[source]] or sources


def _from_families(rng: random.Random, needs: Needs, language: Language) -> Task:
    made = make_task(
        rng,
        language=language,
        families=FAMILIES,
        categories=needs.categories or None,
        instances=needs.instances,
        max_depth=needs.max_steps or 1,
        classification=None if needs.kind is None else needs.kind == "classification",
    )
    instances = tuple(Instance(item.input, item.output, item.answer_key) for item in made.instances)
    return Task("", made.instruction, instances, made.category, language, made.is_classification)


def _gym_families(needs: Needs, language: Language) -> list[str]:
    """Families that can be asked for in the language, of the categories wanted where there are such."""
    possible = sorted(USABLE if language == "en" else WORDINGS)
    return [name for name in possible if USABLE[name] in needs.categories] or possible


def _from_gym(rng: random.Random, needs: Needs, language: Language) -> Task | None:
    """One task of one family; several instances only where data and instruction are apart."""
    name = rng.choice(_gym_families(needs, language))
    wording = WORDINGS.get(name)
    way = rng.randrange(len(wording.ways(language))) if wording else 0
    instruction = ""
    instances: dict[str, Instance] = {}
    for _ in range(needs.instances * _TRIES):
        if len(instances) == needs.instances:
            break
        item = draw_any(name, rng)
        if item is None:
            continue
        asked, given = wording.render(language, way, item.metadata) if wording else split(name, item.question)
        instruction = instruction or asked
        if asked != instruction:
            break  # the family names part of an item in its instruction
        instances.setdefault(given, Instance(given, item.answer.strip(), answer_key(name, item.answer.strip())))
    if not instances:
        return None
    return Task("", instruction, tuple(instances.values()), USABLE[name], language, False)


def answer_key(name: str, answer: str) -> str | None:
    """The key of a family's answer, or None for families where other answers are right too and only their own check can tell."""
    if name in MANY_ANSWERS:
        return None
    checks: tuple[CheckKind, ...] = ("number", "verbatim" if "\n" in answer else "exact")
    for check in checks:
        key = AnswerKey(f"gym:{name}", check, answer)
        # A number only where the answer is nothing else.
        if check_answer(key, answer).passed and (check != "number" or _is_number(answer)):
            return key.to_json()
    return AnswerKey(f"gym:{name}", "verbatim", answer).to_json()


def _is_number(answer: str) -> bool:
    return answer.lstrip("-").replace(".", "", 1).isdecimal()


def draw(drawing: Drawing) -> dict[str, Any]:
    """The material of a job: where its tasks come from."""
    return {"tasks_from": drawing.growth.procedural}


PROCEDURAL = Recipe("procedural", proceed, draw, requests=lambda growth: 0, shows_tasks=False, computed=True)
