"""The pool: seed tasks and grown tasks that jobs take their demonstrations from, and what each job asks for."""

import hashlib
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from builder.cells import find_category
from builder.config import CATEGORIES, Member, Settings
from builder.errors import IntegrityError
from builder.generation.steering import MixCell, Steering, Wanted, spread
from builder.language.messages import worded
from builder.procedural.families import recognise
from builder.procedural.teacher.lessons import MODELS
from builder.recipes import RECIPES
from builder.recipes.recipe import Ask, Draft, Drawing, Instance, Job, Needs, Piece, Reading, Recipe, Task
from builder.recipes.response_format import response_format
from builder.requests.ledger import Entry, Request
from builder.schema import Message
from builder.text import fingerprint

_CATEGORIES_PER_JOB = 3  # narrow enough to steer, wide enough for one reply to vary
_TOKENS_PER_MESSAGE = 16  # more than any chat template adds around a message
_NEEDS = tuple(field.name for field in fields(Needs))
# Before the id of a task that the ledger names and the pool did not hold when its children were admitted.
_ONLY_IN_LEDGER = "ledger:"


@dataclass(frozen=True, slots=True)
class _View:
    """How much of the pool a job may see: grown tasks and parents by language, grown rows by language and category.

    With quotas also the rows of each cell, and how many were asked for.
    """

    tasks: Mapping[str, int]
    parents: Mapping[str, int]
    rows: Mapping[tuple[str, str], int]
    mix: Mapping[MixCell, int]
    asked: Mapping[MixCell, float]


