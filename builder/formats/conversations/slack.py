"""Slack's export of a channel: a JSON list of messages with `type`, `user`, `text` and `ts`; a thread is a conversation.

(Source: Slack's help page on reading its export files, and its reference of message events and of text formatting.)
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.utterance import Utterance
from builder.formats.reading import RowFile

_NEEDED = {"type", "user", "text", "ts"}
# Of messages that somebody wrote; others tell what happened in the channel.
_SAID = ("bot_message", "thread_broadcast", "me_message", "file_share")
_LINK = re.compile(r"<([^<>|\n]+)(?:\|([^<>\n]+))?>")
_ESCAPED = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def open_messages(file: RowFile) -> Chat | None:
    """The rows where they are Slack's messages, else None."""
    if not file.columns.keys() >= _NEEDED or file.container not in ("JSON", "JSON Lines"):
        return None
    return Chat(partial(_utterances, file), file.container, file.details)


def _utterances(file: RowFile) -> Iterator[Utterance]:
    for row in file.rows():
        values = row.values
        said = values.get("type") == "message" and values.get("subtype") in (None, *_SAID)
        text = _plain(values["text"]) if isinstance(values.get("text"), str) else ""
        if said and values.get("files"):
            text = "[文件]"
        thread = values.get("thread_ts")
        yield Utterance(
            row.number, str(thread) if thread else None, _speaker(values) if said else "", text, _time(values.get("ts"))
        )


def _speaker(values: Mapping[str, Any]) -> str:
    profile = values.get("user_profile")
    names = [profile.get(key) for key in ("display_name", "real_name", "name")] if isinstance(profile, Mapping) else []
    found = next((name for name in (*names, values.get("username"), values.get("user")) if name), "")
    return str(found)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(value), UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _plain(text: str) -> str:
    """Text without Slack's marks: links as their words, people as @name, its three escapes as what they stand for."""
    if "<" in text:
        text = _LINK.sub(lambda match: _linked(match[1], match[2]), text)
    for escaped, character in _ESCAPED.items():
        text = text.replace(escaped, character)
    return text


def _linked(target: str, words: str | None) -> str:
    if target.startswith(("@", "#", "!")):
        return target[0].replace("!", "@") + (words or target[1:])
    return words or target.removeprefix("mailto:")


SLACK = ChatExport(
    name="slack",
    title={"en": "Slack's export of a channel", "zh": "Slack 频道导出的消息"},
    open_rows=open_messages,
)
