"""What every job ends with: verdicts, published rows, report, card, and the manifest last."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builder.config import Settings
from builder.cores import usable_cores
from builder.curation.classifying import ASKED as CATEGORY_ASKED
from builder.curation.classifying import GUESS, typical_requests
from builder.curation.deciding import REVIEWED, Decision, decide_rows
from builder.curation.difficulty import DIFFICULTY
from builder.curation.quality import QUALITY
from builder.errors import (
    InputFileError,
    IntegrityError,
    SeedbedError,
)
from builder.generation.grow import Grown
from builder.language.messages import worded
from builder.language.notes import Note
from builder.pipeline.categorising import categories_asked
from builder.pipeline.checks import checked_table, count_checks
from builder.pipeline.editing import append_edits
from builder.pipeline.embedding import embed_rows
from builder.pipeline.indexing import write_indexes
from builder.pipeline.ledgers import refuse_lost
from builder.pipeline.measuring import check_texts, measure_folder, read_rows
from builder.pipeline.own_settings import own_settings
from builder.pipeline.replacing import deciding, writing
from builder.progress import Reporter
from builder.published import OPTIONAL, Shape, published_schema, published_table
from builder.reporting.card import dataset_card
from builder.reporting.croissant import as_text, croissant
from builder.reporting.page import write_report
from builder.reporting.tables import collect, scan_samples
from builder.requests.spending import Spending, read_spending
from builder.schema import SAMPLE_SCHEMA
from builder.settings_file import dump_settings
from builder.signals import signal_tables
from builder.store.dataset_folder import ROWS_PER_PART, DatasetFolder, parquet_errors
from builder.store.files import remove_file, table_writer, write_table, write_text
from builder.store.reviews import rulings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did.

    Attributes:
        root: the dataset folder.
        report: the content of report.json.
        ending: why a build ended before its target, or None.
        left_out: of imported files, the rows that became no sample, by cause; None where nothing was imported.
    """

    root: Path
    report: Mapping[str, Any]
    ending: SeedbedError | None = None
    left_out: Sequence[Mapping[str, Any]] | None = None


def decide_folder(
    folder: DatasetFolder, settings: Settings, reporter: Reporter, *, may_measure: bool = True
) -> Decision:
    """Give edits that people made their rows, measure what was not measured before, then judge every row.

    Args:
        may_measure: False decides from what is there.

    Raises:
        UsageError: something would have to be measured that may not.
    """
    append_edits(folder, settings, reporter, may_append=may_measure)
    measure_folder(folder, settings, reporter, may_measure=may_measure)
    rows, texts = read_rows(folder, settings), check_texts(folder, settings)
    # Asking and encoding show how far they are by themselves: within another step a terminal would show that one twice.
    said = categories_asked(folder, settings, rows, reporter, may_ask=may_measure)
    rows = rows if said is None else rows.with_columns(said.alias(CATEGORY_ASKED))
    encoded = rows["novelty_text"]
    if settings.categories.guess and settings.meaning.encoder not in ("none", "characters"):
        encoded = pl.concat([encoded, pl.Series(encoded.name, typical_requests()[0])])
    vectors = embed_rows(folder, settings, encoded, reporter, may_encode=may_measure)
    with reporter.step(worded("Deciding"), total=len(rows)) as step:
        decision = decide_rows(
            rows, settings, reviews=rulings(folder, settings.reviews.decide), texts=texts, vectors=vectors
        )
        step.set(len(rows))
    return decision


