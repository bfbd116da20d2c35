"""Addresses of object stores, such as s3://bucket/tasks.jsonl: what they may say, and how they are shown.

An address that carries credentials is refused where it would be stored, and shown without them everywhere.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from builder.errors import UsageError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.\-]+)://.", re.IGNORECASE)
_WITH_HOSTS = ("http", "https", "ftp", "sftp", "ssh", "smb", "webdav", "hdfs", "webhdfs")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://[^\s'\"<>]+")


def is_address(text: str) -> bool:
    """Whether a text is an address and not a path."""
    return _ADDRESS.match(text) is not None


def masked(text: str) -> str:
    """An address without user, password, query and fragment, where credentials stand."""
    shown = _without_user(text)
    if _query_is_name(text):
        return shown
    return _QUERY.sub(lambda found: f"{found[0][0]}***", shown)


def mask_all(text: str) -> str:
    """A text with every address in it masked."""
    return _IN_TEXT.sub(lambda found: masked(found[0]), text)


def _without_user(text: str) -> str:
    protocol, _, rest = text.partition("://")
    first = rest.partition("/")[0]
    is_port = protocol.lower() in _WITH_HOSTS and first.partition(":")[2].isdecimal()
    # Up to the last @ where there is a password, since secrets hold slashes.
    end = rest.rfind("@") if ":" in first and not is_port else first.rfind("@")
    return text if end < 0 else f"{protocol}://***@{rest[end + 1 :]}"


def _query_is_name(text: str) -> bool:
    """Object names may hold ? and #, and ? is a wildcard: only the web's addresses, and signed ones, have a query."""
    return not text.lower().startswith(("http://", "https://")) and "=" not in text.partition("?")[2]


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """An address. As text it shows no credentials; `whole` is for the file system alone."""

    whole: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises `UsageError` where it names nothing, or a user name or password stands in it."""
        address = cls(text if "?" in text else text.rstrip("/"))
        if not is_address(address.whole):
            raise UsageError(f"{text}: an address names a bucket, such as s3://bucket/tasks.jsonl")
        if _without_user(text) != text:
            raise UsageError(
                f"{address}: must not carry a user name or password",
                "Put them where the store's own tools look for them, such as AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY in the environment.",
            )
        if "::" in text:
            raise UsageError(f"{address}: one address was expected, not a chain of them")
        return address

    def __str__(self) -> str:
        return masked(self.whole)

    __repr__ = __str__

    def __truediv__(self, name: str) -> "Address":
        return Address(f"{self.whole}/{name}")

    @property
    def protocol(self) -> str:
        """Such as `s3`."""
        return self.whole.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part, such as `tasks.jsonl`."""
        return PurePosixPath(str(self).partition("://")[2].removesuffix("?***")).name


def check_storable(text: str) -> str:
    """A path or an address that may be written to a settings file.

    Raises:
        ValueError: it carries credentials.
    """
    if is_address(text) and masked(text) != text:
        raise ValueError(
            "an address must not carry a user name, password or query, since settings are written beside the data; "
            "credentials come from the environment"
        )
    return text
