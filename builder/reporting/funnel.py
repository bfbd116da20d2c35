"""report.json: where candidates and rows went, with counts that close.

The report holds no clock, no path and no random choice, so the same folder and settings give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from builder.cells import Cell
from builder.config import Settings
from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.language.notes import Note
from builder.queries.database import Database
from builder.queries.figures import figure_queries, read_figure
from builder.reporting.distributions import signal_distributions
from builder.reporting.dominant import dominant
from builder.reporting.examples import duplicate_groups, examples
from builder.reporting.quality import quality_movers
from builder.reporting.tables import Tables, collect, mended_rows, read_tables, scan_files
from builder.store.dataset_folder import DatasetFolder

REPORT_VERSION = 1

# Cells of the mix beyond these are summed: an imported file may name a category for every row.
_CELLS = 200
_LENGTHS = ("instruction_words", "answer_words")


def build_report(
    folder: DatasetFolder,
    settings: Settings,
    *,
    notes: Sequence[Note],
    spending: Mapping[str, int | float | str] | None,
    checks: Mapping[str, Any] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Count everything in a curated dataset folder.

    Args:
        folder: with samples and verdicts, and rejections and signals where there are any.
        settings: as run.
        notes: shown first on the page.
        spending: requests, tokens and the like, shown as given. Where it holds `candidates`, the number of candidates
            read from replies, the report's own count must equal it.
        checks: what checks before admission came to, shown as given (see `builder.pipeline.checks.count_checks`).
        figures: `diversity` of the kept rows and what is known of guessed `categories`, shown as given.

    Returns:
        The content of report.json:

        - version, name, language (of the page), seed;
        - teacher: provider, name, procedural (grown rows are computed by families, not written by a language model);
        - candidates: total, admitted, rejected, by_reason {reason: count, falling};
        - rows: total, kept, dropped, by_reason {decisive reason: count, falling}, failed_checks {reason: rows that failed
          it, decisive or not};
        - pictures: {before, after} of the rows that hold some;
        - dominant: reasons and frames of more than a fifth of the rows, see `builder.reporting.dominant`;
        - target: None, or wanted and reached (kept grown rows);
        - origins: [{origin, before, after}];
        - mix: cells [{category, language, before, after}], by falling size, and rest {cells, before, after};
        - mended: None, or rows and kept (of them) in which something was put right when they were read, and by_kind {kind: rows,
          falling};
        - quotas: [{cell, asked (share), after, of (kept rows that quotas are shares of)}];
        - splits: {train, validation, unassigned};
        - lengths: {answer_words, instruction_words} and signals: {signal: {column: distribution}}, see `distributions`;
        - quality: what moved the scores of rows, by component, see `quality_movers`;
        - duplicates, examples: see `examples`;
        - diversity and categories: as given, or None;
        - queries: the SQL of what is counted here, by name, for `seedbed query` (see `builder.queries.figures`);
        - notes: [{level, text_en, text_zh}]; spending; checks; settings: every setting.

        `before` counts all rows, `after` the kept ones.

    Raises:
        InputFileError: the folder was not curated yet.
        IntegrityError: a file cannot be read, or the counts do not close.
    """
    tables = read_tables(folder)
    rows = _with_guesses(folder, tables.rows)
    with Database(folder) as database:
        numbers = {name: read_figure(database, name) for name in figure_queries(database)}
        queries = figure_queries(database)
    candidates, counts = _count_candidates(tables, numbers), _count_rows(numbers)
    signals = signal_distributions(folder, rows)
    length = signals.get("length", {})
    report: dict[str, Any] = {
        "version": REPORT_VERSION,
        "name": settings.name,
        "language": settings.report.language,
        "seed": settings.seed,
        "teacher": {
            "provider": settings.teacher.provider,
            "name": settings.teacher.model,
            "procedural": settings.teacher.provider == "embedded",
        },
        "candidates": candidates,
        "rows": counts,
        "pictures": _pictures(folder, rows),
        "dominant": dominant(tables, settings.report.language),
        "target": _target(rows, settings),
        "origins": numbers["origins"].to_dicts(),
        "mix": _mix(numbers["mix"].to_dicts()),
        "mended": _mended(folder, rows, numbers["mended"]),
        "quotas": _quotas(rows, settings),
        "splits": _splits(numbers["splits"]),
        "lengths": {name: length.pop(name) for name in _LENGTHS if name in length},
        "signals": {name: columns for name, columns in signals.items() if columns},
        "quality": quality_movers(folder, rows, settings.quality.weights),
        "duplicates": duplicate_groups(tables, settings.report.language),
        "examples": examples(tables, settings.report.examples, settings.report.language),
        "notes": [asdict(note) for note in notes],
        "spending": None if spending is None else dict(spending),
        "checks": None if checks is None else dict(checks),
        "diversity": (figures or {}).get("diversity"),
        "categories": (figures or {}).get("categories"),
        "queries": queries,
        "settings": settings.model_dump(mode="json"),
    }
    _check_closed(report, folder)
    return report