class Pool:
    """Seeds and grown tasks in the order of admission, with a view for each job that was admitted.

    Args:
        settings: of the dataset.
        seeds: the seed tasks.
        pieces: what the user gave, by the recipe that asks about it.
    """

    def __init__(
        self, settings: Settings, seeds: Sequence[Task], pieces: Mapping[str, Sequence[Piece]] = MappingProxyType({})
    ) -> None:
        self._settings = settings
        self._languages: list[str] = sorted(settings.growth.languages)
        self._pieces = {
            recipe: {language: [one for one in given if one.language == language] for language in self._languages}
            for recipe, given in pieces.items()
        }
        self._shares = _shares(settings, self._pieces)
        self._drawn: Counter[tuple[str, str]] = Counter()
        self._seeds = {language: [t for t in seeds if t.language == language] for language in self._languages}
        # The seeds' categories, or all known ones where the seeds name none.
        self._categories = (
            settings.growth.categories or tuple(sorted({t.category for t in seeds if t.category})) or CATEGORIES
        )
        self._by_id: dict[str, Task] = {}
        self._by_text: dict[str, str] = {}
        for task in seeds:
            self._know(task)
        self._grown: dict[str, list[Task]] = {language: [] for language in self._languages}
        # Tasks that recipes of one task may take: seeds first, then grown ones.
        self._parents: dict[str, list[Task]] = {language: [] for language in self._languages}
        self._parent_places: dict[str, int] = {}
        # The places of those that were not rephrased yet, in order.
        self._not_rephrased: dict[str, list[int]] = {language: [] for language in self._languages}
        for task in (seed for own in self._seeds.values() for seed in own):
            self._add_parent(task)
        self._rows: Counter[tuple[str, str]] = Counter()
        self._steering = Steering(settings, self._categories) if settings.balance.quotas else None
        self._mix: Counter[MixCell] = Counter()
        self._asked: Counter[MixCell] = Counter()
        # What jobs that were not admitted yet ask for, by job number; and the places of grown tasks by cell.
        self._asking: dict[int, dict[MixCell, float]] = {}
        self._places: defaultdict[MixCell, list[int]] = defaultdict(list)
        self._admitted = 0
        # By the number of jobs that were admitted before; only those that a job may still be built from.
        self._views: dict[int, _View] = {0: self._now()}

    def add_admitted(self, tasks: Sequence[Task], job: Job | None = None) -> int:
        """Add the tasks admitted from the next job.

        Dialogues, other wordings of a task and tasks about a document count, but are shown to no other job.

        Args:
            job: that gave them; None where no job of this pool did.

        Returns:
            How many of their rows bring the mix nearer to its quotas; all of them where there are none.
        """
        needed = 0
        shown = job is None or RECIPES[job.recipe].shared
        for task in tasks:
            self._know(task)
            rows = max(1, len(task.instances))
            self._rows[task.language, task.category or ""] += rows
            needed += self._count(task, rows)
            # A fork may ask for fewer languages than it inherited.
            if not shown or task.dialogue or task.variant_of is not None or task.language not in self._grown:
                continue
            if self._steering is not None:
                cell = self._steering.cell_of(task.category, task.language, task.kind)
                self._places[cell].append(len(self._grown[task.language]))
            self._grown[task.language].append(task)
            self._add_parent(task)
        if job is not None:
            self._asked.update(self._asking.get(job.number, {}))
            if not self._settings.ordered:
                self._asking.pop(job.number, None)
        self._admitted += 1
        self._views[self._admitted] = self._now()
        self._views.pop(self._admitted - self._settings.growth.window - 1, None)
        return needed

    def _add_parent(self, task: Task) -> None:
        """Let recipes of one task take it, if they may."""
        if self._may_be_parent(task):
            places = self._parents[task.language]
            self._parent_places[task.id] = len(places)
            self._not_rephrased[task.language].append(len(places))
            places.append(task)

    def shortfalls(self) -> list[str]:
        """The quotas that are not filled, such as `mathematics/zh: 12 of 50`."""
        return self._steering.shortfalls(self._mix) if self._steering is not None else []

    def _count(self, task: Task, rows: int) -> int:
        """Count a task's rows in its cell; returns how many of them the quotas still needed."""
        if self._steering is None:
            return rows
        cell = self._steering.cell_of(task.category, task.language, task.kind)
        needed = 0
        for _ in range(rows):
            needed += self._steering.count(cell)
            self._mix[cell] += 1
        return needed

    def build(self, number: int) -> Job:
        """Build job `number`; with `ordered` from the pool as it was after job `number - window`.

        Jobs are built in their order, once each, after those of the ledger were restored.
        """
        growth = self._settings.growth
        rng = random.Random(f"{self._settings.seed}:{number}")
        view = self._view(number)
        wanted = self._wanted(rng, number, view)
        name, language = self._draw(view, wanted)
        recipe = RECIPES[name]
        if recipe.of_a_parent:
            parent = self._parent(rng, recipe, language, view, wanted)
            demonstrations: tuple[Task, ...] = (parent,)
            categories = (parent.category,) if parent.category else self._categories
        else:
            demonstrations = self._demonstrations(rng, language, view, wanted) if recipe.shows_tasks else ()
            categories = wanted.categories if wanted else self._rarest_categories(rng, language, view)
        needs = Needs(
            tasks=recipe.tasks(growth),
            language=language,
            categories=categories,
            instances=growth.instances_per_task,
            max_steps=growth.max_steps if self._counts_steps(recipe) else None,
            kind=wanted.kind if wanted else None,
            preset=growth.preset,
        )
        material = self._material(rng, recipe, needs, demonstrations)
        digest = hashlib.sha256(f"{self._settings.seed}:{number}".encode()).digest()
        job = Job(number, name, needs, demonstrations, material, int.from_bytes(digest[:4], "big") >> 1)
        self._remember(job)
        return job

    def restore(self, entry: Entry) -> Job:
        """A job from the ledger, as it was asked; demonstrations that were not admitted (yet) are left out.

        Raises:
            IntegrityError: its reply cannot be read without a parent that is in neither the pool nor the ledger.
        """
        context = entry.context
        needs = {name: context["needs"][name] for name in _NEEDS if name in context["needs"]}
        # Older ledgers hold only the ids.
        lineage = tuple((s, "") if isinstance(s, str) else (s[0], s[1]) for s in context["demonstrations"])
        found = [self._find(*shown) for shown in lineage]
        demonstrations = tuple(self._by_id[name] for name in found if name is not None)
        if RECIPES[entry.recipe].of_a_parent:
            demonstrations = (_task(context["parent"]),) if "parent" in context else demonstrations
            if not demonstrations and not entry.dropped:
                raise IntegrityError(
                    worded(
                        "job r{number:06d} ({recipe}) works on the task {lineage}, which these settings do not admit, "
                        "and the ledger of an older version does not hold it",
                        number=entry.number,
                        recipe=entry.recipe,
                        lineage=lineage[0][0],
                    ),
                    worded("Go back to settings that admit it, or build into a new folder."),
                )
        job = Job(
            entry.number,
            entry.recipe,
            Needs(**{**needs, "categories": tuple(needs["categories"])}),
            demonstrations,
            context["material"],
            context["seed"],
            lineage,
            str(entry.steps[0].request.body["model"]) if entry.steps else None,
        )
        if not entry.dropped:
            self._remember(job)
        return job

    def trace(self, job: Job, reading: Reading) -> tuple[Job, Reading]:
        """The job and its reading with their lineage as it stands when they are admitted.

        A task that is in the pool under another id gets that one. One that is not there, since these settings did not admit
        it or its seed is gone, is named as only the ledger knows it: `ledger:r000012-3`.
        """
        if not job.lineage:  # built by this pool, from tasks that it holds
            return job, reading
        names = {name: self._find(name, text) or _ONLY_IN_LEDGER + name for name, text in job.shown}
        if all(name == now for name, now in names.items()):
            return job, reading
        found = tuple(
            replace(
                draft,
                parents=tuple(names.get(parent, parent) for parent in draft.parents),
                same_task=names.get(draft.same_task, draft.same_task) if draft.same_task else None,
            )
            if isinstance(draft, Draft)
            else draft
            for draft in reading.found
        )
        return replace(job, lineage=tuple((names[name], text) for name, text in job.shown)), replace(
            reading, found=found
        )

    def _know(self, task: Task) -> None:
        self._by_id[task.id] = task
        self._by_text.setdefault(fingerprint(task.instruction), task.id)

    def _find(self, name: str, text: str) -> str | None:
        """The id of a task of the pool that has this id and fingerprint, or only the fingerprint; None where none has."""
        there = self._by_id.get(name)
        if there is not None and text in ("", fingerprint(there.instruction)):
            return name
        return self._by_text.get(text)

    def _remember(self, job: Job) -> None:
        self._drawn[job.recipe, job.needs.language] += 1
        needs = job.needs
        if self._steering is not None:
            kind = needs.kind if self._steering.by_kind else None
            self._asking[job.number] = spread(needs.categories, needs.language, kind, needs.tasks * needs.instances)
        if RECIPES[job.recipe].once_each:
            for task in job.demonstrations:
                self._forget_unrephrased(task)

    def _now(self) -> _View:
        return _View(
            {language: len(grown) for language, grown in self._grown.items()},
            {language: len(parents) for language, parents in self._parents.items()},
            dict(self._rows),
            dict(self._mix),
            dict(self._asked),
        )

    def _wanted(self, rng: random.Random, number: int, view: _View) -> Wanted | None:
        """With quotas: what the mix lacks most, beside what the jobs ask for whose rows are not in the view."""
        if self._steering is None:
            return None
        first = max(0, number - self._settings.growth.window) if self._settings.ordered else 0
        for admitted in [job for job in self._asking if job < first]:
            del self._asking[admitted]
        in_flight: Counter[MixCell] = Counter()
        for asking in self._asking.values():
            in_flight.update(asking)
        return self._steering.choose(rng, view.mix, view.asked, in_flight)

    def _draw(self, view: _View, wanted: Wanted | None) -> tuple[str, str]:
        """The recipe and language most behind their share among the jobs so far (largest remainder).

        A recipe of one task waits until the pool has one for it, and then catches up. What is wanted decides the language,
        and between recipes of dialogues and those of single tasks.
        """
        number = self._drawn.total() + 1
        shares = [cell for cell in self._shares if wanted is None or _can_give(*cell, wanted)] or list(self._shares)
        possible = [cell for cell in shares if not RECIPES[cell[0]].of_a_parent or self._open_parents(*cell, view)]
        # All tasks were rephrased: they are again, and saturation ends the run where nothing new comes of it.
        possible = possible or [cell for cell in self._shares if view.parents[cell[1]]]
        return max(possible, key=lambda cell: self._shares[cell] * number - self._drawn[cell])

    def _open_parents(self, recipe: str, language: str, view: _View) -> Sequence[int]:
        """The places of the visible tasks that a recipe may take."""
        visible, places = view.parents[language], self._not_rephrased[language]
        return places[: bisect_left(places, visible)] if RECIPES[recipe].once_each else range(visible)

    def _forget_unrephrased(self, task: Task) -> None:
        places, place = self._not_rephrased[task.language], self._parent_places.get(task.id)
        if place is not None and (at := bisect_left(places, place)) < len(places) and places[at] == place:
            del places[at]

    def _parent(self, rng: random.Random, recipe: Recipe, language: str, view: _View, wanted: Wanted | None) -> Task:
        places = self._open_parents(recipe.name, language, view) or range(view.parents[language])
        if wanted is not None:
            parents = self._parents[language]
            alike = [p for p in places if _is_wanted(parents[p], wanted, of_any_kind=recipe.gives_dialogues)]
            places = alike or places
        return self._parents[language][rng.choice(places)]

    def _may_be_parent(self, task: Task) -> bool:
        """The embedded teacher treats only what it can take apart; any other teacher is asked about all tasks."""
        return self._settings.teacher.provider != "embedded" or recognise(task.instruction) is not None

    def _material(
        self, rng: random.Random, recipe: Recipe, needs: Needs, demonstrations: Sequence[Task]
    ) -> dict[str, Any]:
        drawn = self._drawn[recipe.name, needs.language]
        pieces = self._pieces.get(recipe.name, {}).get(needs.language, ())
        deepens = recipe.evolves and self._may_deepen(demonstrations[0])
        return recipe.draw(Drawing(rng, self._settings.growth, needs, pieces, drawn, deepens))

    def _counts_steps(self, recipe: Recipe) -> bool:
        """Whether tasks are chains of operations: those of Seedbed's own teacher, wherever it is served, or of none."""
        return recipe.computed or self._settings.teacher.model in MODELS

    def _may_deepen(self, parent: Task) -> bool:
        """The embedded teacher deepens a chain by one step, up to `max_steps`."""
        if self._settings.teacher.provider != "embedded":
            return True
        known = recognise(parent.instruction)
        return known is not None and len(known.operations) < self._settings.growth.max_steps

    def _view(self, number: int) -> _View:
        admitted = number - self._settings.growth.window + 1 if self._settings.ordered else self._admitted
        return self._views[max(0, admitted)]

    def _demonstrations(
        self, rng: random.Random, language: str, view: _View, wanted: Wanted | None
    ) -> tuple[Task, ...]:
        growth, seeds = self._settings.growth, self._seeds[language]
        visible = view.tasks[language]
        grown = min(growth.demonstrations - growth.human_demonstrations, visible)
        places = _sample(rng, self._places_of(wanted, visible), range(visible), grown)
        # Until the pool has grown, seeds take the places of grown tasks.
        alike = [place for place, seed in enumerate(seeds) if wanted is not None and _is_wanted(seed, wanted)]
        human = _sample(rng, alike, range(len(seeds)), min(growth.demonstrations - len(places), len(seeds)))
        shown = [seeds[place] for place in human] + [self._grown[language][place] for place in places]
        rng.shuffle(shown)
        return tuple(shown)

    def _places_of(self, wanted: Wanted | None, visible: int) -> list[int]:
        """The places of visible grown tasks that are what is wanted."""
        if wanted is None:
            return []
        cells = [(category, wanted.language, wanted.kind) for category in wanted.categories]
        return [place for cell in cells for place in self._places[cell][: bisect_left(self._places[cell], visible)]]

    def _rarest_categories(self, rng: random.Random, language: str, view: _View) -> tuple[str, ...]:
        ranked = sorted(self._categories, key=lambda c: (view.rows.get((language, c), 0), rng.random()))
        return tuple(ranked[:_CATEGORIES_PER_JOB])


