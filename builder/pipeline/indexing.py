"""Making the search index of what has none yet: a file for each part of the samples, shared among the cores."""

import contextlib
from pathlib import Path

from builder.config import Execution
from builder.execution import run
from builder.queries.search_index import index_path, missing_indexes, write_index
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import atomic_path, remove_file

_Task = tuple[Path, str, Path]


def write_indexes(folder: DatasetFolder, execution: Execution) -> None:
    """Make the indexes that are missing, damaged or were made of other samples, and remove those of parts that are gone.

    They are written on this machine also where rows are measured on others: each is a file beside the samples.

    Raises:
        IntegrityError: a part cannot be read.
    """
    damaged = {problem.path for problem in folder.problems(folder.search)}
    missing, known = missing_indexes(folder), folder.known()
    parts = [
        part
        for part in folder.parts(folder.samples)
        if part in missing or folder.name_of(index_path(folder, part)) in damaged
    ]
    with contextlib.ExitStack() as unfinished:
        files, tasks = [], []
        for part in parts:
            if (described := known.get(folder.name_of(part))) is not None:
                files.append(unfinished.enter_context(contextlib.ExitStack()))
                temporary = files[-1].enter_context(atomic_path(index_path(folder, part)))
                tasks.append((part, str(described["sha256"]), temporary))
        here = execution.model_copy(update={"engine": "local"})
        with contextlib.closing(run(_write, tasks, here)) as written:
            for file, _ in zip(files, written, strict=True):
                file.close()  # in its place before the others are written
    due = {index_path(folder, part) for part in folder.parts(folder.samples)}
    for path in folder.search.glob("part-*.sqlite"):
        if path not in due:
            remove_file(path)


def _write(task: _Task) -> None:
    write_index(*task)
