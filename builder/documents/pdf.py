"""PDF: the text layer, page by page."""

from io import BytesIO
from pathlib import Path

from builder.documents.document import MAX_PAGES, Page, check_length, parsing, read_bytes
from builder.errors import InputFileError


def read_pdf(path: Path) -> tuple[Page, ...]:
    """One `Page` for each page that holds text; pypdf itself caps what a compressed stream may unpack to (75 MB).

    Raises:
        InputFileError: damaged, encrypted, over the caps, or without a text layer.
        UsageError: the extra `documents` is not installed.
    """
    data = read_bytes(path)
    pages: list[Page] = []
    characters = 0
    with parsing(path, "PDF"):
        from pypdf import PdfReader

        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputFileError(path, "protected by a password", remedy="Save a copy without the password.")
        if len(reader.pages) > MAX_PAGES:
            raise InputFileError(path, f"has more than {MAX_PAGES:,} pages", remedy="Split the file.")
        for number, page in enumerate(reader.pages, 1):
            text = page.extract_text().replace("\r\n", "\n").replace("\x00", "")
            characters += len(text)
            check_length(path, characters)
            if text.strip():
                pages.append(Page(number, text))
    if not pages:
        raise InputFileError(
            path, "has no text, only pictures of pages", remedy="Run text recognition (OCR) on it, or leave it out."
        )
    return tuple(pages)
