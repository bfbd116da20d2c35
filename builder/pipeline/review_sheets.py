"""Reviews by spreadsheet: rows out with an empty column for the decision, and back by their ids.

    row  id                decision  note       verdict  roles            text 1             text 2
    17   9b1e04c5d2f7a830  保留                 kept     user, assistant  Who wrote Faust?   Goethe.

A spreadsheet changes more than its user does: line ends, numbers, texts that begin like formulas. What it may have changed is
told from what a person did by the text that went out; where that cannot be told, the row is named and nothing is taken over.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.curation.editing import Edit, check_edit
from builder.errors import InputFileError, UsageError
from builder.formats.containers.row_files import Row, write_rows
from builder.formats.containers.spreadsheet import fits_cell
from builder.formats.reading import open_rows
from builder.language.messages import worded
from builder.pipeline.reviewing import ReviewSession
from builder.queries.database import Database
from builder.queries.reviewing import review_state
from builder.queries.selecting import Filters, choose
from builder.schema import Sample, sample_from_record
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.ownership import check_output
from builder.store.reviews import Decision

SUFFIXES = (".xlsx", ".csv", ".jsonl")
_COLUMNS = {"行号": "row", "编号": "id", "决定": "decision", "备注": "note", "判定": "verdict", "角色": "roles"}
_TEXT = re.compile(r"(?:text|文本) ?(\d{1,5})")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "keep": ("keep", "kept", "k", "yes", "ok", "good", "保留", "留", "留下", "保", "通过", "合格"),
    "drop": (
        "drop",
        "dropped",
        "d",
        "no",
        "delete",
        "remove",
        "reject",
        "bad",
        "删除",
        "删",
        "去除",
        "剔除",
        "不要",
        "不合格",
    ),
    "edit": ("edit", "edited", "e", "修改", "改", "已修改"),
    "withdraw": ("withdraw", "undo", "u", "撤销", "撤回"),
    "": ("", "skip", "s", "-", "跳过", "略过"),
}
_DECISIONS = {word: decision for decision, words in _WORDS.items() for word in words}
# What a spreadsheet would take for a formula, or for a number or date that it writes in its own way.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_NUMBER = re.compile(r"[\d\s.,:/%+()¥$€年月日时分秒eE-]{1,64}|(?i:true|false)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CUT_UNITS = 32_767  # where Excel cuts a cell, in UTF-16 units
_BEGINNING = 500  # characters of a text that fits no cell
_PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SheetRead:
    """What a spreadsheet came to.

    Attributes:
        decided: how many decisions of each kind were added.
        known: rows whose decision was there already.
        undecided: rows without a decision.
        missing: ids of rows that the dataset does not hold as they were, with their row in the file.
    """

    decided: Mapping[str, int]
    known: int
    undecided: int
    missing: tuple[tuple[int, str], ...]


def write_sheet(
    root: Path, out: Path, filters: Filters, *, rows: list[int] | None = None, overwrite: bool = False
) -> int:
    """Write rows for review; returns how many.

    Args:
        rows: of those that pass the filters; None is all.

    Raises:
        UsageError: no such kind of file, or it may not be written there.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(worded("{out}: expected a name that ends in .xlsx, .csv or .jsonl", out=out))
    check_output(out, overwrite=overwrite)
    folder = DatasetFolder.open(root)
    folder.check_where_finished(folder.samples, folder.verdicts)
    with Database(folder) as database:
        chosen = choose(database, filters)
    wanted = chosen["row"].to_list() if rows is None else rows
    reasons = dict(zip(chosen["row"], chosen["reason"], strict=True))
    said = review_state(folder, load_settings(folder.settings, environ={}))
    samples = [sample_from_record(record) for record in folder.sample_records(wanted)]
    turns = max((len(sample.messages) for sample in samples), default=0)
    columns = [
        "row",
        "id",
        "decision",
        "note",
        "verdict",
        "reviews",
        "roles",
        *(f"text {n}" for n in range(1, turns + 1)),
    ]

    def lines() -> Iterator[Row]:
        for sample in samples:
            reviews = "; ".join(f"{one.reviewer or '?'}: {one.decision}" for one in said.standing.get(sample.row, ()))
            texts = {f"text {n}": turn.content for n, turn in enumerate(sample.messages, 1)}
            cells = {"row": str(sample.row), "id": sample.id, "decision": "", "note": ""}
            cells |= {"verdict": reasons[sample.row] or "kept", "reviews": reviews}
            cells |= {"roles": ", ".join(turn.role for turn in sample.messages), **texts}
            yield {name: _cell(text, out) for name, text in cells.items()}

    write_rows(out, lines, columns)
    return len(samples)


