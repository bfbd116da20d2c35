"""The exports of chats that Seedbed reads: to add one, add a file and a line here."""

from collections.abc import Mapping
from pathlib import Path

from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.headed_text import HEADED_TEXT
from builder.formats.conversations.message_table import MESSAGE_TABLE
from builder.formats.conversations.slack import SLACK
from builder.formats.conversations.telegram import TELEGRAM
from builder.formats.conversations.transcript import TRANSCRIPT
from builder.formats.conversations.wechat_table import WECHAT_TABLE
from builder.formats.conversations.whatsapp import WHATSAPP
from builder.formats.reading import RowFile

# In the order of detection: what says more about its file comes first.
EXPORTS: Mapping[str, ChatExport] = {
    export.name: export for export in (TELEGRAM, WHATSAPP, HEADED_TEXT, TRANSCRIPT, WECHAT_TABLE, SLACK, MESSAGE_TABLE)
}


def find_chat(path: Path) -> tuple[ChatExport, Chat] | None:
    """The export that a file surely is, or None: for text, and for JSON that holds no rows.

    Raises:
        InputFileError: it is one, and cannot be read.
    """
    for export in EXPORTS.values():
        if export.open is not None and (chat := export.open(path)) is not None:
            return export, chat
    return None


def find_chat_rows(file: RowFile, *, of_programs: bool = False) -> tuple[ChatExport, Chat] | None:
    """The export that a table or a list of objects surely is, or None.

    Args:
        of_programs: whether tables that people made do not count.
    """
    for export in EXPORTS.values():
        if of_programs and export is MESSAGE_TABLE:
            continue
        if export.open_rows is not None and (chat := export.open_rows(file)) is not None:
            return export, chat
    return None
