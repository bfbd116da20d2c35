"""Looking at a curated dataset folder: rows by filter, and one row explained."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from builder.errors import InputFileError, UsageError, nearest
from builder.language import Language
from builder.language.chinese import spoken
from builder.language.labels import SPLIT_LABELS, label
from builder.language.messages import worded
from builder.language.reasons import explain, reason_for
from builder.pictures import shown
from builder.queries.database import Database
from builder.queries.qualities import explain_quality
from builder.queries.records import Facet, Key, Line, Page, Row
from builder.queries.reviewing import review_state
from builder.queries.selecting import Condition, Filters, choose, condition_of
from builder.queries.views import LABELS, TEXTS, quoted
from builder.schema import Verdict, sample_from_record, verdict_from_record
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import standing
from builder.store.snapshot import consistent, open_snapshot

_LABELS_OF_A_LINE = ("row", "kept", "reason", "category", "language")
_OF_A_LINE = ("row", "id", "messages")
_BEGINNING = 100  # characters of a row's prompt in a list


def read_rows(
    database: Database,
    filters: Filters | None = None,
    *,
    columns: Sequence[str] = LABELS,
    sort: str = "row",
    descending: bool = False,
    after: Key | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Rows that pass all filters, decided or not.

    Args:
        columns: of the views `rows` and `signals`, in this order.
        sort: one of them; equal ones stand in the order of their rows, and those without a value last.
        after: only those that come later.
        limit: only so many.

    Raises:
        UsageError: there is no such column, or see `builder.queries.selecting.condition_of`.
    """
    if sort not in LABELS:
        database.hold(sort)
    measured, texts = _apart(database, [name for name in columns if name != sort])
    condition = condition_of(database, filters or Filters())
    key = _behind(sort, descending, after)
    held = [name for name in dict.fromkeys(["row", *columns, sort]) if name not in texts]
    joins = " LEFT JOIN signals USING (row)" if measured else ""
    held = [f"labels.{quoted(name)}" if name in LABELS or name == sort else quoted(name) for name in held]
    ordered = "row" if sort == "row" else f"labels.{quoted(sort)} {'DESC' if descending else 'ASC'} NULLS LAST, row"
    ordered += " DESC" if sort == "row" and descending else ""
    chosen = database.ask(
        f"SELECT {', '.join(held)} FROM labels{joins} WHERE {condition.sql} AND {key.sql} "
        f"ORDER BY {ordered}{'' if limit is None else ' LIMIT ?'}",
        (*condition.parameters, *key.parameters, *(() if limit is None else (limit,))),
        reads=["labels"],
        signals=measured,
        tables=condition.tables,
    )
    if texts:
        found = _texts(database, chosen["row"], texts, few=limit is not None)
        chosen = chosen.join(found, on="row", how="left", maintain_order="left")
    return chosen.select(columns)


