"""Growing to a target: seeds and a teacher in, a published dataset out."""

import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from builder.config import Settings
from builder.curation.deciding import Decision, decide
from builder.curation.filtering import check_row
from builder.dataset_folder import DatasetFolder
from builder.documents import Chunk
from builder.errors import (
    BudgetReachedError,
    IntegrityError,
    SeedbedError,
    TargetNotReachedError,
    UsageError,
)
from builder.files import remove_temporary_files, write_text
from builder.generation.admission import Admission
from builder.generation.grow import Grown, Growth, seed_rows
from builder.generation.pool import Pool
from builder.pipeline.publishing import (
    Outcome,
    finish,
    read_benchmark,
)
from builder.pipeline.sources import read_chunks, read_seeds
from builder.progress import Reporter
from builder.recipes.recipe import Task
from builder.requests.budget import open_budget
from builder.requests.ledger import Ledger
from builder.requests.sender import Sender
from builder.settings_file import dump_settings
from builder.signals import measure_row
from builder.teachers import TEACHERS

# What the rows depend on: a run cannot go on with other values. Targets, budgets, addresses and caps may change.
_ROW_SETTINGS = ("seed", "novelty", "filters", "growth", "checks")
_ROW_TEACHER_SETTINGS = ("provider", "model", "endpoints", "temperature", "max_tokens", "response_format", "faults")


def build(settings: Settings, root: Path, reporter: Reporter, environ: Mapping[str, str] | None = None) -> Outcome:
    """Grow seed tasks until exactly the target is kept, then publish; goes on where an earlier run stopped.

    Args:
        settings: with a target.
        root: the dataset folder.
        environ: where keys are; None is the process's environment.

    Returns:
        The outcome; with an `ending` where the growth saturated or the budget was reached before the target: what exists
        is published all the same.

    Raises:
        SeedbedError: settings that do not fit the folder, an endpoint that cannot be used, a full disk, ….
    """
    if settings.target is None:
        raise UsageError("target: a build needs one", "Set `target: 1000` in the settings or pass --target 1000.")
    folder = DatasetFolder(root)
    tasks, chunks = read_seeds(settings), read_chunks(settings)
    with folder.lock():
        remove_temporary_files(root)
        with Ledger(folder.ledger) as ledger:
            _refuse_other_settings(ledger, settings, tasks, chunks)
            folder.manifest.unlink(missing_ok=True)
            write_text(folder.settings, dump_settings(settings))
            growth = _start_growth(
                settings, ledger, tasks, chunks, dict(os.environ if environ is None else environ), reporter.say
            )
            decision, ending = _grow_to_target(settings, growth, folder, reporter)
            spending = ledger.spending()
        _write_grown(folder, growth.grown)
        outcome = finish(folder, settings, decision, reporter, spending, growth.grown)
    return Outcome(root, outcome, ending)


def _row_settings(settings: Settings, tasks: Sequence[tuple[Task, str]], chunks: Sequence[Chunk]) -> dict[str, Any]:
    """The settings that the grown rows depend on, flat, with a hash of the seeds and of the documents."""
    dumped = settings.model_dump(mode="json")
    flat: dict[str, Any] = {}
    for section in _ROW_SETTINGS:
        value = dumped[section]
        flat |= {f"{section}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {section: value}
    flat |= {f"teacher.{key}": dumped["teacher"][key] for key in _ROW_TEACHER_SETTINGS}
    flat["seeds (hash of the tasks)"] = _hash([asdict(task) for task, _ in tasks])
    if chunks:
        flat["documents (hash of the texts)"] = _hash([asdict(chunk) for chunk in chunks])
    return flat


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")).hexdigest()[
        :16
    ]


def _refuse_other_settings(
    ledger: Ledger, settings: Settings, tasks: Sequence[tuple[Task, str]], chunks: Sequence[Chunk]
) -> None:
    now = _row_settings(settings, tasks, chunks)
    stored = ledger.read_meta("row_settings")
    if stored is None or (json.loads(stored) != now and ledger.forget_unanswered()):
        ledger.write_meta("row_settings", json.dumps(now, ensure_ascii=False))
        return
    before = json.loads(stored)
    differences = [
        f"  - {key}: was {before.get(key)!r}, is now {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if differences:
        raise UsageError(
            f"{ledger.path.parent}: was grown with other settings\n" + "\n".join(differences),
            "Set them back to go on, choose another --out to grow anew, or decide the rows that are there again with "
            f"`seedbed curate {ledger.path.parent} --set …`.",
        )


def _start_growth(
    settings: Settings,
    ledger: Ledger,
    tasks: Sequence[tuple[Task, str]],
    chunks: Sequence[Chunk],
    environ: Mapping[str, str],
    warn: Callable[[str], None],
) -> Growth:
    admission = Admission(
        settings.novelty.threshold,
        measure=measure_row,
        check=lambda sample, values: check_row(sample, values, settings.filters),
        teacher=settings.teacher.model,
    )
    budget = open_budget(settings, ledger)
    pool = Pool(settings, [task for task, _ in tasks], chunks)

    @contextlib.asynccontextmanager
    async def open_sender() -> AsyncIterator[Sender]:
        async with TEACHERS[settings.teacher.provider](settings.teacher, environ) as client:
            yield Sender(
                client, ledger, budget, settings.teacher, random=random.Random(settings.seed), now=time.time, warn=warn
            )

    return Growth(settings, ledger, pool, admission, budget, open_sender, seed_rows(admission, tasks))


def _grow_to_target(
    settings: Settings, growth: Growth, folder: DatasetFolder, reporter: Reporter
) -> tuple[Decision, SeedbedError | None]:
    """Grow and decide in turns until the target is kept: what one decision drops, the next round replaces."""
    target = settings.target or 0
    goal, ending = target, None
    reviews, benchmark = folder.read_reviews(), read_benchmark(settings, reporter)
    with reporter.step("Growing", total=target) as step:
        while True:
            try:
                growth.grow(goal, step)
            except (TargetNotReachedError, BudgetReachedError) as error:
                ending = error
            grown = growth.grown
            decision = decide(grown.samples, grown.signals, settings, reviews=reviews, benchmark=benchmark)
            kept = decision.kept - settings.seeds.publish * grown.seed_rows
            if ending is not None or kept >= target:
                step.set(kept)
                return decision, ending
            goal = grown.rows + target - kept


def _write_grown(folder: DatasetFolder, grown: Grown) -> None:
    """Append the rows and rejections that are not in the folder yet, after checking that those there are the same."""
    written = 0
    for sample, there in zip(grown.samples, folder.iter_samples(), strict=False):
        if sample != there:
            raise IntegrityError(
                f"{folder.samples}: row {there.row} is not what the ledger gives",
                "Restore the folder from a copy, or move samples/ and rejections/ away to write them again.",
            )
        written += 1
    if folder.count_samples() > written:
        raise IntegrityError(f"{folder.samples}: holds more rows than the ledger gives", "Restore the ledger.")
    folder.write_samples(grown.samples[written:])
    folder.write_rejections(grown.rejections[folder.rejections_table().num_rows :])
