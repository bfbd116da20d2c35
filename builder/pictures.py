"""Pictures in a turn: its content part by part, as `Message.parts` has it, and what is read of it.

    [{"type": "image", "image": "/data/cat.png"}, {"type": "text", "text": "\nWhat is it?"}]      content: What is it?

A picture is a path on this machine, an address, or a small one itself (`data:image/png;base64,…`). None is opened here.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder.schema import Message

Part = Mapping[str, Any]

# A drive's letter (C:\cat.png) is no scheme.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:", re.IGNORECASE)
_LONGEST_SHOWN = 120  # characters of a picture that holds itself


def parts_of(turn: Message) -> list[dict[str, Any]]:
    """The parts of a turn; of one without pictures its text alone."""
    if turn.parts is None:
        return [{"type": "text", "text": turn.content}]
    found: list[dict[str, Any]] = json.loads(turn.parts)
    return found


def with_parts(turn: Message, parts: Iterable[Part]) -> Message:
    """The turn with other parts and the content that they make; without a picture among them its texts joined are the content.

    Texts beside each other become one, and empty ones go, so that equal turns have equal parts.
    """
    whole: list[Part] = []
    for part in parts:
        if part["type"] != "text":
            whole.append(part)
        elif whole and whole[-1]["type"] == "text":
            whole[-1] = {"type": "text", "text": whole[-1]["text"] + part["text"]}
        elif part["text"]:
            whole.append(part)
    if all(part["type"] == "text" for part in whole):
        return replace(turn, content="".join(part["text"] for part in whole), parts=None)
    return replace(turn, content=_content(whole), parts=json.dumps(whole, ensure_ascii=False))


def _content(parts: Sequence[Part]) -> str:
    """The texts joined by line breaks; those that stand beside pictures are no part of it."""
    texts = (part["text"].strip("\n") for part in parts if part["type"] == "text")
    return "\n".join(text for text in texts if text)


def with_texts(turn: Message, change: Callable[[str], str]) -> Message:
    """The turn with every text of its content changed, and its pictures as they are."""
    if turn.parts is None:
        return replace(turn, content=change(turn.content))
    changed = ({**part, "text": change(part["text"])} if part["type"] == "text" else part for part in parts_of(turn))
    return with_parts(turn, changed)


def has_pictures(turns: Iterable[Message]) -> bool:
    """Whether some turn holds a picture."""
    return any(turn.parts is not None for turn in turns)


def pictures_in(turns: Iterable[Message]) -> Iterator[str]:
    """The pictures of turns, in their order."""
    for turn in turns:
        if turn.parts is not None:
            yield from (part["image"] for part in parts_of(turn) if part["type"] == "image")


def is_local(picture: str) -> bool:
    """Whether a picture is a path, and neither an address nor a picture itself."""
    return _SCHEME.match(picture) is None


def is_data(picture: str) -> bool:
    """Whether it holds itself."""
    return picture[:5].lower() == "data:"


def is_file(picture: str) -> bool:
    """Whether a path is that of a file here; it is not opened."""
    try:
        return Path(picture).is_file()
    except OSError:  # a name that no file can have, or a folder that may not be looked into
        return False


def shown(content: str, parts: str | None, language: str, *, whole: bool = True) -> str:
    """A turn's content for people, in English or Chinese (`zh`): `[image: /data/cat.png]` where a picture is.

    Args:
        whole: with the path; else the picture's own name.
    """
    if parts is None:
        return content
    frame = "〔图片：{}〕" if language == "zh" else "[image: {}]"
    pieces = [
        part["text"].strip("\n") if part["type"] == "text" else frame.format(shortened(part["image"], whole=whole))
        for part in json.loads(parts)
    ]
    return "\n".join(piece for piece in pieces if piece)


def shortened(picture: str, *, whole: bool = True) -> str:
    """A path or an address as it is, or its last part; of a picture that holds itself the beginning and how long it is."""
    if not is_data(picture):
        return picture if whole else picture.rstrip("/").rpartition("/")[2]
    if len(picture) <= _LONGEST_SHOWN:
        return picture
    return f"{picture[:40]}… ({len(picture):,})"
