"""Which row format a file has, and which of its columns is which field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import InputFileError, UsageError, nearest
from builder.formats import FORMATS
from builder.formats.alternatives import Differing, find_alternatives, pick
from builder.formats.columns import MAPPABLE, check_mapping, find_columns, fold_name
from builder.formats.conversations.exports import EXPORTS
from builder.formats.mapping import mapping_for, texts_inside, with_members
from builder.formats.media import MEDIA
from builder.formats.published import PUBLISHED
from builder.formats.reading import RowFile, open_rows
from builder.formats.row_format import Row, RowFormat
from builder.formats.unread import counted, listed_columns
from builder.language.messages import worded
from builder.text import visible

_OF_THE_ROW = ("category", "language", "task_id", "label", "reasoning", "images", *MEDIA)
# In English and Chinese.
_DETAILS: Mapping[str, tuple[str, str]] = {
    "encoding": ("{}", "{}"),
    "delimiter": ("delimiter {}", "分隔符 {}"),
    "quotes": ("quotes {}", "引号 {}"),
    "sheet": ("sheet '{}'", "工作表“{}”"),
    "other_sheets": ("not read: {}", "未读取：{}"),
    "left_out": ("media left out: {}", "略去图片、音视频列：{}"),
    "reader": ("read as {}", "读取方式：{}"),
    "dates": ("dates {}", "日期按{}"),
    "speakers": ("speakers {}", "发言者 {}"),
}
_DATES: Mapping[str, Mapping[str, str]] = {
    "ymd": {"en": "year/month/day", "zh": "年/月/日"},
    "dmy": {"en": "day/month/year", "zh": "日/月/年"},
    "mdy": {"en": "month/day/year", "zh": "月/日/年"},
}
_NAMED = {"\t": {"en": "tab", "zh": "制表符"}, "none": {"en": "none", "zh": "无"}}


@dataclass(frozen=True, slots=True)
class Detected:
    """How a file is read.

    Attributes:
        container: JSON, JSON Lines, Parquet, CSV or XLSX.
        format: a name in `FORMATS`.
        mapping: our field → the file's column.
        others: our field → further columns, in which some rows have it.
        differing: columns of one meaning in which one row says two things.
        unused: the file's other columns.
        filled: in how many rows each column of the file has a value.
        rows: how many rows the file holds, without those that are left out as broken.
        details: how it was read where there was a choice: `encoding`, `delimiter`, `sheet`, `other_sheets` (not read), `reader`
            (a name in `EXPORTS`), `dates` (their order), `speakers` (on which side each is).
    """

    path: Path
    container: str
    format: str
    mapping: Mapping[str, str]
    others: Mapping[str, tuple[str, ...]]
    differing: tuple[Differing, ...]
    unused: tuple[str, ...]
    filled: Mapping[str, int]
    rows: int
    details: Mapping[str, str]

    def fields(self, row: Row) -> dict[str, Any]:
        """Our fields that a row has, with their values."""
        found = {field: row[column] for field, column in self.mapping.items() if column in row}
        for field, others in self.others.items():
            columns = (self.mapping[field], *others)
            if any(column in row for column in columns):
                found[field] = pick(row, columns)
        return found


def detect(path: Path, mapping: Mapping[str, str] | None = None) -> Detected:
    """Read a file and say which format it has.

    Args:
        mapping: our field → the file's column, for columns whose names say something else.

    Raises:
        InputFileError: the file cannot be read, or no format fits its columns.
        UsageError: the mapping names an unknown field.
    """
    named = mapping_for(path, mapping or {})
    return detect_rows(with_members(open_rows(path), named), named)


def detect_rows(file: RowFile, mapping: Mapping[str, str] | None = None) -> Detected:
    """`detect` for a file that was opened before."""
    named = _named_columns(file, mapping or {})
    presented = [{named[column]: value for column, value in file.columns.items() if column in named}]
    row_format, fields = _first_fit(file, list(named.values()), presented, mapping or {})
    columns = {name: column for column, name in named.items()}
    # a column serves one field; what tells about the row as a whole comes after what the format needs
    extra = find_columns([name for name in columns if name not in fields.values()], *_OF_THE_ROW)
    named_so = "label" in extra and "label" not in (mapping or {}) and fold_name(extra["label"]) == "label"
    if named_so and not _is_truth(presented[0][extra["label"]]):
        del extra["label"]  # of a class, as far as one can see
    if "images" in extra and isinstance(presented[0][extra["images"]], int | float):
        del extra["images"]  # numbers of something
    if "reasoning" in extra and not isinstance(presented[0][extra["reasoning"]], str):
        del extra["reasoning"]  # a switch or a mark
    found = {field: columns[name] for field, name in (extra | fields).items()}
    unused = [column for column in file.columns if not any(_is_of(used, column) for used in found.values())]
    open_fields = {field: column for field, column in found.items() if column not in (mapping or {}).values()}
    others, differing = find_alternatives(file, open_fields, [column for column in unused if column in named])
    taken = {column for columns in others.values() for column in columns}
    return Detected(
        path=file.path,
        container=file.container,
        format=row_format.name,
        mapping={field: found[field] for field in (*fields, *(name for name in extra if name not in fields))},
        others=others,
        differing=differing,
        unused=tuple(column for column in unused if column not in taken),
        filled=file.filled,
        rows=file.count,
        details=file.details,
    )


def _is_of(used: str, column: str) -> bool:
    """Whether what is used is a column, or inside it."""
    return used == column or used.startswith(f"{column}.")


def _is_truth(glimpse: Any) -> bool:
    """Whether a column begins with true or false; 1 and 0 may as well name classes."""
    return isinstance(glimpse, bool) or (isinstance(glimpse, str) and glimpse.strip().casefold() in ("true", "false"))


def _named_columns(file: RowFile, mapping: Mapping[str, str]) -> dict[str, str]:
    """Column → the name that detection sees; columns that a mapping displaces are left out."""
    check_mapping(mapping)
    for field, column in mapping.items():
        if column not in file.columns:
            raise InputFileError(
                file.path,
                worded(
                    "--map {field}={column}: no column '{column}'{nearest}",
                    field=field,
                    column=visible(column),
                    nearest=nearest(column, file.columns),
                ),
                remedy=worded("Its columns are {columns}.", columns=visible(", ".join(file.columns))),
            )
    renamed = {column: "task_id" if field == "id" else field for field, column in mapping.items()}
    if len(renamed) < len(mapping):
        raise UsageError(
            worded(
                "--map names one column twice: {mapping}", mapping=", ".join((f"{f}={c}" for f, c in mapping.items()))
            )
        )
    kept = {column: column for column in file.columns if column not in renamed and column not in renamed.values()}
    return {column: renamed.get(column, column) for column in file.columns if column in renamed or column in kept}


def _first_fit(
    file: RowFile, names: Sequence[str], rows: Sequence[Row], mapping: Mapping[str, str]
) -> tuple[RowFormat, dict[str, str]]:
    asked = {"task_id" if field == "id" else field for field in mapping} - {*_OF_THE_ROW}
    for row_format in FORMATS.values():
        fields = row_format.detect(names, rows)
        if fields is not None and asked <= set(fields.values()):
            return row_format, fields
    expected = "; ".join(f.expects for f in FORMATS.values() if f.expects and f is not PUBLISHED)
    remedy = worded(
        "Name them with --map instruction=a,output=b (fields: {mappable}). Conversations that are laid "
        "out in another way: `seedbed convert {path}`.",
        mappable=", ".join(MAPPABLE),
        path=file.path,
    )
    if inside := texts_inside(file):
        remedy += worded(
            "\n  Texts inside its columns are {inside}: --map takes these too.", inside=visible(", ".join(inside))
        )
    raise InputFileError(
        file.path,
        worded(
            "found columns {columns}; expected one of: {expected}",
            columns=visible(", ".join(file.columns)) or "(none)",
            expected=expected,
        ),
        remedy=remedy,
    )


def describe(detected: Detected, language: str) -> str:
    """One line for people, in English or Chinese (`zh`)."""
    title = FORMATS[detected.format].title
    named = [(f, column) for f, main in detected.mapping.items() for column in (main, *detected.others.get(f, ()))]
    unread = listed_columns(detected.unused, detected.filled, detected.rows, language)
    if language == "zh":
        columns = "、".join(_arrow(field, column) for field, column in named)
        details = "，".join((detected.container, *_details(detected, "zh")))
        unused = f"；未使用的列：{unread}" if detected.unused else ""
        return f"{detected.path.name}：{detected.rows:,} 行，{title['zh']}（{details}）；列：{columns}{unused}"
    columns = ", ".join(_arrow(field, column) for field, column in named)
    details = ", ".join((detected.container, *_details(detected, "en")))
    unused = f"; columns not used: {unread}" if detected.unused else ""
    return f"{detected.path.name}: {counted(detected.rows)}, {title['en']} ({details}); columns: {columns}{unused}"


def _details(detected: Detected, language: str) -> list[str]:
    values = {key: _NAMED.get(value, {}).get(language, value) for key, value in detected.details.items()}
    if "reader" in values:
        values["reader"] = EXPORTS[values["reader"]].title[language]
    if "dates" in values:
        values["dates"] = _DATES[values["dates"]][language]
    return [_DETAILS[key][language == "zh"].format(visible(value)) for key, value in values.items()]


def _arrow(field: str, column: str) -> str:
    return column if field == column else f"{column} → {field}"
