"""Files' rows added to a curated dataset folder: they are measured, then all rows are decided about as if they had come at once.

DIR ──▶ DIR/.rebuild/ (a whole dataset folder: what DIR holds, linked, and new parts) ──▶ in the place of what is there
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from builder.errors import UsageError
from builder.formats.importing import open_samples
from builder.formats.reading import RowFile
from builder.language.messages import worded
from builder.pipeline.curating import import_files
from builder.pipeline.ledgers import refuse_lost
from builder.pipeline.own_settings import own_settings
from builder.pipeline.publishing import Outcome, decide_folder, finish
from builder.pipeline.replacing import deciding, writing
from builder.progress import Reporter
from builder.reporting.tables import scan_samples
from builder.settings_file import dump_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_text


@dataclass(frozen=True, slots=True)
class Added:
    """What was added.

    Attributes:
        outcome: of the folder as it is now.
        first: the number of the first added row.
        rows: how many were added.
        kept: how many of them are kept.
        repeated: how many of them say word for word what an earlier row of the folder says.
    """

    outcome: Outcome
    first: int
    rows: int
    kept: int
    repeated: int


def add_files(
    root: Path,
    files: Sequence[Path | RowFile],
    overrides: Sequence[str],
    reporter: Reporter,
    mapping: Mapping[str, str] | None = None,
    *,
    skip_broken: bool = False,
) -> Added:
    """Append files' rows to a dataset folder, decide about all rows and publish; whole or not at all.

    The verdicts and what is published are those of one curation of all the rows in this order.

    Args:
        overrides: `key=value` settings on top of the folder's own.
        mapping, skip_broken: as for `curate_files`.

    Raises:
        InputFileError: not a dataset folder, or a file cannot be read.
        UsageError: the folder was grown, or a run that was cut short is completed only now.
    """
    folder = DatasetFolder.open(root)
    _refuse_grown(folder)
    with writing(folder) as completed:
        if completed:
            raise UsageError(
                worded(
                    "{root}: a run that was cut short at its very end is completed now; the dataset has "
                    "{count_samples:,} rows",
                    root=root,
                    count_samples=folder.count_samples(),
                ),
                worded(
                    "Look at it with `seedbed show`, and run the same command again if the files' rows are not in it "
                    "yet."
                ),
            )
        settings = own_settings(folder, overrides)
        folder.check(folder.samples, folder.embeddings)
        opened = open_samples(
            files,
            mapping=mapping,
            taken=_names_taken(folder),
            skip_broken=skip_broken,
            mends=settings.mend.kinds,
            reporter=reporter,
        )
        first = folder.count_samples()
        with deciding(folder) as staged:
            rows = import_files(opened, staged, reporter)
            write_text(staged.settings, dump_settings(settings))
            decision = decide_folder(staged, settings, reporter)
            report = finish(staged, settings, decision, reporter)
    kept = pl.Series(decision.verdicts["kept"])[first:].sum()
    outcome = Outcome(root, report, left_out=opened.left_out())
    return Added(outcome, first, rows, int(kept), _count_repeated(folder, first))


def _refuse_grown(folder: DatasetFolder) -> None:
    """The rows of a grown folder are those that its ledger gives: a build could not go on, a rebuild would lose others."""
    refuse_lost(folder, folder.ledger)
    if folder.ledger.exists():
        raise UsageError(
            worded(
                "{root}: was grown, and its rows are what its ledger gives; added ones would be lost in a rebuild",
                root=folder.root,
            ),
            worded(
                "Make a new dataset of both: `seedbed curate {publish}/*.parquet FILE --out NEW`.",
                publish=folder.publish / "data",
            ),
        )


def _names_taken(folder: DatasetFolder) -> set[str]:
    """What sources and tasks are named after so far."""
    named = scan_samples(folder).select(pl.col("source", "task_id").str.replace(r"#\d+$", "")).collect()
    return {name for column in named for name in column.unique().to_list()}


def _count_repeated(folder: DatasetFolder, first: int) -> int:
    rows = scan_samples(folder).select("row", "id")
    earlier, added = rows.filter(pl.col("row") < first), rows.filter(pl.col("row") >= first)
    return len(added.join(earlier, on="id", how="semi").collect())
