"""Files as bytes and as text, unpacked on the way where they are gzip or Zstandard: by their first bytes, whatever their names.

    rows.jsonl.gz   chats.csv.zst   and a rows.jsonl that is packed all the same

Nothing is held whole and nothing is written: each of three readings unpacks anew, which costs gzip 23 % and Zstandard 8 % of the time in
which 52,000 rows of Alpaca are read (0.7 s and 0.25 s of 3 s); a copy on disk would cost half of that, and several times the file's size.
"""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, TextIO

from builder.errors import InputFileError
from builder.language.messages import worded

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".gz", ".zst")

# Rows of text shrink to a fifth or a tenth, those that share a long system text and tools to a hundredth or two; a bomb to a
# thousandth and less.
MAX_RATIO = 500
# What may be unpacked whatever its ratio is: read row by row, it takes a minute at most.
FREE_BYTES = 256 * 2**20
# A day of reading: what is larger comes in several files.
MAX_BYTES = 2**40

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SKIPPED = b"\x2a\x4d\x18"  # a frame of Zstandard that holds no data, behind a byte from 0x50 to 0x5f


def unpacked_name(path: Path) -> Path:
    """The path without the suffix of what it is packed with."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def packing(path: Path) -> str:
    """`gzip`, `Zstandard`, or an empty text for a file that is neither."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_GZIP):
        return "gzip"
    skipped = start[1:] == _SKIPPED and 0x50 <= start[0] <= 0x5F
    return "Zstandard" if start == _ZSTD or skipped else ""


def open_bytes(path: Path) -> BinaryIO:
    """A file's bytes, unpacked; reading raises `InputFileError` where they are damaged, cut short or far more than text gives."""
    kind = packing(path)
    return io.BufferedReader(_Unpacked(path, kind), 2**18) if kind else path.open("rb")


def open_text(path: Path, codec: str, newline: str | None = None) -> TextIO:
    """`open_bytes` as text."""
    return io.TextIOWrapper(open_bytes(path), codec, newline=newline)


class _Unpacked(io.RawIOBase):
    """What is in a packed file, as far as it is believable."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self._packed: IO[bytes] = path.open("rb")
        self._stream = gzip.GzipFile(fileobj=self._packed) if kind == "gzip" else _zstandard(self._packed)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(room))
        except EOFError:
            raise self._damaged(worded("cut short: it ends in the middle of what was packed")) from None
        except (OSError, zlib.error) as error:
            if getattr(error, "errno", None):
                raise
            short = "Truncated" in str(error)
            what = (
                worded("cut short: it ends in the middle of what was packed")
                if short
                else worded("damaged {kind} ({error})", kind=self._kind, error=error)
            )
            raise self._damaged(what) from None
        room[: len(data)] = data
        self._count += len(data)
        if self._count > FREE_BYTES and self._count > min(MAX_BYTES, MAX_RATIO * self._packed.tell()):
            raise InputFileError(
                self._path,
                worded(
                    "unpacks to more than {count:,.0f} MiB, {count_2:,.0f} times what is packed",
                    count=self._count / 2**20,
                    count_2=self._count / self._packed.tell(),
                ),
                remedy=worded("No text repeats itself so often; if it is meant, unpack it first."),
            )
        return len(data)

    def _damaged(self, problem: str) -> InputFileError:
        return InputFileError(self._path, problem, remedy=worded("Fetch or pack it again."))

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._packed.close()
        super().close()


def _zstandard(packed: IO[bytes]) -> IO[bytes]:
    import pyarrow as pa  # a fifth of a second to load

    return pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")  # type: ignore[no-any-return]
