"""What a build starts from: seed tasks, and the user's documents where a recipe asks about them."""

from collections.abc import Sequence
from dataclasses import dataclass

from builder.config import Settings
from builder.documents import Chunk, load_chunks
from builder.errors import UsageError
from builder.generation.seeds import load_seed_tasks
from builder.object_store import local_files
from builder.progress import Reporter
from builder.recipes.recipe import Instance, Task


@dataclass(frozen=True, slots=True)
class Sources:
    """What a growth starts from: each seed task with where it is from, and the chunks of the documents."""

    seeds: Sequence[tuple[Task, str]]
    chunks: Sequence[Chunk]


def read_sources(settings: Settings) -> Sources:
    """Both; raises what `read_seeds` and `read_chunks` raise."""
    return Sources(read_seeds(settings), read_chunks(settings))


def read_seeds(settings: Settings) -> list[tuple[Task, str]]:
    """The seed tasks of `seeds.files`, each with where it is from.

    Raises:
        UsageError: a file cannot be used, or no seed is in one of `growth.languages`.
    """
    with local_files(settings.seeds.files, Reporter(quiet=True)) as files:
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
            f"growth.languages asks for {', '.join(missing)}, but no seed task is in that language",
            "Add seeds in it, or leave it out: --set 'growth.languages={en: 1}'.",
        )
    return tasks


def read_chunks(settings: Settings) -> tuple[Chunk, ...]:
    """The chunks of `growth.documents`; none where no recipe uses them.

    Raises:
        UsageError: a document cannot be read, or none is in one of `growth.languages`.
    """
    growth = settings.growth
    if "documents" not in growth.recipes:
        return ()
    with local_files(growth.documents, Reporter(quiet=True)) as files:
        return load_chunks(files, words=growth.chunk_words, languages=growth.languages)
