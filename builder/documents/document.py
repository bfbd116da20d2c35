"""What is read from a file: its name, and its text page by page, with the caps that every reader keeps."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.errors import InputFileError, UsageError
from builder.language.messages import worded

# Far above any book (War and Peace is 3.2 million characters), far below what fills the memory.
MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 128 * 2**20
# Elements and attributes: 500 pages with many changes of style have about 300,000.
MAX_NODES = 1_000_000
MAX_CHARACTERS = 20_000_000
MAX_PAGES = 5_000


@dataclass(frozen=True, slots=True)
class Page:
    """The text of one page, or of the whole file where it has no pages.

    Attributes:
        number: from 1; None where the format has no pages.
        text: as extracted; character spans refer to it.
    """

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One file's text.

    Attributes:
        name: the file's name, or its path from the folder that was given, that folder's name first: never a path of
            this machine.
    """

    name: str
    pages: tuple[Page, ...]


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        InputFileError: it is larger than `MAX_FILE_BYTES` or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputFileError(path, worded("cannot be read ({strerror})", strerror=error.strerror)) from error
    if len(data) > MAX_FILE_BYTES:
        raise InputFileError(
            path,
            worded("larger than {max_file_bytes} MiB", max_file_bytes=MAX_FILE_BYTES // 2**20),
            remedy=worded("Split the file."),
        )
    return data


def check_length(path: Path, characters: int) -> None:
    """Refuse a text longer than `MAX_CHARACTERS`."""
    if characters > MAX_CHARACTERS:
        raise InputFileError(
            path,
            worded("holds more than {max_characters:,} characters of text", max_characters=MAX_CHARACTERS),
            remedy=worded("Split the file."),
        )


@contextlib.contextmanager
def parsing(path: Path, what: str) -> Iterator[None]:
    """Name the file in whatever a library stumbles over in a damaged one, and the extra where the library is missing."""
    try:
        yield
    except (UsageError, MemoryError):
        raise
    except ImportError as error:
        raise UsageError(
            worded(
                "{path}: reading {what} needs {name}, which is not installed", path=path, what=what, name=error.name
            ),
            worded('Install the extra: pip install "seedbed[documents]"'),
        ) from error
    except Exception as error:
        raise InputFileError(
            path,
            worded(
                "cannot be read as {what} ({name}: {error})",
                what=what,
                name=type(error).__name__,
                error=str(error)[:120],
            ),
            remedy=worded("Save it again."),
        ) from error
