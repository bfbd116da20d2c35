"""Claude's data export, `conversations.json`: conversations with `chat_messages` of `sender` human or assistant.

A message has `text`, or its parts in `content` (text, thinking, tool_use, tool_result); texts of attached files stand in
`attachments` under `extracted_content`, pictures and other files only by name. Where messages name their parents, the path to
the last one is taken. (Source: Anthropic's help page on exporting data, and the interface of exporters that read the same
messages; there is no official schema.)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import fold_name
from builder.formats.conversations.branches import Transcript, count_other_branches, path_to
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text
from builder.language.messages import worded


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where conversations hold `chat_messages`, else None."""
    folded = {fold_name(column): column for column in columns}
    if not isinstance(rows[0].get(folded.get("chat_messages", "")), list):
        return None
    return {name: folded[name] for name in ("chat_messages", "current_leaf_message_uuid") if name in folded}


def read(row: Row) -> list[SampleParts]:
    """One sample: the messages in order, or on the path to the last one.

    Raises:
        RowError: the messages are no list of objects.
    """
    messages = row.get("chat_messages")
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise RowError(
            worded("'chat_messages' holds {kind_of}, expected a list of messages", kind_of=kind_of(messages))
        )
    transcript = Transcript()
    for message in _shown(messages, optional_text(row, "current_leaf_message_uuid"), transcript):
        if not transcript.cut:
            _add(message, transcript)
    return [transcript.parts()]


def _shown(
    messages: Sequence[Mapping[str, Any]], leaf: str | None, transcript: Transcript
) -> Sequence[Mapping[str, Any]]:
    named = {message["uuid"]: message for message in messages if isinstance(message.get("uuid"), str)}
    if len(named) < len(messages) or not any(message.get("parent_message_uuid") in named for message in messages):
        return messages
    parents = {name: message.get("parent_message_uuid") for name, message in named.items()}
    path = path_to(leaf if leaf in named else next(reversed(named), None), parents)
    transcript.left_out["branches"] = count_other_branches(path, parents)
    return [named[name] for name in path]


def _add(message: Mapping[str, Any], transcript: Transcript) -> None:
    texts = _texts(message, transcript)
    if message.get("sender") == "assistant":
        transcript.answer("\n\n".join(texts))
        return
    for attachment in _objects(message.get("attachments")):
        if isinstance(attachment.get("extracted_content"), str) and attachment["extracted_content"].strip():
            texts.append(attachment["extracted_content"])
        else:
            transcript.cut = True
    known = {attachment.get("file_name") for attachment in _objects(message.get("attachments"))}
    files = [*_objects(message.get("files")), *_objects(message.get("files_v2"))]
    transcript.cut = transcript.cut or any(file.get("file_name") not in known for file in files)
    if not transcript.cut:
        transcript.user("\n\n".join(texts))


def _texts(message: Mapping[str, Any], transcript: Transcript) -> list[str]:
    texts = []
    for part in _objects(message.get("content")):
        match part.get("type"):
            case "text":
                texts.append(str(part.get("text") or ""))
            case "thinking":
                transcript.think(str(part.get("thinking") or ""))
            case "tool_use" | "tool_result":
                transcript.tool(str(part.get("name") or "tool"))
            case kind:
                transcript.kinds[str(kind)] = None
    texts = [text for text in texts if text.strip()]
    plain = message.get("text")
    return texts or ([plain] if isinstance(plain, str) and plain.strip() else [])


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


CLAUDE = RowFormat(
    name="claude",
    title={"en": "Claude's export", "zh": "Claude 导出的对话"},
    expects="",
    required=("chat_messages",),
    detect=detect,
    read=read,
)