def read_sheet(session: ReviewSession, path: Path) -> SheetRead:
    """Take a spreadsheet's decisions over as one reviewer's, all of them or, where a row cannot be read, none.

    Raises:
        InputFileError: no such file, no column `id`, or rows that cannot be read; they are named.
    """
    file = open_rows(path)
    names = {name: _column(name) for name in file.columns}
    if "id" not in names.values():
        raise InputFileError(
            path,
            worded("it has no column 'id'"),
            remedy=worded("Write it anew with --out, and leave that column in it."),
        )
    taken = [name for name in names.values() if name is not None]
    if repeated := next((name for name in taken if taken.count(name) > 1), None):
        raise InputFileError(
            path, worded("two columns are '{repeated}'", repeated=repeated), remedy=worded("Take one of them out.")
        )
    lines = [
        (row.number, {known: _as_text(row.values.get(name)) for name, known in names.items() if known is not None})
        for row in file.rows()
    ]
    lines = [(number, cells) for number, cells in lines if any(cells.values())]
    samples, missing, problems = _find(session.folder, lines)
    own = session.own()
    chosen: dict[int, tuple[int, tuple[Sample, Decision, str, Edit]]] = {}
    known = undecided = 0
    for number, cells in lines:
        if number not in samples:
            continue
        sample = samples[number]
        try:
            decision, edit = _decision(sample, cells, path)
            check_edit(sample, edit)
        except UsageError as error:
            problems.append((number, error.message.removeprefix(f"row {sample.row}: ")))
            continue
        note, last = cells.get("note", "").strip(), own.get(sample.row)
        if decision is None or (decision == "withdraw" and last is None):
            undecided += 1
        elif last is not None and (last.decision, last.edit, last.note) == (decision, edit, note):
            known += 1
        elif sample.row in chosen:
            problems.append(
                (
                    number,
                    worded(
                        "decides about row {row} as row {chosen} of the file does",
                        row=sample.row,
                        chosen=chosen[sample.row][0],
                    ),
                )
            )
        else:
            chosen[sample.row] = number, (sample, decision, note, edit)
    _refuse(path, problems)
    made = session.decide_all([one for _, one in chosen.values()]) if chosen else []
    decided: defaultdict[str, int] = defaultdict(int)
    for review in made:
        decided[review.decision] += 1
    return SheetRead(dict(decided), known, undecided, tuple(missing))


def _refuse(path: Path, problems: list[tuple[int, str]]) -> None:
    if problems:
        listed = "\n".join(f"  - row {number}: {problem}" for number, problem in sorted(problems)[:_PROBLEMS_SHOWN])
        raise InputFileError(
            path,
            worded(
                "{problems:,} rows cannot be taken over, so none was\n{listed}", problems=len(problems), listed=listed
            ),
            remedy=worded("Put them right in the file, or empty their decision and give them their text back."),
        )


def _find(
    folder: DatasetFolder, lines: list[tuple[int, dict[str, str]]]
) -> tuple[dict[int, Sample], list[tuple[int, str]], list[tuple[int, str]]]:
    """The sample of each line by its id, and by its number where several rows have that id."""
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    wanted = {_plain(cells["id"]) for _, cells in lines}
    table = folder.sample_columns(["row", "id"])
    for row, name in zip(table["row"].to_pylist(), table["id"].to_pylist(), strict=True):
        if name in wanted:
            rows_of[name].append(row)
    found: dict[int, int] = {}
    missing: list[tuple[int, str]] = []
    problems: list[tuple[int, str]] = []
    for number, cells in lines:
        name = _plain(cells["id"])
        there, said = rows_of.get(name, []), _number(cells.get("row", ""))
        if not name:
            problems.append((number, worded("it has no id")))
        elif not re.fullmatch("[0-9a-f]{16}", name):
            problems.append(
                (
                    number,
                    worded(
                        "'{name}' is no id: 16 digits and letters; a spreadsheet may have made a number of it",
                        name=name[:40],
                    ),
                )
            )
        elif not there:
            missing.append((number, name))
        elif said in there or len(there) == 1:
            found[number] = said if said in there and said is not None else there[0]
        else:
            problems.append(
                (
                    number,
                    worded(
                        "{there} rows have the id {name}, and its number says none of them", there=len(there), name=name
                    ),
                )
            )
    records = {one["row"]: sample_from_record(one) for one in folder.sample_records({*found.values()})}
    return {number: records[row] for number, row in found.items()}, missing, problems


