"""What a build starts from: seed tasks, and what else of the user's a recipe asks about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from builder.config import Settings
from builder.errors import UsageError
from builder.formats.inputs import local_inputs
from builder.generation.seeds import load_seed_tasks
from builder.language import Language
from builder.language.messages import worded
from builder.progress import Reporter
from builder.recipes import RECIPES
from builder.recipes.recipe import Instance, Piece, Task
from builder.settings_file import settings_from_mapping


@dataclass(frozen=True, slots=True)
class Sources:
    """What a growth starts from: each seed task with where it is from, and the pieces that recipes ask about.

    Attributes:
        settings: with the languages of the seeds where none were asked for.
    """

    settings: Settings
    seeds: Sequence[tuple[Task, str]]
    pieces: Mapping[str, Sequence[Piece]]


def read_sources(settings: Settings) -> Sources:
    """All of it; raises what `read_seeds`, `in_their_languages` and the recipes' `load` raise."""
    seeds = read_seeds(settings)
    settings = in_their_languages(settings, seeds)
    asked = [RECIPES[name] for name in settings.growth.recipes]
    return Sources(settings, seeds, {one.name: one.load(settings.growth) for one in asked if one.load is not None})


def in_their_languages(settings: Settings, seeds: Sequence[tuple[Task, str]]) -> Settings:
    """The settings with the languages of the seeds, alike, where `growth.languages` asks for none.

    Raises:
        UsageError: no seed is in a language that can be grown, or other settings need a language that none is in.
    """
    if settings.growth.languages:
        return settings
    present = {task.language for task, _ in seeds}
    languages = {language: 1.0 for language in get_args(Language) if language in present}
    if not languages:
        raise UsageError(worded("no seed task is in English or Chinese"), worded("Add seeds in one of them."))
    tree = settings.model_dump(mode="json")
    return settings_from_mapping({**tree, "growth": {**tree["growth"], "languages": languages}})


def read_seeds(settings: Settings) -> list[tuple[Task, str]]:
    """The seed tasks of `seeds.files`, each with where it is from.

    Raises:
        UsageError: a file cannot be used, or no seed is in one of `growth.languages`.
    """
    with local_inputs(settings.seeds.files, Reporter(quiet=True)) as files:
        seeds = load_seed_tasks([str(file) for file in files])
    tasks = [
        (
            Task(
                seed.id,
                seed.instruction,
                tuple(Instance(given, output) for given, output in seed.instances),
                seed.category,
                seed.language,
                seed.is_classification,
            ),
            seed.source,
        )
        for seed in seeds
    ]
    present = {task.language for task, _ in tasks}
    missing = [language for language in settings.growth.languages if language not in present]
    if missing:
        raise UsageError(
            worded(
                "growth.languages asks for {missing}, but no seed task is in that language", missing=", ".join(missing)
            ),
            worded("Add seeds in it, or leave it out: --set 'growth.languages={{}}' grows the languages of the seeds."),
        )
    return tasks
