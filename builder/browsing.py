"""Looking at a curated dataset folder: rows by filter, and one row explained."""

from pathlib import Path
from typing import Any

import polars as pl

from builder.dataset_folder import DatasetFolder
from builder.errors import InputFileError, UsageError, nearest
from builder.reporting.reasons import REASONS, explain, reason_for
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
    frame = _frame(folder)
    for column, value in (("reason", reason), ("category", category), ("language", language), ("origin", origin)):
        if value is not None:
            present = sorted(str(v) for v in frame[column].drop_nulls().unique())
            if value not in present and not (column == "reason" and value in REASONS):
                raise UsageError(
                    f"--{column} {value}: no row has it{nearest(value, present)}",
                    f"There are: {', '.join(present) or 'none'}.",
                )
            frame = frame.filter(pl.col(column) == value)
    if kept is not None:
        frame = frame.filter(pl.col("kept") == kept)
    if search is not None:
        wanted = normalise(search)
        texts = frame["messages"].to_list()
        mask = [any(wanted in normalise(turn["content"]) for turn in turns) for turns in texts]
        frame = frame.filter(pl.Series(mask, dtype=pl.Boolean))
    rows = [
        {key: record[key] for key in ("row", "id", "kept", "reason", "category", "language")}
        | {"text": _beginning(record["messages"])}
        for record in frame.head(limit).to_dicts()
    ]
    return rows, frame.height


def explain_row(root: Path, row_or_id: str) -> dict[str, Any]:
    """One row with its verdict in words, in the language of the folder's report.

    Returns:
        row, kept, reason, headline, sentences (one for each failed check), checks, split, sample, and `other`: the kept row
        that it collides with, or None.

    Raises:
        InputFileError: no such row.
    """
    folder = DatasetFolder.open(root)
    language = load_settings(folder.settings, environ={}).report.language
    record = _find_row(folder, row_or_id)
    verdict = _verdict(folder, record["row"])
    if verdict.reason is None:
        headline = {
            "en": f"Row {verdict.row} is kept ({verdict.split}).",
            "zh": f"第 {verdict.row} 行保留（{verdict.split}）。",
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
        "checks": [
            {"reason": c.reason, "value": c.value, "threshold": c.threshold, "of": c.of, "evidence": c.evidence}
            for c in verdict.checks
        ],
        "sample": record,
        "other": other,
        "other_headline": {"en": f"Row {verdict.of}, which was kept:", "zh": f"保留的第 {verdict.of} 行："}[language],
    }


def _frame(folder: DatasetFolder) -> pl.DataFrame:
    if not folder.verdicts.is_file():
        folder.read_verdicts()  # raises the error that says what to do
    verdicts = pl.scan_parquet(folder.verdicts).select("row", "kept", "reason", "split")
    samples = pl.scan_parquet(folder.parts(folder.samples))
    return samples.join(verdicts, on="row", how="inner", maintain_order="left").collect()


def _find_row(folder: DatasetFolder, row_or_id: str) -> dict[str, Any]:
    parts = folder.parts(folder.samples)
    scanned = pl.scan_parquet(parts) if parts else None
    found: list[dict[str, Any]] = []
    if scanned is not None:
        if row_or_id.isdecimal():
            found = scanned.filter(pl.col("row") == int(row_or_id)).collect().to_dicts()
        found = found or scanned.filter(pl.col("id") == row_or_id).head(1).collect().to_dicts()
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
        folder.read_verdicts()
    records = pl.scan_parquet(folder.verdicts).filter(pl.col("row") == row).collect().to_dicts()
    return verdict_from_record(records[0])


def _beginning(messages: list[dict[str, Any]]) -> str:
    text = next((turn["content"] for turn in messages if turn["role"] == "user"), "")
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _BEGINNING else text[: _BEGINNING - 1] + "…"
