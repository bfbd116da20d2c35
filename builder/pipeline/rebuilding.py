"""Reading every reply of a grown folder again, with the parsers, filters and thresholds of now. Nothing is sent.

DIR/ledger.sqlite ──▶ DIR/.rebuild/ (a whole dataset folder) ──▶ in the place of what is there
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from builder.config import Settings
from builder.curation.balance import check_names
from builder.errors import TargetNotReachedError, UsageError
from builder.generation.grow import Growth
from builder.pipeline.building import grow_folder
from builder.pipeline.ledgers import refuse_damaged
from builder.pipeline.publishing import Outcome, read_report
from builder.pipeline.replacing import complete_replacement, inherit, writing
from builder.pipeline.row_settings import row_settings
from builder.pipeline.sources import read_sources
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.ownership import NOT_YET, others_in


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What reading again came to.

    Attributes:
        outcome: of the rows as they are now; with an `ending` where there are fewer than the target.
        before: the content of report.json as it was, or None where the folder was not finished.
        lacking: jobs that lack a reply and were not read.
        unread: jobs that have all their replies and were not needed for the target.
        reviews: human reviews that found the row of their conversation.
        unplaced: those whose conversation is in no row; they are kept in reviews-unplaced.jsonl.
    """

    outcome: Outcome
    before: Mapping[str, Any] | None
    lacking: int
    unread: int
    reviews: int
    unplaced: int


def rebuild(
    root: Path, settings_file: Path | None, overrides: Sequence[str], reporter: Reporter, out: Path | None = None
) -> Rebuilt:
    """Read every reply of a folder's ledger again and write its rows anew, whole or not at all.

    Args:
        root: a grown folder.
        settings_file: None is the folder's own.
        overrides: `key=value` settings on top of it.
        out: a new folder, which leaves this one as it is; None is in its place.

    Raises:
        UsageError: nothing was grown in the folder, or the new one holds something.
        IntegrityError: a ledger of an older version lacks what is needed to read a reply.
    """
    source = DatasetFolder.open(root)
    refuse_damaged(source, source.ledger)
    if not source.ledger.exists():
        raise UsageError(
            f"{root}: nothing was grown here, so there are no replies to read again",
            f"`seedbed curate {root} --set …` decides its rows again.",
        )
    folder = source if out is None else DatasetFolder(out)
    with writing(folder):
        if out is not None and others_in(out, but=NOT_YET):
            raise UsageError(
                f"{out}: holds a dataset already", "Choose another --out, or leave it out to rebuild in place."
            )
        settings = load_settings(settings_file or source.settings, overrides)
        before = read_report(source) if source.manifest_hash() is not None else None
        try:
            outcome, growth = _read_again(
                source, DatasetFolder(folder.staging), settings, reporter, moved=out is not None
            )
        finally:
            complete_replacement(folder)
        placed, unplaced = folder.read_reviews(), folder.read_unplaced_reviews()
    lacking, unread = growth.unread()
    if outcome.ending is not None:
        outcome = replace(outcome, ending=_too_few(folder.root, outcome))
    return Rebuilt(replace(outcome, root=folder.root), before, lacking, unread, len(placed), len(unplaced))


def _read_again(
    source: DatasetFolder, staged: DatasetFolder, settings: Settings, reporter: Reporter, *, moved: bool
) -> tuple[Outcome, Growth]:
    """Write a whole dataset folder from another one's ledger."""
    if settings.target is None:
        raise UsageError("target: reading again needs one", "Set it with --set target=1000.")
    check_names(settings.balance, categories=settings.growth.categories or ())
    sources = read_sources(settings)
    settings = sources.settings
    inherit(source, staged, row_settings(settings, sources), moved=moved)
    return grow_folder(staged, settings, sources, reporter, None)


def _too_few(root: Path, outcome: Outcome) -> TargetNotReachedError:
    reached = outcome.report["target"]
    return TargetNotReachedError(
        f"{reached['reached']} of {reached['wanted']} rows: the ledger holds no more replies.",
        f"What exists is valid. `seedbed build {root / 'seedbed.yaml'} --out {root}` buys what is missing.",
    )
