"""The main jobs, each a few steps: build (grow, decide, publish) and curate (import, decide, publish). Read this first."""

import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.config import Settings, dump_settings, load_settings
from builder.curation.deciding import Decision, decide
from builder.curation.filtering import check_row
from builder.dataset_folder import (
    ROWS_PER_PART,
    DatasetFolder,
    Problem,
    remove_temporary_files,
    write_table,
    write_text,
)
from builder.errors import (
    BudgetReachedError,
    InputFileError,
    IntegrityError,
    SeedbedError,
    TargetNotReachedError,
    UsageError,
)
from builder.formats.detection import describe
from builder.formats.importing import read_samples
from builder.generation.admission import Admission
from builder.generation.grow import Grown, Growth, seed_rows
from builder.generation.pool import Pool
from builder.generation.seeds import SeedTask, load_seed_tasks
from builder.notes import Note
from builder.progress import Reporter
from builder.recipes import RECIPES
from builder.recipes.recipe import Instance, Task
from builder.reporting.card import dataset_card
from builder.reporting.page import write_report
from builder.requests.budget import Budget
from builder.requests.ledger import Ledger, Spending, check_ledger, read_spending
from builder.requests.sender import Sender
from builder.schema import Sample
from builder.signals import measure_missing, measure_row
from builder.teachers import TEACHERS

# What the rows depend on: a run cannot go on with other values. Targets, budgets, addresses and caps may change.
_ROW_SETTINGS = ("seed", "novelty", "filters", "growth")
_ROW_TEACHER_SETTINGS = ("provider", "model", "temperature", "max_tokens", "response_format", "faults")

_PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did.

    Attributes:
        root: the dataset folder.
        report: the content of report.json.
        ending: why a build ended before its target, or None.
    """

    root: Path
    report: Mapping[str, Any]
    ending: SeedbedError | None = None


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
    tasks = [(_as_task(seed), seed.source) for seed in load_seed_tasks(settings.seeds.files)]
    _check_seeds(settings, [task for task, _ in tasks])
    with folder.lock():
        remove_temporary_files(root)
        with Ledger(folder.ledger) as ledger:
            _refuse_other_settings(ledger, settings, tasks)
            folder.manifest.unlink(missing_ok=True)
            write_text(folder.settings, dump_settings(settings))
            growth = _start_growth(settings, ledger, tasks, dict(os.environ if environ is None else environ))
            decision, ending = _grow_to_target(settings, growth, folder, reporter)
            spending = ledger.spending()
        _write_grown(folder, growth.grown)
        outcome = _finish(folder, settings, decision, reporter, spending, growth.grown)
    return Outcome(root, outcome, ending)


def curate_files(
    files: Sequence[Path],
    settings: Settings,
    root: Path,
    reporter: Reporter,
    mapping: Mapping[str, str] | None = None,
) -> Outcome:
    """Import files into a new dataset folder, decide every row, publish.

    Raises:
        UsageError: the folder holds a dataset already, or a file cannot be read.
    """
    folder = DatasetFolder(root)
    if folder.settings.exists():
        raise UsageError(
            f"{root}: holds a dataset already",
            f"Choose another --out, or decide again in place with `seedbed curate {root}`.",
        )
    imported = read_samples(files, mapping=mapping, reporter=reporter)
    for detected in imported.detected:
        reporter.say(describe(detected, settings.report.language))
    for path, row, problem in imported.problems[:_PROBLEMS_SHOWN]:
        reporter.say(f"{path}, row {row}: {problem}")
    if len(imported.problems) > _PROBLEMS_SHOWN:
        reporter.say(f"… and {len(imported.problems) - _PROBLEMS_SHOWN} more such rows")
    with folder.lock():
        remove_temporary_files(root)
        for part in (*folder.parts(folder.samples), *folder.parts(folder.rejections)):
            part.unlink()  # an import that was cut short: without settings it is no dataset yet
        folder.write_samples(imported.samples)
        write_text(folder.settings, dump_settings(settings))
        decision = _decide(folder, imported.samples, settings, reporter)
        return Outcome(root, _finish(folder, settings, decision, reporter))


def curate_folder(root: Path, settings_file: Path | None, overrides: Sequence[str], reporter: Reporter) -> Outcome:
    """Decide a dataset folder's rows again, in place: signals are measured once, only verdicts are rewritten.

    Args:
        settings_file: None is the folder's own.
        overrides: `key=value` settings on top of it.
    """
    folder = DatasetFolder.open(root)
    with folder.lock():
        remove_temporary_files(root)
        settings = load_settings(settings_file or folder.settings, overrides)
        samples = list(folder.iter_samples())
        decision = _decide(folder, samples, settings, reporter)
        folder.manifest.unlink(missing_ok=True)
        write_text(folder.settings, dump_settings(settings))
        return Outcome(root, _finish(folder, settings, decision, reporter, _spending(folder)))


def rewrite_report(root: Path, language: str | None = None) -> Outcome:
    """Write report.html and report.json again, in another language where one is given."""
    folder = DatasetFolder.open(root)
    with folder.lock():
        settings = load_settings(folder.settings)
        if language is not None:
            settings = load_settings(folder.settings, [f"report.language={language}"])
        notes = [Note(**note) for note in read_report(folder)["notes"]]
        folder.manifest.unlink(missing_ok=True)
        write_text(folder.settings, dump_settings(settings))
        spending = _spending(folder)
        report = write_report(folder, settings, notes=notes, spending=asdict(spending) if spending else None)
        write_text(folder.publish / "README.md", dataset_card(report, settings, content=folder.publish_hash()))
        folder.write_manifest()
    return Outcome(root, report)


def read_report(folder: DatasetFolder) -> dict[str, Any]:
    """The content of a folder's report.json.

    Raises:
        InputFileError: there is none, or it is damaged.
    """
    try:
        report: dict[str, Any] = json.loads(folder.report_json.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputFileError(folder.root, "no report yet", remedy=f"Run `seedbed curate {folder.root}`.") from None
    except ValueError as error:
        raise IntegrityError(f"{folder.report_json}: not JSON ({error})", "`seedbed curate` writes it anew.") from None
    return report


def kept_samples(root: Path, split: str = "all") -> Iterator[Sample]:
    """The kept rows of a dataset folder, in row order.

    Args:
        split: `train`, `validation`, or `all`.
    """
    if split not in ("all", "train", "validation"):
        raise UsageError(f"--split {split}: expected train, validation or all")
    folder = DatasetFolder.open(root)
    verdicts = folder.read_verdicts()
    wanted = {v.row for v in verdicts if v.kept and split in ("all", v.split)}
    return (sample for sample in folder.iter_samples() if sample.row in wanted)


def status(root: Path) -> dict[str, Any]:
    """What a folder holds, read without its lock."""
    folder = DatasetFolder.open(root)
    settings = load_settings(folder.settings, environ={})
    facts: dict[str, Any] = {"folder": str(root), "target": settings.target or "none"}
    if spending := _spending(folder):
        facts |= asdict(spending)
    finished = folder.manifest_hash() is not None
    facts["finished"] = finished
    if finished:
        report = read_report(folder)
        facts |= {"rows": report["rows"]["total"], "kept": report["rows"]["kept"]}
    return facts


def _spending(folder: DatasetFolder) -> Spending | None:
    return read_spending(folder.ledger) if folder.ledger.exists() else None


def verify(root: Path) -> list[Problem]:
    """Check every file against the manifest, and the ledger and the reviews by their own means."""
    folder = DatasetFolder.open(root)
    problems = folder.verify()
    if folder.ledger.exists():
        problems += [Problem("ledger.sqlite", problem) for problem in check_ledger(folder.ledger)]
    return problems


def _as_task(seed: SeedTask) -> Task:
    instances = tuple(Instance(given, output) for given, output in seed.instances)
    return Task(seed.id, seed.instruction, instances, seed.category, seed.language, seed.is_classification)


def _check_seeds(settings: Settings, tasks: Sequence[Task]) -> None:
    present = {task.language for task in tasks}
    missing = [language for language in settings.growth.languages if language not in present]
    if missing:
        raise UsageError(
            f"growth.languages asks for {', '.join(missing)}, but no seed task is in that language",
            "Add seeds in it, or leave it out: --set 'growth.languages={en: 1}'.",
        )


def _row_settings(settings: Settings, tasks: Sequence[tuple[Task, str]]) -> dict[str, Any]:
    """The settings that the grown rows depend on, flat, with a hash of the seeds."""
    dumped = settings.model_dump(mode="json")
    flat: dict[str, Any] = {}
    for section in _ROW_SETTINGS:
        value = dumped[section]
        flat |= {f"{section}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {section: value}
    flat |= {f"teacher.{key}": dumped["teacher"][key] for key in _ROW_TEACHER_SETTINGS}
    seeds = json.dumps([asdict(task) for task, _ in tasks], ensure_ascii=False)
    return flat | {"seeds (hash of the tasks)": hashlib.sha256(seeds.encode()).hexdigest()[:16]}


def _refuse_other_settings(ledger: Ledger, settings: Settings, tasks: Sequence[tuple[Task, str]]) -> None:
    now = _row_settings(settings, tasks)
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
    settings: Settings, ledger: Ledger, tasks: Sequence[tuple[Task, str]], environ: Mapping[str, str]
) -> Growth:
    recipe = RECIPES[settings.growth.recipe]
    admission = Admission(
        recipe,
        settings.novelty.threshold,
        measure=measure_row,
        check=lambda sample, values: check_row(sample, values, settings.filters),
        source=f"{recipe.name}:{settings.teacher.model}",
    )
    budget = Budget(settings.budget, ledger.spending())
    pool = Pool(settings, [task for task, _ in tasks], recipe)

    @contextlib.asynccontextmanager
    async def open_sender() -> AsyncIterator[Sender]:
        async with TEACHERS[settings.teacher.provider](settings.teacher, environ) as client:
            yield Sender(client, ledger, budget, settings.teacher, random=random.Random(settings.seed), now=time.time)

    return Growth(settings, ledger, pool, admission, budget, open_sender, seed_rows(admission, tasks))


def _grow_to_target(
    settings: Settings, growth: Growth, folder: DatasetFolder, reporter: Reporter
) -> tuple[Decision, SeedbedError | None]:
    """Grow and decide in turns until the target is kept: what one decision drops, the next round replaces."""
    target = settings.target or 0
    goal, ending = target, None
    reviews, benchmark = folder.read_reviews(), _benchmark(settings, reporter)
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


def _benchmark(settings: Settings, reporter: Reporter) -> list[Sample]:
    files = [Path(name) for name in settings.contamination.against]
    return read_samples(files, reporter=reporter).samples if files else []


def _decide(folder: DatasetFolder, samples: Sequence[Sample], settings: Settings, reporter: Reporter) -> Decision:
    values = _measure(folder, samples, reporter)
    with reporter.step("Deciding", total=len(samples)) as step:
        decision = decide(
            samples, values, settings, reviews=folder.read_reviews(), benchmark=_benchmark(settings, reporter)
        )
        step.set(len(samples))
    return decision


def _measure(folder: DatasetFolder, samples: Sequence[Sample], reporter: Reporter) -> list[dict[str, Any]]:
    """Measure what was not measured before; returns each row's values and writes the signal tables."""
    there = {path.stem: folder.read_signal(path.stem) for path in sorted(folder.signals.glob("*.parquet"))}
    with reporter.step("Measuring", total=len(samples)) as step:
        tables = measure_missing(samples, there)
        step.set(len(samples))
    for name, table in tables.items():
        if table is not there.get(name):
            folder.write_signal(name, table)
    values: list[dict[str, Any]] = [{} for _ in samples]
    for table in tables.values():
        for row_values, record in zip(values, table.drop_columns(["row"]).to_pylist(), strict=True):
            row_values |= record
    return values


