"""Which row format a file has, and which of its columns is which field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import InputFileError, UsageError, nearest
from builder.formats import FORMATS
from builder.formats.columns import MAPPABLE, check_mapping, find_columns, fold_name
from builder.formats.published import PUBLISHED
from builder.formats.reading import RowFile, open_rows
from builder.formats.row_format import Row, RowFormat
from builder.text import visible

_OF_THE_ROW = ("category", "language", "task_id", "label")
_DETAILS: Mapping[str, Mapping[str, str]] = {
    "en": {"encoding": "{}", "delimiter": "delimiter {}", "sheet": "sheet '{}'", "other_sheets": "not read: {}"},
    "zh": {"encoding": "{}", "delimiter": "分隔符 {}", "sheet": "工作表“{}”", "other_sheets": "未读取：{}"},
}
_TAB = {"en": "tab", "zh": "制表符"}


@dataclass(frozen=True, slots=True)
class Detected:
    """How a file is read.

    Attributes:
        container: JSON, JSON Lines, Parquet, CSV or XLSX.
        format: a name in `FORMATS`.
        mapping: our field → the file's column.
        unused: the file's other columns.
        rows: how many rows the file holds.
        details: how it was read where there was a choice: `encoding`, `delimiter`, `sheet`, `other_sheets` (not read).
    """

    path: Path
    container: str
    format: str
    mapping: Mapping[str, str]
    unused: tuple[str, ...]
    rows: int
    details: Mapping[str, str]


def detect(path: Path, mapping: Mapping[str, str] | None = None) -> Detected:
    """Read a file and say which format it has.

    Args:
        mapping: our field → the file's column, for columns whose names say something else.

    Raises:
        InputFileError: the file cannot be read, or no format fits its columns.
        UsageError: the mapping names an unknown field.
    """
    return detect_rows(open_rows(path), mapping)


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
    found = {field: columns[name] for field, name in (extra | fields).items()}
    return Detected(
        path=file.path,
        container=file.container,
        format=row_format.name,
        mapping={field: found[field] for field in (*fields, *(name for name in extra if name not in fields))},
        unused=tuple(column for column in file.columns if column not in found.values()),
        rows=file.count,
        details=file.details,
    )


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
                f"--map {field}={visible(column)}: no column '{visible(column)}'{nearest(column, file.columns)}",
                remedy=f"Its columns are {visible(', '.join(file.columns))}.",
            )
    renamed = {column: "task_id" if field == "id" else field for field, column in mapping.items()}
    if len(renamed) < len(mapping):
        raise UsageError(f"--map names one column twice: {', '.join(f'{f}={c}' for f, c in mapping.items())}")
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
    expected = "; ".join(row_format.expects for row_format in FORMATS.values() if row_format is not PUBLISHED)
    raise InputFileError(
        file.path,
        f"found columns {visible(', '.join(file.columns)) or '(none)'}; expected one of: {expected}",
        remedy=f"Name them with --map instruction=a,output=b (fields: {', '.join(MAPPABLE)}).",
    )


def describe(detected: Detected, language: str) -> str:
    """One line for people, in English or Chinese (`zh`)."""
    title = FORMATS[detected.format].title
    if language == "zh":
        columns = "、".join(_arrow(field, column) for field, column in detected.mapping.items())
        details = "，".join((detected.container, *_details(detected, "zh")))
        unused = f"；未使用的列：{visible('、'.join(detected.unused))}" if detected.unused else ""
        return f"{detected.path.name}：{detected.rows:,} 行，{title['zh']}（{details}）；列：{columns}{unused}"
    columns = ", ".join(_arrow(field, column) for field, column in detected.mapping.items())
    details = ", ".join((detected.container, *_details(detected, "en")))
    unused = f"; columns not used: {visible(', '.join(detected.unused))}" if detected.unused else ""
    rows = f"{detected.rows:,} row{'s' if detected.rows != 1 else ''}"
    return f"{detected.path.name}: {rows}, {title['en']} ({details}); columns: {columns}{unused}"


def _details(detected: Detected, language: str) -> list[str]:
    values = {key: _TAB[language] if value == "\t" else value for key, value in detected.details.items()}
    return [_DETAILS[language][key].format(value) for key, value in values.items()]


def _arrow(field: str, column: str) -> str:
    return column if field == column else f"{column} → {field}"
