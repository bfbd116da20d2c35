"""Looking at a curated dataset folder: rows by filter, and one row explained."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from builder.errors import InputFileError
from builder.language.chinese import spoken
from builder.language.labels import SPLIT_LABELS, label
from builder.language.reasons import explain, reason_for
from builder.pictures import shown
from builder.queries.selecting import Filters, choose
from builder.reporting.quality import explain_quality
from builder.schema import Verdict, verdict_from_record
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder

_BEGINNING = 100  # characters of a row's prompt in a list


def find_rows(root: Path, filters: Filters, *, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Rows that pass all filters, in row order.

    Returns:
        At most `limit` rows (row, id, kept, reason, category, language, text), and how many there are in all.

    Raises:
        InputFileError: not a curated dataset folder.
        UsageError: see `builder.queries.selecting.choose`.
    """
    folder = DatasetFolder.open(root)
    folder.check_where_finished(folder.samples, folder.verdicts)
    frame = choose(folder, filters)
    listed = frame.head(limit)
    texts = {
        record["row"]: record for record in folder.sample_records(listed["row"].to_list(), ("row", "id", "messages"))
    }
    rows = [
        {key: record[key] for key in ("row", "kept", "reason", "category", "language")}
        | {"id": texts[record["row"]]["id"], "text": beginning(texts[record["row"]]["messages"])}
        for record in listed.to_dicts()
    ]
    return rows, frame.height


def explain_row(root: Path, row_or_id: str) -> dict[str, Any]:
    """One row with its verdict in words, in the language of the folder's report.

    Returns:
        row, kept, reason, headline, sentences (one for each failed check), checks, split, quality (see `explain_quality`),
        sample, and `other`: the kept row that it collides with, its redaction, or None; `other_headline` goes with it.

    Raises:
        InputFileError: no such row.
    """
    folder = DatasetFolder.open(root)
    folder.check_where_finished(folder.samples, folder.verdicts, folder.signals / "quality.parquet")
    chosen = load_settings(folder.settings, environ={})
    language = spoken()
    record = _find_row(folder, row_or_id)
    verdict = verdict_from_record(folder.verdict_record(record["row"]))
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
        "other_headline": None if other is None else _other_headline(folder, verdict)[language],
    }


def _other_headline(folder: DatasetFolder, verdict: Verdict) -> dict[str, str]:
    if verdict.reason == "redacted":
        return {"en": f"Row {verdict.of}, its redaction:", "zh": f"脱敏后的第 {verdict.of} 行："}
    assert verdict.of is not None
    later = folder.verdict_record(verdict.of)["reason"]
    if later is not None:  # a seed that is not published, or a row that the mix had no place for
        reason = reason_for(later)
        return {
            "en": f"Row {verdict.of}, which stood for both and went later ({reason.label_en}):",
            "zh": f"第 {verdict.of} 行，代表了这两行，后来去除（{reason.label_zh}）：",
        }
    return {"en": f"Row {verdict.of}, which was kept:", "zh": f"保留的第 {verdict.of} 行："}


def _find_row(folder: DatasetFolder, row_or_id: str) -> dict[str, Any]:
    found = folder.sample_records([int(row_or_id)]) if row_or_id.isdecimal() else []
    if not found:
        ids = folder.sample_columns(["row", "id"])
        found = folder.sample_records(ids.filter(pc.equal(ids["id"], row_or_id))["row"].to_pylist()[:1])
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


def beginning(messages: list[dict[str, Any]]) -> str:
    """How a row's prompt begins, on one line."""
    first = next((turn for turn in messages if turn["role"] == "user"), None)
    text = "" if first is None else shown(first["content"], first["parts"], spoken(), whole=False)
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _BEGINNING else text[: _BEGINNING - 1] + "…"