def _decision(sample: Sample, cells: Mapping[str, str], path: Path) -> tuple[Decision | None, Edit]:
    said = unicodedata.normalize("NFKC", _plain(cells.get("decision", ""))).strip().casefold()
    if said not in _DECISIONS:
        raise UsageError(
            worded(
                "'{said}' is no decision: write keep, drop, edit, undo or nothing; 保留, 删除, 修改, 撤销 too",
                said=said[:40],
            )
        )
    decision, edit = _DECISIONS[said], _edit(sample, cells, path)
    if edit and decision in ("drop", "withdraw"):
        raise UsageError(worded("says drop or undo, and its text was changed: give it its text back, or write edit"))
    if decision == "edit" and not edit:
        raise UsageError(worded("says edit, and none of its texts was changed"))
    if edit:
        return "edit", edit
    if decision in ("keep", "drop", "withdraw"):
        return decision, ()  # type: ignore[return-value]
    return None, ()


def _edit(sample: Sample, cells: Mapping[str, str], path: Path) -> Edit:
    changed = []
    for place, turn in enumerate(sample.messages):
        cell = cells.get(f"text {place + 1}")
        if cell is None or _is_same(cell, turn.content, path):
            continue
        where = f"text {place + 1}"
        if not cell:
            raise UsageError(
                worded("{where} is empty: write drop to drop the row, or give it its text back", where=where)
            )
        if len(cell.encode("utf-16-le", "surrogatepass")) // 2 >= _CUT_UNITS:
            raise UsageError(worded("{where} is as long as a cell can be: a spreadsheet has cut it off", where=where))
        if not _fits(turn.content, path):
            raise UsageError(
                worded(
                    "{where} is too long for a cell and was changed: edit it in `seedbed review`, or in .jsonl",
                    where=where,
                )
            )
        changed.append((place, _unprotected(cell)))
    extra = next(
        (name for name in cells if _TEXT.fullmatch(name) and int(name[5:]) > len(sample.messages) and cells[name]), None
    )
    if extra is not None:
        raise UsageError(
            worded(
                "{extra} holds something, and the row has {messages} turns", extra=extra, messages=len(sample.messages)
            )
        )
    return tuple(changed)


def _is_same(cell: str, text: str, path: Path) -> bool:
    """Whether a cell holds what was written to it, whatever a spreadsheet did to its line ends and letters."""
    written, read = _folded(_cell(text, path)), _folded(cell)
    bare = _folded(_SURROGATE.sub("\ufffd", text))
    # Of a CSV that was saved in GBK, what GBK lacks is a question mark.
    poorer = (one.encode("gbk", "replace").decode("gbk") for one in (written, bare))
    return read in (written, bare) or (path.suffix.lower() == ".csv" and read in poorer)


def _folded(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _fits(text: str, path: Path) -> bool:
    return path.suffix.lower() == ".jsonl" or fits_cell(text)


def _cell(text: str, path: Path) -> str:
    """A text as it goes out: what fits no cell by its beginning, and in CSV with ' before what a spreadsheet would not leave alone."""
    text = _SURROGATE.sub("\ufffd", text)
    if not _fits(text, path):
        return f"{text[:_BEGINNING]}… [{len(text):,}]"
    if path.suffix.lower() == ".csv" and (text.startswith(_FORMULA) or _NUMBER.fullmatch(text)):
        return f"'{text}"
    return text


def _unprotected(cell: str) -> str:
    rest = cell[1:]
    return rest if cell.startswith("'") and (rest.startswith(_FORMULA) or _NUMBER.fullmatch(rest)) else cell


def _plain(cell: str) -> str:
    return _unprotected(cell.strip()).strip()


def _number(cell: str) -> int | None:
    text = _plain(cell).removesuffix(".0")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _column(name: str) -> str | None:
    """What a column is to us; None where somebody added it."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    if match := _TEXT.fullmatch(plain):
        return f"text {int(match[1])}"
    plain = _COLUMNS.get(plain, plain)
    return plain if plain in ("row", "id", "decision", "note") else None


def _as_text(value: object) -> str:
    return "" if value is None else str(value)
