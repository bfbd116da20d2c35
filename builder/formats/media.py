"""What a row needs beside its texts and pictures: sound or video, of which a sample has no place for any.

{"messages": [{"role": "user", "content": "<video>他说了什么？"}, …], "videos": ["a.mp4"]}      needs a video
{"messages": [{"role": "user", "content": "What does <audio> mean in HTML?"}, …], "audios": []}  needs none
"""

import re
from collections.abc import Mapping
from typing import Any

from builder.formats.row_format import Row, RowLeftOutError
from builder.language.messages import worded

# The columns that name them, as `columns.NAMES` has them.
MEDIA = ("audios", "videos")
# A text that names a file or an address, or holds the file itself: a column `video` may hold a title as well.
_NAMED = re.compile(r"^(?:https?|s3|gs|oss|file|data):|\.[A-Za-z0-9]{2,5}(?:[?#].*)?$", re.IGNORECASE)


def refuse_media(fields: Row) -> tuple[str, ...]:
    """Refuse a row whose columns name media that its texts are about; returns notes of such columns that say something else.

    Raises:
        RowLeftOutError: naming the medium.
    """
    notes: list[str] = []
    for medium in MEDIA:
        value = fields.get(medium)
        if _is_there(value):
            raise RowLeftOutError(worded("it needs {medium}, which a sample has no place for", medium=medium))
        if value not in (None, "", [], {}):
            notes.append(
                worded("its column of {medium} holds {value!r}, which names none", medium=medium, value=str(value)[:40])
            )
    return tuple(notes)


def _is_there(value: Any) -> bool:
    if isinstance(value, str):
        return _NAMED.search(value.strip()) is not None or value.lstrip().startswith("[{")
    if isinstance(value, list):
        return any(map(_is_there, value))
    if isinstance(value, Mapping):
        return any(isinstance(inner, bytes) or _is_there(inner) for inner in value.values())
    return isinstance(value, bytes)
