"""Everything that can go wrong and that a user can mend: one class for each exit code.

A `SeedbedError` is printed as one message with its remedy and no traceback; any other exception is a bug and keeps its
traceback (exit code 1).
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from builder.language.messages import Message, listed, worded


class SeedbedError(Exception):
    """A failure with a cause and a way out.

    Args:
        message: what was wrong, naming the file, key or row, and what was expected.
        remedy: what the user can do about it; may be empty where the message says it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(SeedbedError):
    """Settings, arguments or input that cannot be used as they are."""


class InputFileError(UsageError):
    """A file that a user gave cannot be read as what it should be.

    Args:
        path: the file.
        problem: what was found and what was expected.
        row: 1-based line or record number, where the problem has a place.
    """

    def __init__(
        self,
        path: Path | str,
        problem: str,
        *,
        row: int | None = None,
        remedy: str = "",
    ) -> None:
        if row is None:
            message = worded("{path}: {problem}", path=path, problem=problem)
        else:
            message = worded("{path}, row {row}: {problem}", path=path, row=row, problem=problem)
        super().__init__(message, remedy)
        self.path = path
        self.row = row


class FolderInUseError(UsageError):
    """Another process holds the dataset folder's lock."""


class WorkerLostError(UsageError):
    """A worker process or node ended in the middle of its work; everything on disk is valid."""


class TargetNotReachedError(SeedbedError):
    """The run ended before the target; everything on disk is valid."""

    exit_code = 3


class BudgetReachedError(SeedbedError):
    """The next request could exceed the cap; everything on disk is valid."""

    exit_code = 4


class EndpointError(SeedbedError):
    """The endpoint or its credentials do not work, after the retries that make sense."""

    exit_code = 5


class IntegrityError(SeedbedError):
    """A file is not what the manifest or its own checksums say."""

    exit_code = 6


class DiskError(SeedbedError):
    """The disk is full or refuses to write."""

    exit_code = 7


def nearest(word: str, valid: Iterable[str]) -> Message:
    """Return ", did you mean 'x'?" for the closest valid word, or an empty message when none is close."""
    match = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.6)
    return worded(", did you mean '{match}'?", match=match[0]) if match else listed([])
