"""Foreign Parquet and Arrow files, decoded once where it does no harm: in a process that may die of them.

Of the ways to be safe this is the cheapest: the rows need not travel between processes, and what the other process came through,
ours comes through too, since it reads the same bytes in the same way. 52,000 rows of Alpaca cost 0.3 s of CPU: 0.2 s for the
process, once for all files, and 0.1 s for decoding; reading them takes three.
"""

from collections.abc import Sequence
from pathlib import Path

from builder.errors import InputFileError
from builder.foreign.isolation import Apart, Died
from builder.formats.containers import record_batches
from builder.language.messages import worded

# What a reader takes for a file whose columns are small: libraries, buffers, a few pages.
BASE_MEMORY = 256 * 2**20
# Other pools reserve addresses that count against the limit.
_apart = Apart(Path(record_batches.__file__), {"ARROW_DEFAULT_MEMORY_POOL": "system"})
# A slow machine decodes some 50 MB a second.
_SECONDS = 60
_BYTES_A_SECOND = 2**20


def check_decodable(
    path: Path, *, columns: Sequence[str] | None = None, at_once: int | None = None, memory: int = BASE_MEMORY
) -> int:
    """Decode a file in another process, and count its rows.

    Args:
        columns: those that will be read; None is all.
        at_once: how many rows will be read at a time; None reads only what the file says of itself.
        memory: how many bytes that may take.

    Raises:
        InputFileError: it cannot be decoded, ends the process that does it, or takes too much memory or time.
    """
    kind = "Parquet" if record_batches.is_parquet(path) else "Arrow"
    seconds = _SECONDS + path.stat().st_size // _BYTES_A_SECOND
    asked = {"path": str(path.absolute()), "columns": columns, "at_once": at_once}
    answer = _apart.ask(asked, memory=memory, seconds=seconds)
    if answer == Died("memory"):
        raise InputFileError(
            path,
            worded(
                "needs more than {memory:,} MiB of memory to be read, far more than a file of its size holds",
                memory=memory // 2**20,
            ),
            remedy=worded("If it is meant, write it as JSON Lines."),
        )
    if isinstance(answer, Died):
        raise InputFileError(
            path,
            worded("not a readable {kind} file (reading it ends the process that does: {of})", kind=kind, of=answer.of),
            remedy=worded("Write it again, or as JSON Lines."),
        )
    if "unreadable" in answer:
        raise not_readable(path, kind, str(answer["unreadable"]))
    return int(answer["rows"])


def not_readable(path: Path, kind: str, cause: str) -> InputFileError:
    """The error for a file that is damaged, or something else."""
    return InputFileError(path, worded("not a readable {kind} file ({cause})", kind=kind, cause=cause))
