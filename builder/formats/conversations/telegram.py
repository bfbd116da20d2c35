"""Telegram Desktop's JSON export, `result.json`: of one chat (`messages` at the top), or of an account (`chats.list`).

A message has `type` (message, service), `date`, `from`, `from_id`, and `text`: a text, or a list of texts and marked parts.
In a chat of two the partner's `from_id` is `user` and the chat's `id`; the other one's export it is. Of a file of any size a
message is held. (Source: Telegram's help on exporting chats, and exports that public parsers of it document.)
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from builder.errors import InputFileError
from builder.foreign.charsets import UTF_8, find_charset
from builder.foreign.unpacking import open_bytes, unpacked_name
from builder.formats.containers.json_document import Document, keys_of, places_of
from builder.formats.conversations.chat import Chat, ChatExport
from builder.formats.conversations.utterance import Utterance

_OF_TWO = ("personal_chat", "bot_chat")
_TYPES = (*_OF_TWO, "private_group", "private_supergroup", "public_supergroup", "saved_messages", "replies")
_CHANNELS = ("private_channel", "public_channel")
# Top-level keys; a file with another one is none of Telegram's.
_KEYS = frozenset(
    (
        *("about", "name", "type", "id", "messages", "personal_information", "profile_pictures", "stories", "contacts"),
        *("frequent_contacts", "sessions", "web_sessions", "other_data", "ips", "chats", "left_chats"),
    )
)
_HEAD = 2**16
_MEDIA = {"sticker": "[sticker]", "voice_message": "[voice]", "video_message": "[video]", "video_file": "[video]"}
_MEDIA |= {"animation": "[gif]", "audio_file": "[audio]"}
_OTHER_MEDIA = (("photo", "[photo]"), ("file", "[file]"), ("location_information", "[location]"), ("poll", "[card]"))


class _Message(NamedTuple):
    """A message with its place in the file and the chat that it is in."""

    number: int
    chat: Mapping[str, Any]
    values: Mapping[str, Any]


def open_chat(path: Path) -> Chat | None:
    """The file where it is Telegram's, else None."""
    if unpacked_name(path).suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        with open_bytes(path) as file:
            head = file.read(_HEAD)
        if not any(name in head for name in (b'"messages"', b'"chats"', b'"personal_information"')):
            return None
        charset = find_charset(path)
        if not _is_telegram(path, charset.codec):
            return None
        owner = _owner(path, charset.codec)
    except InputFileError:
        return None  # whoever reads it as rows says what is wrong
    details = {} if charset == UTF_8 else {"encoding": charset.name}
    return Chat(partial(_utterances, path, charset.codec), "JSON", details, owner)


def _is_telegram(path: Path, codec: str) -> bool:
    kind = None
    with open_bytes(path) as file:
        document = Document(path, file, codec)
        if document.peek() != "{":
            return False
        for key in keys_of(document):
            if key not in _KEYS:
                return False
            if key in ("messages", "chats"):
                return document.peek() == ("{" if key == "chats" else "[") and (key == "chats" or kind is not None)
            if key == "type":
                value = document.value(1)
                kind = value if value in (*_TYPES, *_CHANNELS) else None
            else:
                document.step_over()
    return False


def _owner(path: Path, codec: str) -> str | None:
    """Whose export it is: the account's name, or in a chat of two whoever is not the partner."""
    for message in _messages(path, codec):
        of_account = message.chat.get("owner")
        if isinstance(of_account, str):
            return of_account
        name, partner = message.values.get("from"), f"user{message.chat.get('id')}"
        if message.chat.get("type") in _OF_TWO and isinstance(name, str) and message.values.get("from_id") != partner:
            return name
    return None


def _messages(path: Path, codec: str) -> Iterator[_Message]:
    """All messages, with what is known of their chats."""
    number = 0
    account: dict[str, Any] = {}
    with open_bytes(path) as file:
        document = Document(path, file, codec)
        document.peek()
        chat: dict[str, Any] = {}
        for key in keys_of(document):
            if key in ("chats", "left_chats") and document.peek() == "{":
                for inner in keys_of(document):
                    if inner == "list" and document.peek() == "[":
                        for _ in places_of(document):
                            for values in _chat(document, of_one := {**account}):
                                number += 1
                                yield _Message(number, of_one, values)
                    else:
                        document.step_over()
            elif key == "messages" and document.peek() == "[":
                for _ in places_of(document):
                    number += 1
                    yield _Message(number, chat, _object(document.value(number)))
            elif key in ("name", "type", "id"):
                chat[key] = document.value(1)
            elif key == "personal_information":
                account = _account(_object(document.value(1)))
            else:
                document.step_over()


def _chat(document: Document, chat: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The messages of one chat in a list; what is known of it is added to `chat`."""
    if document.peek() != "{":
        document.step_over()
        return
    for key in keys_of(document):
        if key == "messages" and document.peek() == "[":
            for _ in places_of(document):
                yield _object(document.value(1))
        elif key in ("name", "type", "id"):
            chat[key] = document.value(1)
        else:
            document.step_over()


def _account(values: Mapping[str, Any]) -> dict[str, Any]:
    names = (values.get("first_name"), values.get("last_name"))
    name = " ".join(str(name) for name in names if name)
    return {"owner": name} if name else {}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _utterances(path: Path, codec: str) -> Iterator[Utterance]:
    for number, chat, values in _messages(path, codec):
        conversation = f"{chat.get('name') or ''} #{chat.get('id')}".strip()
        time = _time(values.get("date"))
        text = _text(values.get("text"))
        if values.get("type") != "message" or chat.get("type") in _CHANNELS:
            yield Utterance(number, conversation, "", text or str(values.get("action") or "service"), time)
            continue
        speaker = str(values.get("from") or values.get("from_id") or "?")
        media = _media(values)
        if media is not None:
            yield Utterance(number, conversation, speaker, media, time)
        if media is None or text.strip():
            yield Utterance(number, conversation, speaker, text, time)


def _media(values: Mapping[str, Any]) -> str | None:
    """What stands for a picture, a voice message or a file of a message, or None where it has none."""
    found = _MEDIA.get(str(values.get("media_type")))
    return found or next((mark for key, mark in _OTHER_MEDIA if values.get(key)), None)


def _text(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    return "".join(part if isinstance(part, str) else str(_object(part).get("text") or "") for part in parts)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None


TELEGRAM = ChatExport(
    name="telegram",
    title={"en": "Telegram Desktop's export", "zh": "Telegram 桌面版导出的聊天记录"},
    open=open_chat,
)