def finish(
    folder: DatasetFolder,
    settings: Settings,
    decision: Decision,
    reporter: Reporter,
    spending: Spending | None = None,
    grown: Grown | None = None,
) -> Mapping[str, Any]:
    """Verdicts, published rows, report, and the manifest last."""
    with reporter.step(worded("Publishing"), total=decision.kept) as step:
        if grown is not None:
            rows = [sample.row for sample in grown.samples]
            for name, table in signal_tables(rows, grown.signals).items():
                folder.write_signal(name, table)
            measure_folder(folder, settings, Reporter(quiet=True))
            if settings.checks.enabled:
                folder.write_signal("checked", checked_table(grown))
        with ThreadPoolExecutor(1) as beside:
            published = beside.submit(publish, folder, decision)
            folder.write_signal(QUALITY, decision.quality.to_arrow())
            folder.write_signal(DIFFICULTY, decision.difficulty.to_arrow())
            if decision.guesses is not None:
                folder.write_signal(GUESS, decision.guesses.table.to_arrow())
            else:
                remove_file(folder.signals / f"{GUESS}.parquet")
            if len(decision.reviewed):
                folder.write_signal(REVIEWED, decision.reviewed.to_arrow())
            else:
                remove_file(folder.signals / f"{REVIEWED}.parquet")
            folder.write_verdicts(decision.verdicts)
            spent = asdict(spending) if spending is not None else None
            if spent is not None and grown is not None:
                spent["candidates"] = grown.candidates
            checks = _checks(folder, settings, grown)
            guessed = None if decision.guesses is None else decision.guesses.figures
            figures = {"diversity": decision.diversity, "categories": guessed}
            report = write_report(
                folder, settings, notes=decision.notes, spending=spent, checks=checks, figures=figures
            )
            published.result()
        write_indexes(folder, settings.execution)
        _write_card(folder, report, settings)
        folder.write_manifest()
        step.set(decision.kept)
    return report


def _write_card(folder: DatasetFolder, report: Mapping[str, Any], settings: Settings) -> None:
    """The card and croissant.json, which describe the files of rows that are there; without one there is no croissant.json."""
    files = {name.removeprefix("publish/"): file for name, file in sorted(folder.published_files().items())}
    schema = None
    if files:
        part = folder.publish / next(iter(files))
        with parquet_errors(part):
            schema = pq.read_schema(part)
    columns = None if schema is None else schema.names
    card = dataset_card(report, settings, content=folder.publish_hash(), columns=columns)
    write_text(folder.publish / "README.md", card)
    if schema is None:
        remove_file(folder.croissant)
    else:
        write_text(folder.croissant, as_text(croissant(report, files, schema, settings.license)))


def _checks(folder: DatasetFolder, settings: Settings, grown: Grown | None = None) -> Mapping[str, Any] | None:
    """What the checks came to: counted while growing, taken over from the last report afterwards."""
    if not settings.checks.enabled:
        return None
    if grown is not None:
        return count_checks(folder, grown)
    last: Mapping[str, Any] | None = read_report(folder).get("checks") if folder.report_json.exists() else None
    return last


def publish(folder: DatasetFolder, decision: Decision) -> None:
    """Write the kept rows where `datasets.load_dataset` looks for them: publish/data/<split>-0000i-of-0000n.parquet.

    Every sample is read once, a row group at a time, by one thread for each file of training rows; validation rows, of which
    there are few, wait in memory for theirs.
    """
    splits = pl.Series(decision.verdicts["split"])
    train, validation = (
        (splits == side).fill_null(value=False).arg_true().to_numpy().astype(np.int64)
        for side in ("train", "validation")
    )
    written = _file_names(folder, "train", len(train)), _file_names(folder, "validation", len(validation))
    shape = _shape_of(folder, np.concatenate([train, validation]))
    starts = [0, *train[ROWS_PER_PART::ROWS_PER_PART].tolist()]
    spans = list(pairwise([*starts, len(splits)]))
    with ThreadPoolExecutor(usable_cores()) as pool:
        parts = np.split(train, np.searchsorted(train, starts[1:]))
        tasks = [
            pool.submit(_write_training, folder, span, path, shape, rows, validation)
            for span, path, rows in zip_longest(spans, written[0], parts)
        ]
        held_out = pa.concat_tables([table for task in tasks for table in task.result()])
    for number, path in enumerate(written[1]):
        write_table(path, published_table(held_out.slice(number * ROWS_PER_PART, ROWS_PER_PART), shape))
    for path in (folder.publish / "data").glob("*.parquet"):
        if _PUBLISHED.fullmatch(path.name) and path not in {*written[0], *written[1]}:
            remove_file(path)


_PUBLISHED = re.compile(r"(train|validation)-\d{5}-of-\d{5}\.parquet")


