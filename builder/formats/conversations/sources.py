"""What in a user's files holds conversations: sheets of messages, tables of questions and answers, exports of chats."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from builder.errors import InputFileError, UsageError
from builder.foreign.unpacking import unpacked_name
from builder.formats import FORMATS
from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.exports import find_chat, find_chat_rows
from builder.formats.conversations.grid import Grid, named_sheets, open_grids
from builder.formats.conversations.header import Header, find_header, header_at
from builder.formats.conversations.layout import Layout, find_layout
from builder.formats.conversations.message_rows import is_message_rows
from builder.formats.conversations.source import Choice, Found, Source
from builder.formats.conversations.tables import Reader, count_rows, preview_of, rows_below
from builder.formats.conversations.text_lines import TEXT_SUFFIXES
from builder.formats.importing import open_samples
from builder.formats.opening import no_chat
from builder.formats.reading import RowFile, open_rows
from builder.language.messages import worded
from builder.progress import Reporter
from builder.text import visible

_GRIDS = (".xlsx", ".csv", ".tsv")

_MESSAGES = {"en": "one message a row", "zh": "一行一条消息"}
_DIVIDES = {"conversation", "partner", "time", "date"}
_ROUNDS = {"en": "a question and its answer a row", "zh": "一行一问一答"}


def find_sources(path: Path, sheet: str | None, header_row: int | None, mapping: Mapping[str, str]) -> Found:
    """What holds conversations in a file.

    Args:
        sheet: the names or numbers of its sheets, with commas; None looks for them.
        header_row: where the header is; 0 says that there is none; None looks for it.
        mapping: our field → column.

    Raises:
        InputFileError: the file cannot be read, or there is nothing in it that looks like conversations.
        UsageError: the mapping names what is not there.
    """
    given = sheet is not None or header_row is not None or bool(mapping)
    if not given and (chat := find_chat(path)) is not None:
        return Found([_of_chat(path, *chat)])
    if path.suffix.lower() not in _GRIDS and unpacked_name(path).suffix.lower() not in _GRIDS[1:]:
        return _in_rows(path, mapping, sheet or header_row)
    if not path.is_file():
        open_rows(path)  # says what it is instead: nothing, a folder, a pipe
    grids = open_grids(path)
    if sheet is not None:
        chosen = named_sheets(path, grids, sheet)
    else:
        chosen = [grid for grid in grids if grid.visible] or grids
    found = Found()
    wrong: UsageError | None = None
    for grid in chosen:
        header = find_header(grid) if header_row is None else header_at(grid, header_row)
        if header is None:
            found.passed.append((grid.name, "empty"))
            continue
        try:
            source = _of_grid(path, grid, header, mapping)
        except UsageError as error:  # a column that another sheet may have
            source, wrong = None, wrong or error
        if source is None:
            found.passed.append((grid.name, "none"))
        else:
            found.sources.append(source)
    found.passed += [(grid.name, "hidden" if not grid.visible else "not_named") for grid in grids if grid not in chosen]
    if not found.sources:
        raise wrong or _nothing(path, chosen, header_row)
    if sheet is None:
        _choose_sheets(path, found)
    for source in found.sources:
        found.choices += _choices(source)
    return found


def _in_rows(path: Path, mapping: Mapping[str, str], asked: object) -> Found:
    if asked:
        raise InputFileError(path, worded("--sheet and --header-row are for workbooks and CSV"))
    if unpacked_name(path).suffix.lower() in TEXT_SUFFIXES and path.is_file() and path.stat().st_size:
        raise no_chat(path)
    file = open_rows(path)
    source = _of_rows(file, preview_of(file), mapping)
    if source is None:
        raise InputFileError(
            path,
            worded("no conversations were found in its columns {columns}", columns=visible(", ".join(file.columns))),
            remedy=worded("Name them with --map text=…,speaker=… (or question=…,answer=…)."),
        )
    return Found([source], _choices(source))


def _of_chat(path: Path, export: ChatExport, chat: Chat) -> Source:
    return Source(path, "", export.title, chat=chat)


def _of_grid(path: Path, grid: Grid, header: Header, mapping: Mapping[str, str]) -> Source | None:
    file = rows_below(path, grid, header)
    if not (first := preview_of(file)):
        return None
    above = sum(number <= header.last for number, _ in grid.preview)
    source = _of_rows(file, first, mapping, counted=False)
    return source and replace(source, sheet=grid.name, table=file, header=header, above=above)


def _of_rows(
    file: RowFile, first: Sequence[Mapping[str, str]], mapping: Mapping[str, str], *, counted: bool = True
) -> Source | None:
    """What holds the conversations of rows; None where nothing does.

    Columns of a program, or of trees, say more than who says what; then what is surely messages, then rows that each hold a
    conversation, then what looks like messages and has to be asked about.
    """
    columns = tuple(file.columns)
    if not mapping and (chat := find_chat_rows(file, of_programs=True)) is not None:
        return _of_chat(file.path, *chat)
    if not mapping and is_message_rows(columns) and (source := _of_format(file, counted=counted)) is not None:
        return source
    is_flat = not any(isinstance(value, list | dict) for value in file.columns.values())
    layout = find_layout(columns, first, mapping) if mapping or is_flat else None
    if (
        layout is not None
        and layout.sure
        and (layout.kind == "messages" or mapping or layout.columns.keys() & _DIVIDES)
    ):
        return _of_table(file, first, layout)
    if not mapping and (source := _of_format(file, counted=counted)) is not None:
        return source
    return None if layout is None else _of_table(file, first, layout)


def _of_table(file: RowFile, first: Sequence[Mapping[str, str]], layout: Layout) -> Source:
    title = _MESSAGES if layout.kind == "messages" else _ROUNDS
    reader = Reader(file, layout, first) if layout.sure else None
    return Source(file.path, "", title, table=file, layout=layout, reader=reader)


def _of_format(file: RowFile, *, counted: bool) -> Source | None:
    whole = file if counted else count_rows(file)  # what cannot be read is told as it is
    try:
        samples = open_samples([whole], reporter=Reporter(quiet=True))
    except InputFileError:
        return None
    return Source(file.path, "", FORMATS[samples.detected[0].format].title, samples=samples)


def _nothing(path: Path, grids: Sequence[Grid], header_row: int | None) -> InputFileError:
    lines = []
    for grid in grids[:8]:
        header = find_header(grid) if header_row is None else header_at(grid, header_row)
        names = visible(", ".join(header.names[:12])) if header is not None else "(nothing)"
        lines.append(worded("\n  - columns of {name}: {names}", name=visible(grid.name) or path.name, names=names))
    return InputFileError(
        path,
        worded("no conversations were found:{lines}", lines="".join(lines)),
        remedy=worded(
            "Say where they are with --sheet and --header-row, and what is what with --map text=…,speaker=… "
            "(or question=…,answer=…)."
        ),
    )


def _choose_sheets(path: Path, found: Found) -> None:
    """Of several sheets those of messages are taken where they are laid out alike; else it has to be asked."""
    kinds: dict[tuple[str, ...], list[Source]] = {}
    for source in found.sources:
        if source.layout is not None:
            alike = (source.layout.kind, *sorted(source.layout.columns))
        else:
            alike = (source.title["en"], *sorted(source.detected.mapping if source.detected is not None else ()))
        kinds.setdefault(alike, []).append(source)
    if len(kinds) < 2:
        return
    sure = [group for group in kinds.values() if all(source.layout is None or source.layout.sure for source in group)]
    chats = [group for group in sure if group[0].has_speakers]
    if len(chats) == 1 and not any(group[0].reader or group[0].detected for group in sure if group is not chats[0]):
        keep = chats[0]
    elif len(sure) == 1:
        keep = sure[0]
    else:
        names = [visible(source.sheet) for source in found.sources]
        found.choices.append(
            Choice("--sheet", f"{path}: several of its sheets hold conversations in different ways", names)
        )
        return
    found.passed += [(source.sheet, "none") for source in found.sources if source not in keep]
    found.sources = keep


_ASKED: Mapping[str, str] = {
    "text": worded("which column holds what was said"),
    "speaker": worded("which column says who said it"),
}


def _choices(source: Source) -> list[Choice]:
    missing = source.layout.missing if source.layout is not None else {}
    return [
        Choice(
            f"--map {name}=", f"{source.name}: it is not sure {_ASKED[name]}", [visible(column) for column in columns]
        )
        for name, columns in missing.items()
    ]
