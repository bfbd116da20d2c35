"""A turn's content as a list of parts, in the dialects of OpenAI, Anthropic, Hugging Face and Qwen, to texts and pictures.

{"type": "image_url", "image_url": {"url": "https://…/cat.png"}}   {"type": "image", "path": "cat.png"}   {"image": "cat.png"}
{"type": "image"}   one of the row's pictures, which `builder.formats.pictures` puts there
"""

from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.row_format import RowError, RowLeftOutError, kind_of
from builder.language.messages import worded

_TEXTS = ("text", "input_text", "output_text", "refusal")
_PICTURES = ("image", "image_url", "input_image")
_MEDIA = ("video", "audio", "file", "document")  # and in OpenAI's spelling `input_audio`, `video_url`
# Where a part has its picture; Hugging Face fills the members that it does not use with null.
_PLACES = ("image", "image_url", "url", "path", "source", "base64", "data")
# How pictures begin in base64, and how long no name of one is.
_LONGEST_NAME = 1_000
_BEGINNINGS = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}


def is_parts(value: Any) -> bool:
    """Whether a content is a list of parts."""
    return isinstance(value, list) and all(isinstance(part, Mapping | str) for part in value)


def read_parts(parts: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """The texts and pictures of a content.

    Returns:
        `{"type": "text", "text": str}` and pictures as `read_picture` gives them.

    Raises:
        RowLeftOutError: a part is a medium that a sample has no place for.
        RowError: a part is something else.
    """
    return [_read_part(part, f"{where}, part {number}") for number, part in enumerate(parts, 1)]


def _read_part(part: Any, where: str) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type")
    if kind is None:
        kind = "image" if "image" in part or "image_url" in part else "text"
    if kind in _TEXTS:
        text = next((part[key] for key in ("text", "refusal") if part.get(key) is not None), None)
        if not isinstance(text, str | None):
            raise RowError(worded("{where}: its text is {kind_of}, expected text", where=where, kind_of=kind_of(text)))
        return {"type": "text", "text": text or ""}
    if kind in _PICTURES:
        return _of_part(part, where)
    medium = next((name for name in _MEDIA if isinstance(kind, str) and name in kind), None)
    if medium is not None:
        raise RowLeftOutError(
            worded("its content has a part of type {medium}, which a sample has no place for", medium=medium)
        )
    raise RowError(worded("{where}: a part of type {kind!r}, expected text or image", where=where, kind=str(kind)[:40]))


def _of_part(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    if part.get("file_id") is not None:
        raise RowLeftOutError(worded("its picture is a file in somebody's account (file_id)"))
    if part.get("bytes") is not None or part.get("embedded") is True:
        return read_picture(part, where)
    for place in _PLACES:
        if part.get(place) is not None:
            media_type = part.get("media_type") or part.get("mime_type")
            return read_picture({place: part[place], "media_type": media_type}, where)
    index = part.get("index")
    return {"type": "image"} | ({"index": index} if type(index) is int else {})


def read_picture(value: Any, where: str) -> dict[str, Any]:
    """A picture as a text, bytes, or an object that holds one of them under a usual name.

    Returns:
        `{"type": "image", "image": path or address}`, with `embedded` where the file holds the picture itself and the path is
        only its name.

    Raises:
        RowError: it is none of them.
    """
    if isinstance(value, bytes):
        return {"type": "image", "image": "", "embedded": True}
    if isinstance(value, str) and value.strip():
        return {"type": "image", "image": _as_data(value.strip(), None) if _is_base64(value) else value.strip()}
    if isinstance(value, Mapping):
        if isinstance(value.get("bytes"), bytes) or value.get("embedded") is True:
            return {"type": "image", "image": str(value.get("path") or ""), "embedded": True}
        for place in _PLACES:
            inner = value.get(place)
            if inner is None:
                continue
            if place in ("base64", "data") and isinstance(inner, str):
                return {"type": "image", "image": _as_data(inner, value.get("media_type"))}
            return read_picture(inner, where)
    raise RowError(
        worded("{where}: a picture is {kind_of}, expected a path or an address", where=where, kind_of=kind_of(value))
    )


def _is_base64(text: str) -> bool:
    """Whether a text is a picture itself and not its name: no path is so long and begins so."""
    return len(text) > _LONGEST_NAME and text.lstrip().startswith(tuple(_BEGINNINGS))


def _as_data(text: str, media_type: Any) -> str:
    if text.startswith("data:"):
        return text
    guessed = next((kind for beginning, kind in _BEGINNINGS.items() if text.startswith(beginning)), "png")
    named = media_type if isinstance(media_type, str) else f"image/{guessed}"
    return f"data:{named};base64,{text}"
