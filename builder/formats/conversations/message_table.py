"""A table with one message a row, whose columns say surely who says what: for `curate`, which asks nobody.

Without a sheet to be chosen and a header to be found; where these have to be, `convert` finds them.
"""

from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.layout import find_layout
from builder.formats.conversations.roles import side_by_name
from builder.formats.conversations.tables import Reader, preview_of
from builder.formats.conversations.threads import GAP
from builder.formats.reading import RowFile


def _open_rows(file: RowFile) -> Chat | None:
    if any(isinstance(value, list | dict) for value in file.columns.values()):
        return None
    rows = preview_of(file)
    layout = find_layout(tuple(file.columns), rows, {})
    if layout is None or layout.kind != "messages" or not layout.sure or layout.perhaps:
        return None
    columns = layout.columns
    # without one of these it may be any texts of any authors
    if not {"conversation", "partner", "receiver", "direction"} & columns.keys():
        speakers = {row.get(columns["speaker"], "") for row in rows}
        if not ({"time", "date"} & columns.keys() and any(map(side_by_name, speakers))):
            return None
    reader = Reader(file, layout, rows)
    return Chat(reader.utterances, file.container, gap=GAP if reader.divides else None)


MESSAGE_TABLE = ChatExport(
    name="message_table",
    title={"en": "one message a row", "zh": "一行一条消息"},
    open_rows=_open_rows,
)