def _apart(database: Database, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of some columns those that are measured, and those that are read with the texts."""
    of_rows = [column.name for column in database.columns("rows")]
    of_signals = [name for names in database.signals().values() for name in names]
    for name in columns:
        if name not in of_rows and name not in of_signals and name not in LABELS:
            there = [*of_rows, *of_signals]
            raise UsageError(
                worded("there is no column {name}{nearest}", name=name, nearest=nearest(name, there)),
                worded("There are: {there}.", there=", ".join(there)),
            )
    others = [name for name in dict.fromkeys(columns) if name not in LABELS]
    texts = [name for name in others if name in of_rows]
    return [name for name in others if name not in of_rows], texts


def _behind(sort: str, descending: bool, after: Key | None) -> Condition:
    """What comes after a key in the order."""
    if after is None:
        return Condition("true", (), {})
    if sort == "row":
        return Condition(f"row {'<' if descending else '>'} ?", (after.row,), {})
    column = f"labels.{quoted(sort)}"
    if after.value is None:
        return Condition(f"({column} IS NULL AND row > ?)", (after.row,), {})
    beyond = f"{column} {'<' if descending else '>'} ?"
    return Condition(
        f"({beyond} OR ({column} = ? AND row > ?) OR {column} IS NULL)", (after.value, after.value, after.row), {}
    )


def _texts(database: Database, rows: pl.Series, columns: Sequence[str], *, few: bool) -> pl.DataFrame:
    made = ", ".join(f"{TEXTS[name]} AS {name}" if name in TEXTS else quoted(name) for name in columns)
    if few:
        needed = ["row", *dict.fromkeys("messages" if name in TEXTS else name for name in columns)]
        held = database.folder.sample_rows(rows.to_list(), needed)
        return database.ask(f"SELECT row, {made} FROM held", reads=[], tables={"held": held})
    wanted = pa.table({"row": rows.to_arrow()})
    where = "WHERE row IN (SELECT row FROM wanted)"
    return database.ask(f"SELECT row, {made} FROM samples {where}", reads=["samples"], tables={"wanted": wanted})


def read_page(
    database: Database,
    filters: Filters | None = None,
    *,
    sort: str = "row",
    descending: bool = False,
    after: Key | None = None,
    limit: int = 50,
) -> Page:
    """One page of rows in an order; raises and takes what `read_rows` does."""
    asked = filters or Filters()
    columns = dict.fromkeys((*_LABELS_OF_A_LINE, sort))
    found = read_rows(
        database, asked, columns=list(columns), sort=sort, descending=descending, after=after, limit=limit + 1
    )
    records = found.head(limit).to_dicts()
    texts = {one["row"]: one for one in database.folder.sample_records(found["row"].to_list()[:limit], _OF_A_LINE)}
    lines = tuple(
        Line(
            row=one["row"],
            id=texts[one["row"]]["id"],
            kept=one["kept"],
            reason=one["reason"],
            category=one["category"],
            language=one["language"],
            text=beginning(texts[one["row"]]["messages"]),
            answer=beginning(texts[one["row"]]["messages"], "assistant"),
        )
        for one in records
    )
    last = Key(records[-1][sort], records[-1]["row"]) if len(found) > limit else None
    return Page(lines, count_rows(database, asked), last)


@consistent
def find_rows(
    root: Path,
    filters: Filters,
    *,
    limit: int,
    sort: str = "row",
    descending: bool = False,
    sample: int | None = None,
    seed: int = 0,
) -> Page:
    """The first page of a decided folder's rows that pass all filters.

    Args:
        sort: a label, or a value that was measured.
        sample: only so many of them, drawn by `seed`: the same ones for the same rows.

    Raises:
        InputFileError: not a curated dataset folder.
        UsageError: see `builder.queries.selecting.condition_of`.
    """
    with Database.open(root) as database:
        database.folder.refuse_undecided()
        if sample is not None:
            rows = choose(database, filters)["row"].to_list()
            drawn = sorted(random.Random(seed).sample(rows, min(sample, len(rows))))
            filters = replace(filters, rows=",".join(map(str, drawn)))
        page = read_page(database, filters, sort=sort, descending=descending, limit=limit)
        said = review_state(database.folder, load_settings(database.folder.settings, environ={}))
        return replace(page, lines=tuple(replace(line, review=said.of_row(line.row)) for line in page.lines))


def count_rows(database: Database, filters: Filters | None = None) -> int:
    """How many rows pass all filters."""
    condition = condition_of(database, filters or Filters())
    counted = database.ask(
        f"SELECT count(*) AS rows FROM labels WHERE {condition.sql}",
        condition.parameters,
        reads=["labels"],
        tables=condition.tables,
    )
    return int(counted.item())


def count_by(database: Database, column: str, filters: Filters | None = None) -> list[Facet]:
    """How many of the rows that pass all filters have each value of a label, the most frequent first.

    Raises:
        UsageError: there is no such label.
    """
    if column not in LABELS:
        raise UsageError(
            worded("there is no label {column}{nearest}", column=column, nearest=nearest(column, LABELS)),
            worded("There are: {labels}.", labels=", ".join(LABELS)),
        )
    condition = condition_of(database, filters or Filters())
    counted = database.ask(
        f"SELECT {quoted(column)} AS value, count(*) AS rows, count(*) FILTER (kept) AS kept FROM labels "
        f"WHERE {condition.sql} GROUP BY value ORDER BY rows DESC, value NULLS LAST",
        condition.parameters,
        reads=["labels"],
        tables=condition.tables,
    )
    return [Facet(*values) for values in counted.iter_rows()]


def read_row(database: Database, row: int) -> Row:
    """One row, whole.

    Raises:
        InputFileError: there is no such row.
    """
    folder = database.folder
    sample = sample_from_record(find_row(folder, str(row)))
    verdict = folder.verdict_record(row) if folder.verdicts.is_file() else None
    return Row(
        sample,
        None if verdict is None else verdict_from_record(verdict),
        tuple(standing(folder.reviews.read()).get(row, ())),
    )


@consistent
def explain_row(root: Path, row_or_id: str) -> dict[str, Any]:
    """One row with its verdict in words, in the language of the folder's report.

    Returns:
        row, kept, reason, headline, sentences (one for each failed check), checks, split, quality (see `explain_quality`),
        sample, and `other`: the kept row that it collides with, its redaction, or None; `other_headline` goes with it.

    Raises:
        InputFileError: no such row.
    """
    folder = open_snapshot(root)
    folder.check_where_finished(folder.samples, folder.verdicts, folder.signals / "quality.parquet")
    chosen = load_settings(folder.settings, environ={})
    language = spoken()
    record = find_row(folder, row_or_id)
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
    with Database(folder) as database:
        quality = explain_quality(database, verdict.row, chosen.quality.weights)
    review = review_state(folder, chosen).of_row(verdict.row)
    other = None if verdict.of is None else find_row(folder, str(verdict.of))
    return {
        "row": verdict.row,
        "kept": verdict.kept,
        "reason": verdict.reason,
        "split": verdict.split,
        "headline": headline[language],
        "sentences": [explain(check, language) for check in verdict.checks],
        "quality": quality,
        "checks": [
            {"reason": c.reason, "value": c.value, "threshold": c.threshold, "of": c.of, "evidence": c.evidence}
            for c in verdict.checks
        ],
        "review": review,
        "review_sentences": [] if review is None else _review_sentences(review, language),
        "sample": record,
        "other": other,
        "other_headline": None if other is None else _other_headline(folder, verdict)[language],
    }


def _review_sentences(review: Mapping[str, Any], language: Language) -> list[str]:
    """What people said of a row, what it comes to, and whether the verdict obeys it already."""
    native = language == "zh"
    said = []
    for one in review["reviews"]:
        who, when = one["reviewer"] or ("someone", "有人")[native], one["time"][:10]
        note = f"{('; ', '；')[native]}{one['note']}" if one["note"] else ""
        said.append(
            f"{who}：{_DECISIONS[one['decision']][1]}（{when or '时间不详'}{note}）"
            if native
            else f"{who}: {one['decision']} ({when or 'no date'}{note})"
        )
    if not review["agreed"]:
        by = review["by"]
        if native:
            said.append(
                f"审核人意见不一；以 {by or '有人'} 的决定为准"
                if review["decision"]
                else "审核人意见不一，由检查结果决定"
            )
        else:
            said.append(
                f"reviewers disagree; {by or 'someone'} decides"
                if review["decision"]
                else "reviewers disagree; the checks decide"
            )
    if review["pending"]:
        said.append(
            (
                "the verdict does not obey this yet: `seedbed curate` decides again",
                "判定尚未更新：运行 `seedbed curate` 重新判定",
            )[native]
        )
    return said


# English, Chinese.
_DECISIONS = {"keep": ("keep", "保留"), "drop": ("drop", "去除"), "edit": ("edit", "修改")}


def _other_headline(folder: DatasetFolder, verdict: Verdict) -> dict[str, str]:
    if verdict.reason == "edited":
        return {"en": f"Row {verdict.of}, as it was edited:", "zh": f"修改后的第 {verdict.of} 行："}
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


def find_row(folder: DatasetFolder, row_or_id: str) -> dict[str, Any]:
    """The record of a row by its number or id.

    Raises:
        InputFileError: there is none.
    """
    found = folder.sample_records([int(row_or_id)]) if row_or_id.isdecimal() else []
    if not found:
        ids = folder.sample_columns(["row", "id"])
        found = folder.sample_records(ids.filter(pc.equal(ids["id"], row_or_id))["row"].to_pylist()[:1])
    if not found:
        count = folder.count_samples()
        raise InputFileError(
            folder.called,
            worded("no row {row_or_id}", row_or_id=row_or_id),
            remedy=(
                worded(
                    "Rows are 0 to {count}; `seedbed show {called}` lists them.", count=count - 1, called=folder.called
                )
                if count
                else worded("It has no rows.")
            ),
        )
    return found[0]


def beginning(messages: list[dict[str, Any]], role: Literal["user", "assistant"] = "user") -> str:
    """How a row's prompt begins, or its last answer, on one line."""
    turns = messages if role == "user" else reversed(messages)
    first = next((turn for turn in turns if turn["role"] == role), None)
    text = "" if first is None else shown(first["content"], first["parts"], spoken(), whole=False)
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _BEGINNING else text[: _BEGINNING - 1] + "…"
