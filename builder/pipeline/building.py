"""Growing to a target: seeds and a teacher in, a published dataset out."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from builder.config import Settings
from builder.curation.balance import check_names
from builder.curation.deciding import Decision, decide
from builder.curation.filtering import check_row
from builder.errors import (
    BudgetReachedError,
    IntegrityError,
    SeedbedError,
    TargetNotReachedError,
    UsageError,
)
from builder.generation.admission import Admission
from builder.generation.grow import Grown, Growth, seed_rows
from builder.generation.pool import Pool
from builder.language.messages import worded
from builder.language.reasons import reason_for
from builder.pipeline.editing import without_edits
from builder.pipeline.embedding import embed_rows
from builder.pipeline.ledgers import refuse_damaged
from builder.pipeline.measuring import read_benchmark
from builder.pipeline.placing import place
from builder.pipeline.publishing import (
    Outcome,
    finish,
)
from builder.pipeline.replacing import inherit, writing
from builder.pipeline.row_settings import refuse_other_settings, row_settings
from builder.pipeline.sending import collect_batches, flights
from builder.pipeline.sources import Sources, read_sources
from builder.progress import GrowthView, Reporter
from builder.requests.budget import open_budget
from builder.requests.inheriting import INHERITED
from builder.requests.ledger import Ledger
from builder.requests.retrying import NothingUsableError
from builder.settings_file import dump_settings
from builder.signals import measure_row
from builder.similarity import novelty_text
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import remove_file, write_text


def build(
    settings: Settings,
    root: Path,
    reporter: Reporter,
    environ: Mapping[str, str] | None = None,
    *,
    fork: Path | None = None,
) -> Outcome:
    """Grow seed tasks until exactly the target is kept, then publish; goes on where an earlier run stopped.

    Args:
        settings: with a target.
        root: the dataset folder.
        environ: where keys are; None is the process's environment.
        fork: a grown folder whose replies a new one starts from, read with these settings. It stays as it is.

    Returns:
        The outcome; with an `ending` where the growth saturated, the budget was reached or nothing more came of the endpoint's
        answers before the target: what exists is published all the same.

    Raises:
        SeedbedError: settings that do not fit the folder, an endpoint that cannot be used, a full disk, ….
    """
    if settings.target is None:
        raise UsageError(
            worded("target: a build needs one"), worded("Set `target: 1000` in the settings or pass --target 1000.")
        )
    check_names(settings.balance, categories=settings.growth.categories or ())
    folder, sources = DatasetFolder(root), read_sources(settings)
    if settings.growth.languages != (languages := sources.settings.growth.languages) and len(languages) == 1:
        reporter.say(
            worded("All seeds are in English: so is what is grown (growth.languages).")
            if "en" in languages
            else worded("All seeds are in Chinese: so is what is grown (growth.languages).")
        )
    settings = sources.settings
    with writing(folder):
        _refuse_to_buy_again(folder)
        if fork is not None:
            _start_fork(folder, DatasetFolder.open(fork), row_settings(settings, sources))
        keys = dict(os.environ if environ is None else environ)
        outcome, _ = grow_folder(folder, settings, sources, reporter, keys)
    return outcome


def grow_folder(
    folder: DatasetFolder,
    settings: Settings,
    sources: Sources,
    reporter: Reporter,
    environ: Mapping[str, str] | None,
) -> tuple[Outcome, Growth]:
    """Grow and publish a folder that is held for writing.

    Args:
        environ: where keys are; None sends nothing: what the ledger holds is read.
    """
    with Ledger(folder.ledger) as ledger:
        refuse_other_settings(ledger, settings, sources)
        folder.withdraw_manifest()
        write_text(folder.settings, dump_settings(settings))
        if environ is not None:
            collect_batches(settings, ledger, environ, reporter)
        growth = _start_growth(settings, ledger, sources, environ, reporter.say)
        read = growth.replay if environ is None else growth.grow
        decision, ending = _grow_to_target(settings, growth, read, folder, ledger, reporter, environ or {})
        spending = ledger.spending()
    _write_grown(folder, growth.grown)
    if unplaced := folder.reviews.read_unplaced():
        folder.reviews.place(*place(unplaced, growth.grown.samples))
    report = finish(folder, settings, decision, reporter, spending, growth.grown)
    return Outcome(folder.root, report, ending), growth


def _refuse_to_buy_again(folder: DatasetFolder) -> None:
    """Refuse, before anything is sent, what a build cannot go on from."""
    refuse_damaged(folder, folder.ledger)
    if folder.parts(folder.samples) and not folder.ledger.exists():
        raise IntegrityError(
            worded(
                "{root}: holds rows and no {name}, so everything would be bought again",
                root=folder.root,
                name=folder.ledger.name,
            ),
            worded("Where the folder was grown, restore its ledger from a copy; else choose another --out."),
        )
    if not _unknown_parts(folder):
        folder.check(folder.samples, folder.rejections)


def _unknown_parts(folder: DatasetFolder) -> list[Path]:
    """Parts that are there where nothing is known of any, as where an older version was interrupted: the ledger gives the rows."""
    parts, known = [*folder.parts(folder.samples), *folder.parts(folder.rejections)], folder.known()
    return [] if any(folder.name_of(part) in known for part in parts) else parts


def _start_fork(folder: DatasetFolder, source: DatasetFolder, settings: str) -> None:
    """Inherit, once: a fork that was interrupted goes on like any build."""
    if not folder.ledger.exists():
        refuse_damaged(source, source.ledger)
        inherit(source, folder, settings, moved=True)
        return
    with Ledger(folder.ledger) as ledger:
        if ledger.read_meta(INHERITED) is None:
            raise UsageError(
                worded("{root}: holds a dataset that is no fork", root=folder.root),
                worded("Choose another --out, or leave --fork out to go on with it."),
            )


def _start_growth(
    settings: Settings,
    ledger: Ledger,
    sources: Sources,
    environ: Mapping[str, str] | None,
    warn: Callable[[str], None],
) -> Growth:
    admission = Admission(
        settings.novelty.thresholds,
        measure=measure_row,
        check=lambda sample, values: check_row(sample, values, settings.filters),
        teacher=settings.teacher.model,
        key=settings.novelty.key,
    )
    pool = Pool(settings, [task for task, _ in sources.seeds], sources.pieces)
    seeds = seed_rows(admission, sources.seeds)
    if environ is None:
        return Growth(settings, ledger, pool, admission, seeds, tuple)
    budget = open_budget(settings, ledger)
    open_flight = flights(settings, ledger, budget, environ, warn)
    return Growth(settings, ledger, pool, admission, seeds, budget.spent, open_flight)


def _grow_to_target(
    settings: Settings,
    growth: Growth,
    read: Callable[[int, GrowthView], None],
    folder: DatasetFolder,
    ledger: Ledger,
    reporter: Reporter,
    environ: Mapping[str, str],
) -> tuple[Decision, SeedbedError | None]:
    """Grow and decide in turns until the target is kept: what one decision drops, the next round replaces."""
    target = settings.target or 0
    goal, ending, kept = target, None, None
    rounds: list[tuple[int, int]] = []
    language = reporter.language
    reviews, unplaced = folder.reviews.read(), folder.reviews.read_unplaced()
    benchmark = read_benchmark(settings, reporter)
    with reporter.growing(language, lambda reason: reason_for(reason).label(language), ledger.note_growing) as view:
        try:
            while True:
                try:
                    read(goal, view)
                except (TargetNotReachedError, BudgetReachedError, NothingUsableError) as error:
                    if isinstance(error, NothingUsableError) and not growth.grown.rows:
                        raise
                    ending = error
                grown = growth.grown
                placed = place(unplaced, grown.samples)[0]
                texts = pl.Series([novelty_text(one, settings.novelty.key) for one in grown.samples], dtype=pl.String)
                vectors = embed_rows(folder, settings, texts, Reporter(quiet=True), environ=environ)
                decision = decide(
                    grown.samples,
                    grown.signals,
                    settings,
                    reviews=without_edits([*reviews, *placed], settings.reviews.decide),
                    benchmark=benchmark,
                    vectors=vectors,
                )
                kept = decision.kept - settings.seeds.publish * grown.seed_rows
                rounds.append((grown.rows, kept))
                ending = ending or (_dropped_all(rounds, settings, decision) if kept < target else None)
                if ending is not None or kept >= target:
                    return decision, ending
                goal, kept = grown.rows + target - kept, None
        finally:
            figures = growth.figures(goal)
            view.close(figures if kept is None else replace(figures, reached=min(kept, target)))


def _dropped_all(
    rounds: Sequence[tuple[int, int]], settings: Settings, decision: Decision
) -> TargetNotReachedError | None:
    """Saturation after admission: rows are admitted, and curation drops nearly all of them, as where all caps are full.

    Args:
        rounds: grown rows and kept ones after each decision.
    """
    growth = settings.growth
    window = growth.saturation_window * growth.tasks_per_request * growth.instances_per_task
    (rows, kept), earlier = rounds[-1], [one for one in rounds if one[0] <= rounds[-1][0] - window]
    if not earlier or kept - earlier[-1][1] > growth.saturation_floor * (rows - earlier[-1][0]):
        return None
    reasons = Counter(reason for reason in decision.verdicts["reason"].to_pylist() if reason not in (None, "seed"))
    return TargetNotReachedError(
        worded(
            "Saturated at {kept} kept rows: of the last {number} that were admitted, {number_2} more are "
            "kept, fewer than growth.saturation_floor ({saturation_floor:.0%}). All dropped rows: "
            "{most_common}.",
            kept=kept,
            number=rows - earlier[-1][0],
            number_2=kept - earlier[-1][1],
            saturation_floor=growth.saturation_floor,
            most_common=", ".join((f"{reason} {count}" for reason, count in reasons.most_common(3))),
        ),
        worded(
            "What exists is valid. Look at the reasons: raise the caps of balance, or balance.phrasings, or "
            "add recipes that grow other tasks."
        ),
    )


def _write_grown(folder: DatasetFolder, grown: Grown) -> None:
    """Append the rows and rejections that are not in the folder yet, after checking that those there are the same.

    Those of which nobody knows whether they are as they were written are written again.
    """
    written = 0
    for sample, there in zip(grown.samples, folder.iter_samples(), strict=False):
        if sample != there:
            raise IntegrityError(
                worded("{samples}: row {row} is not what the ledger gives", samples=folder.samples, row=there.row),
                worded(
                    "Restore the folder from a copy, or write its rows again with `seedbed rebuild {root}`.",
                    root=folder.root,
                ),
            )
        written += 1
    if folder.count_samples() > written:
        raise IntegrityError(
            worded("{samples}: holds more rows than the ledger gives", samples=folder.samples),
            worded(
                "Restore the ledger; where rows were redacted, edited or added since, `seedbed rebuild {root}` "
                "takes these out, and they can be redacted or added again, and edits come back, once the growth "
                "is done.",
                root=folder.root,
            ),
        )
    rejected = folder.rejections_table().num_rows
    for part in _unknown_parts(folder):
        remove_file(part)
        written = rejected = 0
    folder.write_samples(grown.samples[written:])
    folder.write_rejections(grown.rejections[rejected:])
