"""The pool: seed tasks and grown tasks that jobs take their demonstrations from, and what each job asks for."""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.config import CATEGORIES, Settings
from builder.documents import Chunk
from builder.families import recognise
from builder.recipes import dialogue, evolve, topic
from builder.recipes.recipe import Ask, Job, Needs, Task
from builder.recipes.response_format import response_format
from builder.requests.ledger import Entry, Request
from builder.text import detect_language

_CATEGORIES_PER_JOB = 3  # narrow enough to steer, wide enough for one reply to vary
_TOKENS_PER_MESSAGE = 16  # more than any chat template adds around a message
# Recipes that work on one task of the pool.
_OF_A_PARENT = frozenset({"evolve", "phrasings", "dialogue"})
# Recipes whose first reply is a list of whole tasks.
_WHOLE_TASKS = frozenset({"alpaca", "topic", "evolve"})
# Recipes that look at no task of the pool.
_OF_NO_TASK = frozenset({"documents", "procedural"})


@dataclass(frozen=True, slots=True)
class _View:
    """How much of the pool a job may see: grown tasks and parents by language, grown rows by language and category."""

    tasks: Mapping[str, int]
    parents: Mapping[str, int]
    rows: Mapping[tuple[str, str], int]


class Pool:
    """Seeds and grown tasks in the order of admission, with a view for each job that was admitted.

    Args:
        settings: of the dataset.
        seeds: the seed tasks.
        chunks: of the user's documents, for the recipe `documents`; each is used as often as any other of its language.
    """

    def __init__(self, settings: Settings, seeds: Sequence[Task], chunks: Sequence[Chunk] = ()) -> None:
        self._settings = settings
        self._languages: list[str] = sorted(settings.growth.languages)
        self._chunks = {language: [c for c in chunks if c.language == language] for language in self._languages}
        self._shares = _shares(settings, self._chunks)
        self._drawn: Counter[tuple[str, str]] = Counter()
        self._seeds = {language: [t for t in seeds if t.language == language] for language in self._languages}
        # The seeds' categories, or all known ones where the seeds name none.
        self._categories = (
            settings.growth.categories or tuple(sorted({t.category for t in seeds if t.category})) or CATEGORIES
        )
        self._by_id = {task.id: task for task in seeds}
        self._grown: dict[str, list[Task]] = {language: [] for language in self._languages}
        # Tasks that recipes of one task may take: seeds first, then grown ones.
        self._parents = {lang: [t for t in tasks if self._may_be_parent(t)] for lang, tasks in self._seeds.items()}
        self._rephrased: set[str] = set()
        self._rows: Counter[tuple[str, str]] = Counter()
        self._views: list[_View] = []
        self._first_view = self._now()

    def add_admitted(self, tasks: Sequence[Task], *, shown: bool = True) -> None:
        """Add the tasks admitted from the next job; dialogues and other wordings of a task count but are never shown.

        Args:
            shown: whether later jobs may take them as demonstrations or parents.
        """
        for task in tasks:
            self._by_id[task.id] = task
            self._rows[task.language, task.category or ""] += max(1, len(task.instances))
            if not shown or task.dialogue or task.variant_of is not None:
                continue
            self._grown[task.language].append(task)
            if self._may_be_parent(task):
                self._parents[task.language].append(task)
        self._views.append(self._now())

    def build(self, number: int) -> Job:
        """Build job `number`; with `ordered` from the pool as it was after job `number - window`.

        Jobs are built in their order, once each, after those of the ledger were restored.
        """
        growth = self._settings.growth
        rng = random.Random(f"{self._settings.seed}:{number}")
        view = self._view(number)
        recipe, language = self._draw(view)
        if recipe in _OF_A_PARENT:
            parent = self._parent(rng, recipe, language, view)
            demonstrations: tuple[Task, ...] = (parent,)
            categories = (parent.category,) if parent.category else self._categories
        else:
            demonstrations = () if recipe in _OF_NO_TASK else self._demonstrations(rng, language, view)
            categories = self._rarest_categories(rng, language, view)
        needs = Needs(
            tasks={"phrasings": growth.phrasings_per_task, "evolve": 1, "dialogue": 1}.get(
                recipe, growth.tasks_per_request
            ),
            language=language,
            categories=categories,
            instances=growth.instances_per_task,
            max_steps=growth.max_steps,
            whole_replies=growth.preset == "self-instruct-classic",
        )
        material = self._material(rng, recipe, needs, demonstrations)
        digest = hashlib.sha256(f"{self._settings.seed}:{number}".encode()).digest()
        job = Job(number, recipe, needs, demonstrations, material, int.from_bytes(digest[:4], "big") >> 1)
        self._remember(job)
        return job

    def restore(self, entry: Entry) -> Job:
        """A job from the ledger; its demonstrations were admitted before it was built."""
        needs = dict(entry.context["needs"])
        job = Job(
            entry.number,
            entry.recipe,
            Needs(**{**needs, "categories": tuple(needs["categories"])}),
            tuple(self._by_id[task] for task in entry.context["demonstrations"]),
            entry.context["material"],
            entry.context["seed"],
        )
        self._remember(job)
        return job

    def _remember(self, job: Job) -> None:
        self._drawn[job.recipe, job.needs.language] += 1
        if job.recipe == "phrasings":
            self._rephrased.update(task.id for task in job.demonstrations)

    def _now(self) -> _View:
        return _View(
            {language: len(grown) for language, grown in self._grown.items()},
            {language: len(parents) for language, parents in self._parents.items()},
            dict(self._rows),
        )

    def _draw(self, view: _View) -> tuple[str, str]:
        """The recipe and language most behind their share among the jobs so far (largest remainder).

        A recipe of one task waits until the pool has one for it, and then catches up.
        """
        number = self._drawn.total() + 1
        possible = [cell for cell in self._shares if cell[0] not in _OF_A_PARENT or self._open_parents(*cell, view)]
        # All tasks were rephrased: they are again, and saturation ends the run where nothing new comes of it.
        possible = possible or [cell for cell in self._shares if view.parents[cell[1]]]
        return max(possible, key=lambda cell: self._shares[cell] * number - self._drawn[cell])

    def _open_parents(self, recipe: str, language: str, view: _View) -> Sequence[int]:
        """The places of the visible tasks that a recipe may take; each is rephrased once."""
        visible, parents = range(view.parents[language]), self._parents[language]
        return (
            [place for place in visible if parents[place].id not in self._rephrased]
            if recipe == "phrasings"
            else visible
        )

    def _parent(self, rng: random.Random, recipe: str, language: str, view: _View) -> Task:
        places = self._open_parents(recipe, language, view) or range(view.parents[language])
        return self._parents[language][rng.choice(places)]

    def _may_be_parent(self, task: Task) -> bool:
        """The embedded teacher treats only what it can take apart; any other teacher is asked about all tasks."""
        return self._settings.teacher.provider != "embedded" or recognise(task.instruction) is not None

    def _material(
        self, rng: random.Random, recipe: str, needs: Needs, demonstrations: Sequence[Task]
    ) -> dict[str, Any]:
        growth = self._settings.growth
        if recipe == "topic":
            topics = [name for name in growth.topics if detect_language(name) == needs.language]
            return topic.draw(rng, topics, growth.topic_kinds, needs.tasks)
        if recipe == "evolve":
            return evolve.draw(rng, deeper=self._may_deepen(demonstrations[0]))
        if recipe == "documents":
            chunks = self._chunks[needs.language]
            chunk = chunks[self._drawn[recipe, needs.language] % len(chunks)]
            return {"text": chunk.text, "source": chunk.source, "include": growth.include_document}
        if recipe == "procedural":
            return {"tasks_from": growth.procedural}
        return dialogue.draw(rng) if recipe == "dialogue" else {}

    def _may_deepen(self, parent: Task) -> bool:
        """The embedded teacher deepens a chain by one step, up to `max_steps`."""
        if self._settings.teacher.provider != "embedded":
            return True
        known = recognise(parent.instruction)
        return known is not None and len(known.operations) < self._settings.growth.max_steps

    def _view(self, number: int) -> _View:
        last = number - self._settings.growth.window if self._settings.ordered else len(self._views) - 1
        return self._views[last] if last >= 0 else self._first_view

    def _demonstrations(self, rng: random.Random, language: str, view: _View) -> tuple[Task, ...]:
        growth, seeds = self._settings.growth, self._seeds[language]
        visible = view.tasks[language]
        places = rng.sample(range(visible), min(growth.demonstrations - growth.human_demonstrations, visible))
        # Until the pool has grown, seeds take the places of grown tasks.
        human = rng.sample(seeds, min(growth.demonstrations - len(places), len(seeds)))
        shown = human + [self._grown[language][place] for place in places]
        rng.shuffle(shown)
        return tuple(shown)

    def _rarest_categories(self, rng: random.Random, language: str, view: _View) -> tuple[str, ...]:
        ranked = sorted(self._categories, key=lambda c: (view.rows.get((language, c), 0), rng.random()))
        return tuple(ranked[:_CATEGORIES_PER_JOB])


