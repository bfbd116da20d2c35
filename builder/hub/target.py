"""Where files go at the hub, and under which names."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from builder.errors import UsageError
from builder.language.messages import worded

_HUB = "https://huggingface.co"
# As the hub has them: letters, digits, -, _ and ., at most 96 of them, no two - or . beside each other.
_NAME = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(f"{_NAME}/{_NAME}", re.ASCII)
_REVISION = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9_][\w./-]{0,199}(?<![./])", re.ASCII)


@dataclass(frozen=True, slots=True)
class File:
    """A file to be sent.

    Attributes:
        path: in the repository.
        content: the bytes, or where they are.
        bytes: how many they are.
        sha256: of them.
    """

    path: str
    content: Path | bytes
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, and with what words.

    Attributes:
        repository: `user/name`.
        hub: the hub's address.
        private: of a repository that is made; True or False refuses one that is there and is not so.
        overwrite: rows and a card that `push` did not put there are replaced too.
    """

    repository: str
    hub: str
    revision: str = "main"
    private: bool | None = None
    message: str = "Rows"
    overwrite: bool = False

    @property
    def address(self) -> str:
        """The page of the dataset."""
        return f"{self.hub}/datasets/{self.repository}"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of it.

    Attributes:
        made: the repository is new.
        commit: the last one of the branch now.
        sent: paths that the commit brought; empty where everything was there already, and then no commit was made.
        there: paths that were there as they are.
        removed: files of earlier rows that are no more.
        remarks: what the hub said about the card.
    """

    made: bool
    private: bool
    commit: str
    sent: tuple[str, ...]
    there: tuple[str, ...]
    removed: tuple[str, ...]
    remarks: tuple[str, ...]


def address_of_hub() -> str:
    """$HF_ENDPOINT, or the Hugging Face hub.

    Raises:
        UsageError: it is no address, or carries a user name, password or query.
    """
    address = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or _HUB
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, a bracket that is not closed
        is_one = False
    if not is_one or any(mark in address for mark in "?#@"):
        raise UsageError(
            worded("HF_ENDPOINT: expected an http:// or https:// address without a user name, password or query")
        )
    return address


def check_target(target: Target) -> None:
    """Refuse names that no repository and no branch can have.

    Raises:
        UsageError: names what was expected.
    """
    if not _REPOSITORY.fullmatch(target.repository):
        raise UsageError(
            worded(
                "{repository}: expected a repository as user/name, in letters, digits, '-', '_' and '.'",
                repository=target.repository,
            )
        )
    if not _REVISION.fullmatch(target.revision):
        raise UsageError(
            worded("--revision {revision}: expected the name of a branch, such as main", revision=target.revision)
        )
    if not target.message.strip():
        raise UsageError(worded("--message: a commit has one line at least"))
