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
from builder.language.messages import worded
from builder.pipeline.building import grow_folder
from builder.pipeline.editing import lacking_edits
from builder.pipeline.ledgers import refuse_damaged
from builder.pipeline.own_settings import own_settings
from builder.pipeline.publishing import Outcome, decide_folder, finish, read_report, spending_of
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
            worded("{root}: nothing was grown here, so there are no replies to read again", root=root),
            worded("`seedbed curate {root} --set …` decides its rows again.", root=root),
        )
    folder = source if out is None else DatasetFolder(out)
    with writing(folder):
        if out is not None and others_in(out, but=NOT_YET):
            raise UsageError(
                worded("{out}: holds a dataset already", out=out),
                worded("Choose another --out, or leave it out to rebuild in place."),
            )
        settings = load_settings(settings_file, overrides) if settings_file else own_settings(source, overrides)
        before = read_report(source) if source.manifest_hash() is not None else None
        try:
            outcome, growth = _read_again(
                source, DatasetFolder(folder.staging), settings, reporter, moved=out is not None
            )
        finally:
            complete_replacement(folder)
        placed, unplaced = {one.row for one in folder.reviews.read()}, folder.reviews.read_unplaced()
    lacking, unread = growth.unread()
    if outcome.ending is not None:
        outcome = replace(outcome, ending=_too_few(folder.root, outcome))
    return Rebuilt(replace(outcome, root=folder.root), before, lacking, unread, len(placed), len(unplaced))


def _read_again(
    source: DatasetFolder, staged: DatasetFolder, settings: Settings, reporter: Reporter, *, moved: bool
) -> tuple[Outcome, Growth]:
    """Write a whole dataset folder from another one's ledger."""
    if settings.target is None:
        raise UsageError(worded("target: reading again needs one"), worded("Set it with --set target=1000."))
    check_names(settings.balance, categories=settings.growth.categories or ())
    sources = read_sources(settings)
    settings = sources.settings
    inherit(source, staged, row_settings(settings, sources), moved=moved)
    outcome, growth = grow_folder(staged, settings, sources, reporter, None)
    if lacking_edits(staged, settings):  # their rows are no replies of the ledger
        decision = decide_folder(staged, settings, reporter)
        staged.withdraw_manifest()
        report = finish(staged, settings, decision, reporter, spending_of(staged))
        outcome = replace(outcome, report=report)
    return outcome, growth


def _too_few(root: Path, outcome: Outcome) -> TargetNotReachedError:
    reached = outcome.report["target"]
    return TargetNotReachedError(
        worded(
            "{reached} of {wanted} rows: the ledger holds no more replies.",
            reached=reached["reached"],
            wanted=reached["wanted"],
        ),
        worded(
            "What exists is valid. `seedbed build {root} --out {root_2}` buys what is missing.",
            root=root / "seedbed.yaml",
            root_2=root,
        ),
    )