def _count_candidates(tables: Tables, numbers: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    # A redaction takes the place of a row that was admitted; it was no candidate itself.
    grown = sum(origin["before"] for origin in numbers["origins"].to_dicts() if origin["origin"] == "generated")
    admitted = grown - tables.redactions("generated")
    by_reason = dict(numbers["rejections"].iter_rows())
    rejected = sum(by_reason.values())
    return {"total": admitted + rejected, "admitted": admitted, "rejected": rejected, "by_reason": by_reason}


def _count_rows(numbers: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    return {
        **numbers["rows"].row(0, named=True),
        "by_reason": dict(numbers["reasons"].iter_rows()),
        "failed_checks": dict(numbers["failed_checks"].iter_rows()),
    }


def _pictures(folder: DatasetFolder, rows: pl.DataFrame) -> dict[str, int]:
    path = folder.signals / "facts.parquet"
    lazy = scan_files(path) if path.is_file() else pl.LazyFrame({"row": []}, {"row": pl.Int64})
    if "pictures" not in collect(lazy.head(0), path).columns:  # measured by an older version
        return {"before": 0, "after": 0}
    holding = collect(lazy.filter(pl.col("pictures").is_not_null()).select("row"), path)["row"]
    kept = rows.filter(pl.col("row").is_in(holding.implode()))["kept"]
    return {"before": len(kept), "after": int(kept.sum())}


def _with_guesses(folder: DatasetFolder, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the category that was guessed for them, where they have none."""
    path = folder.signals / "category_guess.parquet"
    if not path.is_file():
        return rows
    guesses = collect(scan_files(path).select("row", "category_guess"), path)
    guess = rows.select("row").join(guesses, on="row", how="left", maintain_order="left")["category_guess"]
    given = pl.when(pl.col("category") == "").then(None).otherwise(pl.col("category"))
    return rows.with_columns(pl.coalesce(given, guess).alias("category"))


def _mix(cells: list[dict[str, Any]]) -> dict[str, Any]:
    rest = cells[_CELLS:]
    return {
        "cells": cells[:_CELLS],
        "rest": {
            "cells": len(rest),
            "before": sum(cell["before"] for cell in rest),
            "after": sum(cell["after"] for cell in rest),
        },
    }


def _mended(folder: DatasetFolder, rows: pl.DataFrame, kinds: pl.DataFrame) -> dict[str, Any] | None:
    mended = mended_rows(folder)
    if mended.is_empty():
        return None
    kept = rows.filter(pl.col("kept")).join(mended, on="row", how="semi")
    return {"rows": len(mended), "kept": len(kept), "by_kind": dict(kinds.iter_rows())}


def _quotas(rows: pl.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    """Seeds are published on top of the target, so shares are of the other rows."""
    kept = rows.filter(pl.col("kept") & (pl.col("origin") != "seed"))
    quotas = []
    for name, share in settings.balance.quotas.items():
        parts = [(column, part) for column, part in asdict(Cell.parse(name)).items() if part is not None]
        inside = kept.filter(pl.all_horizontal(pl.col(column) == part for column, part in parts))
        quotas.append({"cell": name, "asked": share, "after": len(inside), "of": len(kept)})
    return quotas


def _splits(splits: pl.DataFrame) -> dict[str, int]:
    counted = dict(splits.iter_rows())
    return {split: counted.get(split, 0) for split in ("train", "validation", "unassigned")}


def _target(rows: pl.DataFrame, settings: Settings) -> dict[str, int] | None:
    if settings.target is None:
        return None
    reached = len(rows.filter(pl.col("kept") & (pl.col("origin") == "generated")))
    return {"wanted": settings.target, "reached": reached}


def _check_closed(report: Mapping[str, Any], folder: DatasetFolder) -> None:
    candidates, rows, mix = report["candidates"], report["rows"], report["mix"]
    read = (report["spending"] or {}).get("candidates", candidates["total"])
    stored = folder.count_samples()
    sums = {
        "candidates read = admitted + rejected": (read, candidates["admitted"] + candidates["rejected"]),
        "rejected = its reasons": (candidates["rejected"], sum(candidates["by_reason"].values())),
        "rows = kept + dropped": (stored, rows["kept"] + rows["dropped"]),
        "dropped = its decisive reasons": (rows["dropped"], sum(rows["by_reason"].values())),
        "rows = origins": (stored, sum(o["before"] for o in report["origins"])),
        "kept = mix": (rows["kept"], sum(cell["after"] for cell in mix["cells"]) + mix["rest"]["after"]),
        "kept = splits": (rows["kept"], sum(report["splits"].values())),
    }
    open_sums = [f"{name}: {left:,} is not {right:,}" for name, (left, right) in sums.items() if left != right]
    if open_sums:
        raise IntegrityError(
            worded("{root}: the counts do not close ({open_sums})", root=folder.root, open_sums="; ".join(open_sums)),
            worded("`seedbed verify` shows what changed; `seedbed curate` decides every row anew."),
        )