def _finish(
    folder: DatasetFolder,
    settings: Settings,
    decision: Decision,
    reporter: Reporter,
    spending: Spending | None = None,
    grown: Grown | None = None,
) -> Mapping[str, Any]:
    """Verdicts, published rows, report, and the manifest last."""
    with reporter.step("Publishing", total=decision.kept) as step:
        if grown is not None:
            _measure(folder, grown.samples, Reporter(quiet=True))
        folder.write_verdicts(decision.verdicts)
        spent = asdict(spending) if spending is not None else None
        if spent is not None and grown is not None:
            spent["candidates"] = grown.candidates
        report = write_report(folder, settings, notes=decision.notes, spending=spent)
        publish(folder, decision)
        write_text(folder.publish / "README.md", dataset_card(report, settings, content=folder.publish_hash()))
        folder.write_manifest()
        step.set(decision.kept)
    return report


def publish(folder: DatasetFolder, decision: Decision) -> None:
    """Write the kept rows where `datasets.load_dataset` looks for them: publish/data/<split>-0000i-of-0000n.parquet."""
    data = folder.publish / "data"
    table = folder.samples_table()
    names: set[str] = set()
    for side in ("train", "validation"):
        rows = [verdict.row for verdict in decision.verdicts if verdict.split == side]
        parts = [rows[i : i + ROWS_PER_PART] for i in range(0, len(rows), ROWS_PER_PART)]
        for number, part in enumerate(parts):
            names.add(f"{side}-{number:05d}-of-{len(parts):05d}.parquet")
            write_table(
                data / f"{side}-{number:05d}-of-{len(parts):05d}.parquet", table.take(pa.array(part, pa.int64()))
            )
    for path in data.glob("*.parquet"):
        if path.name not in names:
            path.unlink()
