"""The pool: seed tasks and grown tasks that requests take their demonstrations from, and what each request asks for."""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from builder.config import CATEGORIES, Settings
from builder.recipes.recipe import Needs, Recipe, Task
from builder.requests.ledger import Request

_CATEGORIES_PER_REQUEST = 3  # narrow enough to steer, wide enough for one reply to vary
_TOKENS_PER_MESSAGE = 16  # more than any chat template adds around a message


@dataclass(frozen=True, slots=True)
class _View:
    """How much of the pool a request may see: grown tasks by language, grown rows by language and category."""

    tasks: Mapping[str, int]
    rows: Mapping[tuple[str, str], int]


class Pool:
    """Seeds and grown tasks in the order of admission, with a view for each reply that was admitted.

    Args:
        settings: of the dataset.
        seeds: the seed tasks.
        recipe: words the requests.
    """

    def __init__(self, settings: Settings, seeds: Sequence[Task], recipe: Recipe) -> None:
        self._settings = settings
        self._recipe = recipe
        self._languages: list[str] = sorted(settings.growth.languages)
        self._shares: dict[str, float] = {
            lang: w / sum(settings.growth.languages.values()) for lang, w in settings.growth.languages.items()
        }
        self._asked: list[str] = []
        self._asked_counts: Counter[str] = Counter()
        self._seeds = {language: [t for t in seeds if t.language == language] for language in self._languages}
        # The seeds' categories, or all known ones where the seeds name none.
        self._categories = (
            settings.growth.categories or tuple(sorted({t.category for t in seeds if t.category})) or CATEGORIES
        )
        self._grown: dict[str, list[Task]] = {language: [] for language in self._languages}
        self._rows: Counter[tuple[str, str]] = Counter()
        self._views: list[_View] = []

    def add_reply(self, tasks: Sequence[Task]) -> None:
        """Add the tasks admitted from the next reply."""
        for task in tasks:
            self._grown[task.language].append(task)
            self._rows[task.language, task.category or ""] += len(task.instances)
        self._views.append(_View({lang: len(grown) for lang, grown in self._grown.items()}, dict(self._rows)))

    def build(self, number: int) -> Request:
        """Build request `number`; with `ordered` from the pool as it was after reply `number - window`."""
        growth, teacher = self._settings.growth, self._settings.teacher
        rng = random.Random(f"{self._settings.seed}:{number}")
        view = self._view(number)
        language = self._language(number)
        demonstrations = self._demonstrations(rng, language, view)
        needs = Needs(
            tasks=growth.tasks_per_request,
            language=language,
            categories=self._rarest_categories(rng, language, view),
            instances=growth.instances_per_task,
            max_steps=growth.max_steps,
        )
        messages = self._recipe.compose(demonstrations, needs)
        digest = hashlib.sha256(f"{self._settings.seed}:{number}".encode()).digest()
        body: dict[str, Any] = {
            "model": teacher.model,
            "messages": messages,
            "temperature": teacher.temperature,
            "max_tokens": teacher.max_tokens,
            "seed": int.from_bytes(digest[:4], "big") >> 1,
        }
        if teacher.response_format != "none":
            body["response_format"] = {"type": teacher.response_format}
        context = {"needs": asdict(needs), "parents": [task.id for task in demonstrations]}
        # A byte-level tokenizer never makes more tokens than there are bytes: a ceiling for any endpoint.
        prompt_ceiling = sum(len(message["content"].encode()) + _TOKENS_PER_MESSAGE for message in messages)
        return Request(number, self._recipe.name, context, body, prompt_ceiling + teacher.max_tokens)

    def _language(self, number: int) -> str:
        """The language most behind its share among the requests up to `number` (largest remainder), by number alone."""
        while len(self._asked) <= number:
            counts = self._asked_counts
            due = {lang: share * (len(self._asked) + 1) - counts[lang] for lang, share in self._shares.items()}
            chosen = max(self._languages, key=due.__getitem__)
            self._asked.append(chosen)
            counts[chosen] += 1
        return self._asked[number]

    def _view(self, number: int) -> _View:
        last = number - self._settings.growth.window if self._settings.ordered else len(self._views) - 1
        return self._views[last] if last >= 0 else _View(dict.fromkeys(self._languages, 0), {})

    def _demonstrations(self, rng: random.Random, language: str, view: _View) -> list[Task]:
        growth, seeds = self._settings.growth, self._seeds[language]
        visible = view.tasks[language]
        places = rng.sample(range(visible), min(growth.demonstrations - growth.human_demonstrations, visible))
        # Until the pool has grown, seeds take the places of grown tasks.
        human = rng.sample(seeds, min(growth.demonstrations - len(places), len(seeds)))
        shown = human + [self._grown[language][place] for place in places]
        rng.shuffle(shown)
        return shown

    def _rarest_categories(self, rng: random.Random, language: str, view: _View) -> tuple[str, ...]:
        ranked = sorted(self._categories, key=lambda c: (view.rows.get((language, c), 0), rng.random()))
        return tuple(ranked[:_CATEGORIES_PER_REQUEST])


def needs_of(request: Request) -> Needs:
    """What a request asked for, from its context in the ledger."""
    needs = dict(request.context["needs"])
    return Needs(**{**needs, "categories": tuple(needs["categories"])})
