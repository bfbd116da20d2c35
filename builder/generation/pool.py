"""The pool: seed tasks and grown tasks that jobs take their demonstrations from, and what each job asks for."""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from builder.config import CATEGORIES, Settings
from builder.recipes.recipe import Ask, Job, Needs, Task
from builder.requests.ledger import Entry, Request

_CATEGORIES_PER_JOB = 3  # narrow enough to steer, wide enough for one reply to vary
_TOKENS_PER_MESSAGE = 16  # more than any chat template adds around a message


@dataclass(frozen=True, slots=True)
class _View:
    """How much of the pool a job may see: grown tasks by language, grown rows by language and category."""

    tasks: Mapping[str, int]
    rows: Mapping[tuple[str, str], int]


class Pool:
    """Seeds and grown tasks in the order of admission, with a view for each job that was admitted.

    Args:
        settings: of the dataset.
        seeds: the seed tasks.
    """

    def __init__(self, settings: Settings, seeds: Sequence[Task]) -> None:
        self._settings = settings
        self._languages: list[str] = sorted(settings.growth.languages)
        self._shares = _shares(settings)
        self._drawn: list[tuple[str, str]] = []
        self._drawn_counts: Counter[tuple[str, str]] = Counter()
        self._seeds = {language: [t for t in seeds if t.language == language] for language in self._languages}
        # The seeds' categories, or all known ones where the seeds name none.
        self._categories = (
            settings.growth.categories or tuple(sorted({t.category for t in seeds if t.category})) or CATEGORIES
        )
        self._by_id = {task.id: task for task in seeds}
        self._grown: dict[str, list[Task]] = {language: [] for language in self._languages}
        self._rows: Counter[tuple[str, str]] = Counter()
        self._views: list[_View] = []

    def add_admitted(self, tasks: Sequence[Task]) -> None:
        """Add the tasks admitted from the next job."""
        for task in tasks:
            self._by_id[task.id] = task
            self._grown[task.language].append(task)
            self._rows[task.language, task.category or ""] += max(1, len(task.instances))
        self._views.append(_View({lang: len(grown) for lang, grown in self._grown.items()}, dict(self._rows)))

    def build(self, number: int) -> Job:
        """Build job `number`; with `ordered` from the pool as it was after job `number - window`."""
        growth = self._settings.growth
        rng = random.Random(f"{self._settings.seed}:{number}")
        view = self._view(number)
        recipe, language = self._draw(number)
        demonstrations = self._demonstrations(rng, language, view)
        needs = Needs(
            tasks=growth.tasks_per_request,
            language=language,
            categories=self._rarest_categories(rng, language, view),
            instances=growth.instances_per_task,
            max_steps=growth.max_steps,
        )
        digest = hashlib.sha256(f"{self._settings.seed}:{number}".encode()).digest()
        return Job(number, recipe, needs, demonstrations, {}, int.from_bytes(digest[:4], "big") >> 1)

    def restore(self, entry: Entry) -> Job:
        """A job from the ledger; its demonstrations were admitted before it was built."""
        needs = dict(entry.context["needs"])
        return Job(
            entry.number,
            entry.recipe,
            Needs(**{**needs, "categories": tuple(needs["categories"])}),
            tuple(self._by_id[task] for task in entry.context["demonstrations"]),
            entry.context["material"],
            entry.context["seed"],
        )

    def _draw(self, number: int) -> tuple[str, str]:
        """The recipe and language most behind their share among the jobs up to `number` (largest remainder)."""
        while len(self._drawn) <= number:
            counts = self._drawn_counts
            due = {cell: share * (len(self._drawn) + 1) - counts[cell] for cell, share in self._shares.items()}
            chosen = max(self._shares, key=due.__getitem__)
            self._drawn.append(chosen)
            counts[chosen] += 1
        return self._drawn[number]

    def _view(self, number: int) -> _View:
        last = number - self._settings.growth.window if self._settings.ordered else len(self._views) - 1
        return self._views[last] if last >= 0 else _View(dict.fromkeys(self._languages, 0), {})

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
        "temperature": teacher.temperature,
        "max_tokens": longest,
        "seed": job.seed + step,
    }
    if teacher.response_format != "none":
        body["response_format"] = {"type": teacher.response_format}
    # A byte-level tokenizer never makes more tokens than there are bytes: a ceiling for any endpoint.
    prompt_ceiling = sum(len(message["content"].encode()) + _TOKENS_PER_MESSAGE for message in ask.messages)
    return Request(job.number, step, body, prompt_ceiling, longest)


def _shares(settings: Settings) -> dict[tuple[str, str], float]:
    """The share of jobs for each recipe and language, summing to 1."""
    growth = settings.growth
    products = {
        (recipe, language): growth.recipes[recipe] * growth.languages[language]
        for recipe in sorted(growth.recipes)
        for language in sorted(growth.languages)
    }
    total = sum(products.values())
    return {cell: product / total for cell, product in products.items()}
