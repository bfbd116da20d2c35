"""Plain text, a line at a time: in any encoding that is read, of any size, packed or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from builder.foreign.charsets import UTF_8, Charset, find_charset
from builder.foreign.unpacking import open_text as unpacked_text
from builder.foreign.unpacking import unpacked_name
from builder.formats import rows as limits
from builder.formats.rows import row_too_long

TEXT_SUFFIXES = (".txt", ".md")
# Lines that are looked at to tell what a file is.
HEAD = 2_000

# Who speaks in a log.
LOG_LEVELS = frozenset(("debug", "info", "warn", "warning", "error", "critical", "trace", "fatal", "notice"))


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file that can be read again and again."""

    path: Path
    charset: Charset

    @property
    def details(self) -> dict[str, str]:
        """The encoding, where it is not the usual one."""
        return {} if self.charset == UTF_8 else {"encoding": self.charset.name}

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each line with its number from 1, without its end.

        Raises:
            InputFileError: a line is longer than a row may be.
        """
        with unpacked_text(self.path, self.charset.codec) as file:
            for number, line in enumerate(iter(lambda: file.readline(limits.MAX_ROW_BYTES + 1), ""), 1):
                if len(line) > limits.MAX_ROW_BYTES:
                    raise row_too_long(self.path, number)
                yield number, line.rstrip("\n").replace("\0", "")

    def head(self) -> list[str]:
        """The first lines."""
        return [line for _, line in islice(self.lines(), HEAD)]


def open_text(path: Path) -> TextFile | None:
    """A file whose name says that it is text, or None.

    Raises:
        InputFileError: it is in no encoding that is read.
    """
    if unpacked_name(path).suffix.lower() not in TEXT_SUFFIXES or not path.is_file() or path.stat().st_size == 0:
        return None
    return TextFile(path, find_charset(path))