def _task(kept: Mapping[str, Any]) -> Task:
    """A task as the ledger keeps it."""
    instances = tuple(Instance(**instance) for instance in kept["instances"])
    dialogue = tuple(Message(**message) for message in kept["dialogue"])
    return Task(**{**kept, "instances": instances, "dialogue": dialogue})


def _can_give(recipe: str, language: str, wanted: Wanted) -> bool:
    return language == wanted.language and (
        wanted.kind is None or RECIPES[recipe].gives_dialogues == (wanted.kind == "dialogue")
    )


def _is_wanted(task: Task, wanted: Wanted, *, of_any_kind: bool = False) -> bool:
    """Whether a task shows what is wanted, or as a parent can become it."""
    return find_category(task.category, wanted.categories) is not None and (
        of_any_kind or wanted.kind in (None, task.kind)
    )


def _sample(rng: random.Random, alike: Sequence[int], places: Sequence[int], count: int) -> list[int]:
    """Places, up to half of them of what is wanted: enough to show it, and others to keep the replies apart."""
    first = rng.sample(alike, min(len(alike), (count + 1) // 2))
    if not first:
        return rng.sample(places, count)
    others = [place for place in rng.sample(places, count) if place not in first]
    return first + others[: count - len(first)]


def to_request(job: Job, step: int, ask: Ask, settings: Settings) -> Request:
    """The chat request for one step of a job."""
    teacher = settings.teacher
    longest = ask.max_tokens or teacher.max_tokens
    members: dict[Member, Any] = {
        "temperature": teacher.temperature if ask.temperature is None else ask.temperature,
        "max_tokens": longest,
        "seed": job.seed + step,
    }
    # A schema is only known for whole tasks: the other steps ask for JSON without one, and so do those who judge or categorise.
    whole = step == 0 and job.recipe in RECIPES and RECIPES[job.recipe].whole_tasks
    kind = teacher.response_format if whole or teacher.response_format != "json_schema" else "json_object"
    wanted = response_format(kind, job.needs.tasks, job.needs.categories, job.needs.instances)
    if wanted is not None:
        members["response_format"] = wanted
    named = teacher.members
    body: dict[str, Any] = {"model": teacher.model, "messages": [dict(message) for message in ask.messages]}
    body |= {name: value for member, value in members.items() if (name := named[member]) is not None}
    body |= teacher.extra_body
    # A byte-level tokenizer never makes more tokens than there are bytes: a ceiling for any endpoint.
    prompt_ceiling = sum(len(message["content"].encode()) + _TOKENS_PER_MESSAGE for message in ask.messages)
    return Request(job.number, step, body, prompt_ceiling, longest)


def _shares(settings: Settings, pieces: Mapping[str, Mapping[str, Sequence[Piece]]]) -> dict[tuple[str, str], float]:
    """The share of jobs for each recipe and language, summing to 1; of one that asks about the user's pieces as
    much in each language as there are such.
    """
    growth = settings.growth
    languages = sum(growth.languages.values())
    given = {recipe: sum(map(len, of.values())) for recipe, of in pieces.items()}
    products = {
        (recipe, language): growth.recipes[recipe]
        * (
            len(pieces[recipe][language]) / given[recipe]
            if given.get(recipe)
            else growth.languages[language] / languages
        )
        for recipe in sorted(growth.recipes)
        for language in sorted(growth.languages)
        if not given.get(recipe) or pieces[recipe][language]
    }
    total = sum(products.values())
    return {cell: product / total for cell, product in products.items()}
