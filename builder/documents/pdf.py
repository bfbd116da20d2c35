"""PDF: the text layer, page by page."""

import contextlib
import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from builder.documents.document import MAX_PAGES, Page, check_length, parsing, read_bytes
from builder.errors import InputFileError
from builder.language.messages import worded

_LEFT_OUT = "Exceeded"  # begins what pypdf says where it reads no further


class _Said(logging.Handler):
    """What pypdf says of a file: a line for each fault that it read past, of which an ordinary file has hundreds."""

    def __init__(self) -> None:
        super().__init__()
        self.left_out: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said.startswith(_LEFT_OUT):
            self.left_out = self.left_out or said


@contextlib.contextmanager
def _listening() -> Iterator[_Said]:
    said, log = _Said(), logging.getLogger("pypdf")
    passed_on, log.propagate = log.propagate, False
    log.addHandler(said)
    try:
        yield said
    finally:
        log.removeHandler(said)
        log.propagate = passed_on


def read_pdf(path: Path) -> tuple[Page, ...]:
    """One `Page` for each page that holds text; pypdf itself caps what a compressed stream may unpack to (75 MB).

    Raises:
        InputFileError: damaged, encrypted, over the caps, or without a text layer.
        UsageError: the extra `documents` is not installed.
    """
    data = read_bytes(path)
    pages: list[Page] = []
    characters = 0
    with parsing(path, "PDF"), _listening() as said:
        from pypdf import PdfReader

        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputFileError(
                path, worded("protected by a password"), remedy=worded("Save a copy without the password.")
            )
        if len(reader.pages) > MAX_PAGES:
            raise InputFileError(
                path, worded("has more than {max_pages:,} pages", max_pages=MAX_PAGES), remedy=worded("Split the file.")
            )
        # In a file that a program wrote each page is an object of its own; one that stands for many costs each time anew.
        places = [page.indirect_reference.idnum for page in reader.pages if page.indirect_reference is not None]
        if (again := len(places) - len(set(places))) > 0:
            raise InputFileError(
                path,
                worded("{again:,} of its pages are pages that it has before", again=again),
                remedy=worded("Save it again."),
            )
        for number, page in enumerate(reader.pages, 1):
            text = page.extract_text().replace("\r\n", "\n").replace("\x00", "")
            characters += len(text)
            check_length(path, characters)
            if said.left_out is not None:
                raise InputFileError(
                    path,
                    worded(
                        "page {number} is too involved to be read ({left_out})", number=number, left_out=said.left_out
                    ),
                    remedy=worded("Save it again."),
                )
            if text.strip():
                pages.append(Page(number, text))
    if not pages:
        raise InputFileError(
            path,
            worded("has no text, only pictures of pages"),
            remedy=worded("Run text recognition (OCR) on it, or leave it out."),
        )
    return tuple(pages)
