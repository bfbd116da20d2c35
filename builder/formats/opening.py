"""A user's file as rows, whatever it is: a file of rows, or conversations as people have them, gathered to rows.

What today's formats read is theirs. A reader of conversations is tried where none of them fits, and taken where it is sure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from builder.errors import InputFileError
from builder.foreign.unpacking import unpacked_name
from builder.formats.columns import find_column, find_columns
from builder.formats.conversations.cells import LOOKED_AT, find_labels
from builder.formats.conversations.chat import conversations_of
from builder.formats.conversations.exports import find_chat, find_chat_rows
from builder.formats.conversations.message_rows import MessageTrees, is_message_rows
from builder.formats.conversations.splitting import Splitter
from builder.formats.conversations.text_lines import TEXT_SUFFIXES
from builder.formats.detection import Detected, detect_rows
from builder.formats.dialogue import Cell
from builder.formats.mapping import with_members
from builder.formats.reading import SUFFIXES, CheckedRow, RowFile, open_rows
from builder.formats.rows import RowErrors
from builder.language.messages import worded


def open_file(
    path: Path, mapping: Mapping[str, str] | None = None, *, skip_broken: bool = False
) -> tuple[RowFile, Detected]:
    """Read a file once, to learn what it holds and how its rows are to be read.

    Args:
        mapping: our field → the file's column; with one, nothing is gathered.
        skip_broken: leave out rows that cannot be read, and count them.

    Raises:
        InputFileError: the file cannot be read, no format fits its columns, or it is a chat of which it is not sure who answers.
        UsageError: the mapping names an unknown field.
    """
    if not mapping and (found := find_chat(path)) is not None:
        gathered = conversations_of(path, *found)
        return gathered, detect_rows(gathered)
    if unpacked_name(path).suffix.lower() in TEXT_SUFFIXES and path.is_file():
        if not path.stat().st_size:
            raise InputFileError(path, worded("the file is empty"))
        raise no_chat(path)
    return read_as(open_rows(path, skip_broken=skip_broken), mapping, skip_broken=skip_broken)


def no_chat(path: Path) -> InputFileError:
    """The error of a text that no reader of chats takes."""
    return InputFileError(
        path,
        worded(
            "a text that is no chat as far as one can see; expected WhatsApp's, WeChat's or QQ's export, or "
            "lines such as `User: …` and `Assistant: …`"
        ),
        remedy=worded(
            "Text without speakers grows tasks: `growth.documents`. Tables are {suffixes}.",
            suffixes=", ".join(SUFFIXES),
        ),
    )


def read_as(
    file: RowFile, mapping: Mapping[str, str] | None = None, *, skip_broken: bool = False
) -> tuple[RowFile, Detected]:
    """`open_file` for rows that were opened before."""
    if mapping:
        file = with_members(file, mapping)
        return file, detect_rows(file, mapping)
    if (pairs := _pairs_of_dialogues(file)) is not None:
        return pairs, detect_rows(pairs)
    try:
        return file, detect_rows(file)
    except InputFileError:
        other = _gathered(file, skip_broken)
        if other is None:
            raise
        return other, detect_rows(other)


def _gathered(file: RowFile, skip_broken: bool) -> RowFile | None:
    """The rows as conversations, where they are parts of such or hold them in a cell; else None."""
    if is_message_rows(tuple(file.columns)):
        trees = MessageTrees(file, file.broken if skip_broken else RowErrors(file.path))
        count = len(trees)
        columns = {"message_tree_id": "", "tree_state": "", "prompt": {}}
        filled = dict.fromkeys(columns, count)
        left_out = {"in_circles": trees.in_circles}
        return replace(file, columns=columns, filled=filled, count=count, _rows=trees.rows, left_out=left_out)
    if (found := find_chat_rows(file)) is not None:
        return conversations_of(file.path, *found)
    return _dialogues(file)


def _pairs_of_dialogues(file: RowFile) -> RowFile | None:
    """Rows whose `chosen` and `rejected` are whole dialogues as texts, as HH-RLHF has them."""
    columns = tuple(file.columns)
    both = find_columns(columns, "chosen", "rejected")
    if len(both) < 2 or not all(isinstance(file.columns[column], str) for column in both.values()):
        return None
    if find_column(columns, "prompt", "instruction", "question") is not None:
        return None
    return _dialogues(file, *both.values())


def _dialogues(file: RowFile, *among: str) -> RowFile | None:
    looked_at = (row.values for row in islice(file.rows(), LOOKED_AT))
    labels = find_labels(looked_at, among or None)
    if labels is None:
        return None
    split, cells = Splitter(labels), among or (labels.column,)

    def rows() -> Iterator[CheckedRow]:
        for row in file.rows():
            texts = {c: row.values[c] for c in cells if isinstance(row.values.get(c), str) and row.values[c].strip()}
            values = {**row.values, **dict.fromkeys(cells), **{c: Cell(text, split) for c, text in texts.items()}}
            yield row._replace(values=values)

    columns = {**file.columns, **dict.fromkeys(cells, Cell("", split))}
    return replace(file, columns=columns, details={**file.details, "speakers": labels.shown}, _rows=rows)
