"""What every job ends with: verdicts, published rows, report, card, and the manifest last."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.config import Settings
from builder.curation.deciding import Decision, decide
from builder.dataset_folder import ROWS_PER_PART, DatasetFolder
from builder.errors import (
    InputFileError,
    IntegrityError,
    SeedbedError,
)
from builder.files import write_table, write_text
from builder.formats.importing import read_samples
from builder.generation.grow import Grown
from builder.notes import Note
from builder.pipeline.checks import checked_table, count_checks
from builder.pipeline.replacing import writing
from builder.progress import Reporter
from builder.reporting.card import dataset_card
from builder.reporting.page import write_report
from builder.requests.spending import Spending, read_spending
from builder.schema import Sample
from builder.settings_file import dump_settings, load_settings
from builder.signals import measure_missing


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


def decide_folder(folder: DatasetFolder, samples: Sequence[Sample], settings: Settings, reporter: Reporter) -> Decision:
    """Measure what was not measured before, then judge every row."""
    values = measure_folder(folder, samples, reporter)
    with reporter.step("Deciding", total=len(samples)) as step:
        decision = decide(
            samples, values, settings, reviews=folder.read_reviews(), benchmark=read_benchmark(settings, reporter)
        )
        step.set(len(samples))
    return decision


def measure_folder(folder: DatasetFolder, samples: Sequence[Sample], reporter: Reporter) -> list[dict[str, Any]]:
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


def read_benchmark(settings: Settings, reporter: Reporter) -> list[Sample]:
    """The rows of the files in `contamination.against`."""
    files = [Path(name) for name in settings.contamination.against]
    return read_samples(files, reporter=reporter).samples if files else []


def finish(
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
            measure_folder(folder, grown.samples, Reporter(quiet=True))
            if settings.checks.enabled:
                folder.write_signal("checked", checked_table(grown))
        folder.write_verdicts(decision.verdicts)
        spent = asdict(spending) if spending is not None else None
        if spent is not None and grown is not None:
            spent["candidates"] = grown.candidates
        checks = _checks(folder, settings, grown)
        report = write_report(folder, settings, notes=decision.notes, spending=spent, checks=checks)
        publish(folder, decision)
        write_text(folder.publish / "README.md", dataset_card(report, settings, content=folder.publish_hash()))
        folder.write_manifest()
        step.set(decision.kept)
    return report


def _checks(folder: DatasetFolder, settings: Settings, grown: Grown | None = None) -> Mapping[str, Any] | None:
    """What the checks came to: counted while growing, taken over from the last report afterwards."""
    if not settings.checks.enabled:
        return None
    if grown is not None:
        return count_checks(folder, grown)
    last: Mapping[str, Any] | None = read_report(folder).get("checks") if folder.report_json.exists() else None
    return last


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


def rewrite_report(root: Path, language: str | None = None) -> Outcome:
    """Write report.html and report.json again, in another language where one is given."""
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = load_settings(folder.settings)
        if language is not None:
            settings = load_settings(folder.settings, [f"report.language={language}"])
        notes = [Note(**note) for note in read_report(folder)["notes"]]
        folder.manifest.unlink(missing_ok=True)
        write_text(folder.settings, dump_settings(settings))
        spending = spending_of(folder)
        checks = _checks(folder, settings)
        spent = asdict(spending) if spending else None
        report = write_report(folder, settings, notes=notes, spending=spent, checks=checks)
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


def spending_of(folder: DatasetFolder) -> Spending | None:
    """What a grown folder's ledger counts; None where nothing was grown."""
    return read_spending(folder.ledger) if folder.ledger.exists() else None
