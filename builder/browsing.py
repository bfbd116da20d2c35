"""Looking at a curated dataset folder: rows by filter, and one row explained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from builder.chinese import spoken
from builder.dataset_folder import DatasetFolder
from builder.errors import InputFileError, UsageError, nearest
from builder.reporting.labels import SPLIT_LABELS, label
from builder.reporting.quality import explain_quality
from builder.reporting.reasons import REASONS, explain, reason_for
from builder.reporting.tables import scan_samples
from builder.schema import Verdict, verdict_from_record
from builder.settings_file import load_settings
from builder.text import normalise

_BEGINNING = 100  # characters of a row's prompt in a list


def find_rows(
    root: Path,
    *,
    kept: bool | None,
    reason: str | None,
    category: str | None,
    language: str | None,
    origin: str | None,
    search: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], int]:
    """Rows that pass all filters given, in row order.

    Returns:
        At most `limit` rows (row, id, kept, reason, category, language, text), and how many there are in all.

    Raises:
        InputFileError: not a curated dataset folder.
        UsageError: no row has such a reason, category, language or origin.
    """
    folder = DatasetFolder.open(root)
    frame = _labels(folder)
    for column, value in (("reason", reason), ("category", category), ("language", language), ("origin", origin)):
        if value is not None:
            present = sorted(str(v) for v in frame[column].drop_nulls().unique())
            if value not in present and not (column == "reason" and value in REASONS):
                raise UsageError(
                    f"--{column} {value}: no row has it{nearest(value, present)}",
                    f"There are: {', '.join(present) or '—'}.",
                )
            frame = frame.filter(pl.col(column) == value)
    if kept is not None:
        frame = frame.filter(pl.col("kept") == kept)
    if search is not None:
        frame = frame.filter(pl.col("row").is_in(_rows_that_hold(folder, normalise(search))))
    shown = frame.head(limit)
    texts = {
        record["row"]: record for record in read_records(folder, shown["row"].to_list(), ("row", "id", "messages"))
    }
    rows = [
        {key: record[key] for key in ("row", "kept", "reason", "category", "language")}
        | {"id": texts[record["row"]]["id"], "text": beginning(texts[record["row"]]["messages"])}
        for record in shown.to_dicts()
    ]
    return rows, frame.height


def explain_row(root: Path, row_or_id: str) -> dict[str, Any]:
    """One row with its verdict in words, in the language of the folder's report.

    Returns:
        row, kept, reason, headline, sentences (one for each failed check), checks, split, quality (see `explain_quality`),
        sample, and `other`: the kept row that it collides with, its redaction, or None.

    Raises:
        InputFileError: no such row.
    """
    folder = DatasetFolder.open(root)
    chosen = load_settings(folder.settings, environ={})
    language = spoken()
    record = _find_row(folder, row_or_id)
    verdict = _verdict(folder, record["row"])
    if verdict.reason is None:
        headline = {
            "en": f"Row {verdict.row} is kept ({verdict.split}).",
            "zh": f"第 {verdict.row} 行保留（{label(SPLIT_LABELS, verdict.split or 'unassigned', 'zh')}）。",
        }
    else:
        reason = reason_for(verdict.reason)
        headline = {
            "en": f"Row {verdict.row} is dropped: {reason.label_en}. {reason.meaning_en}",
            "zh": f"第 {verdict.row} 行去除：{reason.label_zh}。{reason.meaning_zh}",
        }
    other = None if verdict.of is None else _find_row(folder, str(verdict.of))
    return {
        "row": verdict.row,
        "kept": verdict.kept,
        "reason": verdict.reason,
        "split": verdict.split,
        "headline": headline[language],
        "sentences": [explain(check, language) for check in verdict.checks],
        "quality": explain_quality(folder, verdict.row, chosen.quality.weights),
        "checks": [
            {"reason": c.reason, "value": c.value, "threshold": c.threshold, "of": c.of, "evidence": c.evidence}
            for c in verdict.checks
        ],
        "sample": record,
        "other": other,
        "other_headline": _other_headline(folder, verdict)[language],
    }


def _other_headline(folder: DatasetFolder, verdict: Verdict) -> dict[str, str]:
    if verdict.reason == "redacted":
        return {"en": f"Row {verdict.of}, its redaction:", "zh": f"脱敏后的第 {verdict.of} 行："}
    later = None if verdict.of is None else _verdict(folder, verdict.of).reason
    if later is not None:  # a seed that is not published, or a row that the mix had no place for
        reason = reason_for(later)
        return {
            "en": f"Row {verdict.of}, which stood for both and went later ({reason.label_en}):",
            "zh": f"第 {verdict.of} 行，代表了这两行，后来去除（{reason.label_zh}）：",
        }
    return {"en": f"Row {verdict.of}, which was kept:", "zh": f"保留的第 {verdict.of} 行："}


def _labels(folder: DatasetFolder) -> pl.DataFrame:
    """What rows are filtered by: short columns only."""
    decided = pl.from_arrow(folder.verdicts_table(["row", "kept", "reason"]))
    assert isinstance(decided, pl.DataFrame)
    samples = scan_samples(folder).select("row", "category", "language", "origin").collect()
    return samples.join(decided, on="row", how="inner", maintain_order="left")


def _rows_that_hold(folder: DatasetFolder, wanted: str) -> list[int]:
    return [
        row
        for table in folder.iter_sample_tables()
        for row, turns in zip(table["row"].to_pylist(), table["messages"].to_pylist(), strict=True)
        if any(wanted in normalise(turn["content"]) for turn in turns)
    ]


def read_records(folder: DatasetFolder, rows: Sequence[int], columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Some rows' samples, whole or some columns; only the row groups that hold them are read."""
    if not rows:
        return []
    lazy = scan_samples(folder).filter(pl.col("row").is_in(rows))
    # The bounds let whole row groups be skipped by their statistics.
    lazy = lazy.filter(pl.col("row").is_between(min(rows), max(rows)))
    return (lazy.select(columns) if columns else lazy).collect().to_dicts()


def read_ids(folder: DatasetFolder) -> pl.DataFrame:
    """The number and the id of every row, in row order."""
    return scan_samples(folder).select("row", "id").collect()


def _find_row(folder: DatasetFolder, row_or_id: str) -> dict[str, Any]:
    found = read_records(folder, [int(row_or_id)]) if row_or_id.isdecimal() else []
    if not found:
        by_id = scan_samples(folder).filter(pl.col("id") == row_or_id).select("row")
        found = read_records(folder, by_id.head(1).collect()["row"].to_list())
    if not found:
        count = folder.count_samples()
        raise InputFileError(
            folder.root,
            f"no row {row_or_id}",
            remedy=f"Rows are 0 to {count - 1}; `seedbed show {folder.root}` lists them."
            if count
            else "It has no rows.",
        )
    return found[0]


def _verdict(folder: DatasetFolder, row: int) -> Verdict:
    if not folder.verdicts.is_file():
        folder.read_verdicts()  # raises the error that says what to do
    records = pl.scan_parquet(folder.verdicts, glob=False).filter(pl.col("row") == row).collect().to_dicts()
    return verdict_from_record(records[0])


def beginning(messages: list[dict[str, Any]]) -> str:
    """How a row's prompt begins, on one line."""
    text = next((turn["content"] for turn in messages if turn["role"] == "user"), "")
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _BEGINNING else text[: _BEGINNING - 1] + "…"