def _shape_of(folder: DatasetFolder, rows: NDArray[np.int64]) -> Shape:
    """What some rows hold; they are looked at only for what the parts' footers do not rule out."""
    wanted = [name for name in (*OPTIONAL, "rejected") if _may_hold(folder, name)]
    if not wanted:
        return Shape(frozenset(), rejected=False)
    turns = pl.col("messages").list
    held = (
        (
            pl.col(name)
            if name == "rejected"
            else turns.eval(pl.element().struct.field(name)).list.drop_nulls().list.first()
        )
        .is_not_null()
        .any()
        .alias(name)
        for name in wanted
    )
    lazy = scan_samples(folder).join(pl.LazyFrame({"row": rows}), on="row", how="semi").select(held)
    found = {name for name, there in collect(lazy, folder.samples).row(0, named=True).items() if there}
    return Shape(frozenset(found & {*OPTIONAL}), rejected="rejected" in found)


def _may_hold(folder: DatasetFolder, name: str) -> bool:
    """Whether any part holds a value in a column, or in a member of its messages, as far as the footers say."""
    for part in folder.parts(folder.samples):
        with parquet_errors(part):
            metadata = pq.read_metadata(part)
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                place = column.path_in_schema.split(".")
                if place[0] in ("messages", name) and place[-1] == name:
                    known = column.statistics is not None and column.statistics.has_null_count
                    if not known or column.statistics.null_count < column.num_values:
                        return True
    return False


def _file_names(folder: DatasetFolder, side: str, rows: int) -> list[Path]:
    count = -(-rows // ROWS_PER_PART)
    return [folder.publish / "data" / f"{side}-{number:05d}-of-{count:05d}.parquet" for number in range(count)]


def _write_training(
    folder: DatasetFolder,
    span: tuple[int, int],
    path: Path | None,
    shape: Shape,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> list[pa.Table]:
    """Write the training rows of a span of rows, and return its validation rows; no path is where there are none."""
    held_out = [SAMPLE_SCHEMA.empty_table()]
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(table_writer(path, published_schema(shape))) if path else None
        for table in folder.iter_sample_tables(span[0], span[1] - 1):
            numbers = table["row"].to_numpy()
            inside = (numbers >= span[0]) & (numbers < span[1])
            if write:
                write(published_table(table.filter(pa.array(_among(numbers, train))), shape))
            held_out.append(table.filter(pa.array(inside & _among(numbers, validation))))
    return held_out


def _among(numbers: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.isin(numbers, rows, assume_unique=True, kind="sort")


def rewrite_report(root: Path, language: str | None = None) -> Outcome:
    """Write report.html and report.json again, in another language where one is given."""
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = own_settings(folder, [] if language is None else [f"report.language={language}"])
        last = read_report(folder)
        folder.check(
            *(folder.report_json, folder.samples, folder.rejections, folder.signals, folder.verdicts),
            folder.publish / "data",
        )
        notes, spending = [Note(**note) for note in last["notes"]], spending_of(folder)
        with deciding(folder) as staged:
            write_text(staged.settings, dump_settings(settings))
            checks = _checks(staged, settings)
            spent = asdict(spending) if spending else None
            figures = {name: last.get(name) for name in ("diversity", "categories")}
            report = write_report(staged, settings, notes=notes, spending=spent, checks=checks, figures=figures)
            _write_card(staged, report, settings)
            staged.write_manifest()
    return Outcome(root, report)


def read_report(folder: DatasetFolder) -> dict[str, Any]:
    """The content of a folder's report.json.

    Raises:
        InputFileError: there is none, or it is damaged.
    """
    try:
        report: dict[str, Any] = json.loads(folder.report_json.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputFileError(
            folder.root, worded("no report yet"), remedy=worded("Run `seedbed curate {root}`.", root=folder.root)
        ) from None
    except ValueError as error:
        raise IntegrityError(
            worded("{report_json}: not JSON ({error})", report_json=folder.report_json, error=error),
            worded("`seedbed curate` writes it anew."),
        ) from None
    return report


def spending_of(folder: DatasetFolder) -> Spending | None:
    """What a grown folder's ledger counts; None where nothing was grown.

    Raises:
        IntegrityError: the ledger is lost.
    """
    refuse_lost(folder, folder.ledger)
    return read_spending(folder.ledger) if folder.ledger.exists() else None