def to_request(job: Job, step: int, ask: Ask, settings: Settings) -> Request:
    """The chat request for one step of a job."""
    teacher = settings.teacher
    longest = ask.max_tokens or teacher.max_tokens
    body: dict[str, Any] = {
        "model": teacher.model,
        "messages": [dict(message) for message in ask.messages],
        "temperature": teacher.temperature if ask.temperature is None else ask.temperature,
        "max_tokens": longest,
        "seed": job.seed + step,
    }
    # A schema is only known for whole tasks: the other steps ask for JSON without one.
    whole = step == 0 and job.recipe in _WHOLE_TASKS
    kind = teacher.response_format if whole or teacher.response_format != "json_schema" else "json_object"
    wanted = response_format(kind, job.needs.tasks, job.needs.categories, job.needs.instances)
    if wanted is not None:
        body["response_format"] = wanted
    # A byte-level tokenizer never makes more tokens than there are bytes: a ceiling for any endpoint.
    prompt_ceiling = sum(len(message["content"].encode()) + _TOKENS_PER_MESSAGE for message in ask.messages)
    return Request(job.number, step, body, prompt_ceiling, longest)


def _shares(settings: Settings, chunks: Mapping[str, Sequence[Chunk]]) -> dict[tuple[str, str], float]:
    """The share of jobs for each recipe and language, summing to 1; documents have as much of each as there are chunks."""
    growth = settings.growth
    languages = sum(growth.languages.values())
    written = max(1, sum(map(len, chunks.values())))
    products = {
        (recipe, language): growth.recipes[recipe]
        * (len(chunks[language]) / written if recipe == "documents" else growth.languages[language] / languages)
        for recipe in sorted(growth.recipes)
        for language in sorted(growth.languages)
        if recipe != "documents" or chunks[language]
    }
    total = sum(products.values())
    return {cell: product / total for cell, product in products.items()}
