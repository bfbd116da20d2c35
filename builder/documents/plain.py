"""Plain text and Markdown, and how the bytes of a text become characters."""

import codecs
import re
from pathlib import Path

from builder.documents.document import Page, check_length, read_bytes
from builder.errors import InputFileError
from builder.foreign.charsets import looks_like_gb
from builder.language.messages import worded

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What a text never holds: control characters other than tab, line and page breaks.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f]")


def read_plain(path: Path) -> tuple[Page, ...]:
    """The text as it stands, with line ends as `\\n`.

    Raises:
        InputFileError: the file is no text, or in an encoding that cannot be told.
    """
    text = decode(path, read_bytes(path)).replace("\r\n", "\n").replace("\r", "\n")
    check_length(path, len(text))
    return (Page(None, text),)


def decode(path: Path, data: bytes, declared: str | None = None) -> str:
    """Characters from bytes: by byte-order mark, else UTF-8, else what the file declares, else GB18030 (and so GBK).

    UTF-8 comes before the declaration: text in another encoding hardly ever is valid UTF-8, while declarations are often
    left over from a template.

    Raises:
        InputFileError: none of them fits.
    """
    mark = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), None)
    guessed = "gb18030" if looks_like_gb(data) else None
    for encoding in (mark,) if mark else ("utf-8", declared, guessed):
        text = _try(data, encoding)
        if text is not None and not _CONTROL.search(text):
            return text
    raise InputFileError(
        path,
        worded("not a text in UTF-8, UTF-16 with a byte-order mark, or GB18030"),
        remedy=worded("Save it as UTF-8."),
    )


def _try(data: bytes, encoding: str | None) -> str | None:
    if encoding is None:
        return None
    try:
        # Codecs such as `hex` are no text encodings and raise LookupError.
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
