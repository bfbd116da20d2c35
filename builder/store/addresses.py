"""Addresses of object stores, such as s3://bucket/tasks.jsonl: what they may say, how they are shown, what fails at one.

An address that carries credentials is refused where it would be stored, and shown without them everywhere.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeGuard

from builder.errors import EndpointError, InputFileError, SeedbedError, UsageError
from builder.language.messages import worded

_ADDRESS = re.compile(r"([a-z][a-z0-9+.\-]+)://.", re.IGNORECASE)
_WITH_HOSTS = ("http", "https", "ftp", "sftp", "ssh", "smb", "webdav", "hdfs", "webhdfs")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://[^\s'\"<>]+")
_REFUSED = re.compile("credential|auth|token|profile|forbidden|accessdenied|refresherror", re.IGNORECASE)
_NO_BUCKET = re.compile("(bucket|container) does not exist|NoSuchBucket|ContainerNotFound", re.IGNORECASE)
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
_SECRET_NAME = re.compile("KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|SAS", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters; a shorter value may be a word


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
            raise UsageError(worded("{text}: an address names a bucket, such as s3://bucket/tasks.jsonl", text=text))
        if _without_user(text) != text:
            raise UsageError(
                worded("{address}: must not carry a user name or password", address=address),
                worded(
                    "Put them where the store's own tools look for them, such as AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY in the environment."
                ),
            )
        if "::" in text:
            raise UsageError(worded("{address}: one address was expected, not a chain of them", address=address))
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
    if "\0" in text:
        raise ValueError(worded("no path and no address holds a null character"))
    if is_address(text) and masked(text) != text:
        raise ValueError(
            worded(
                "an address must not carry a user name, password or query, since settings are written beside the "
                "data; credentials come from the environment"
            )
        )
    return text


class ChangedMeanwhileError(InputFileError):
    """Somebody wrote a file while it was read."""

    def __init__(self, address: Address) -> None:
        super().__init__(
            str(address),
            "it changed while it was read",
            remedy=worded("Run the command again when nothing writes to it."),
        )


@contextlib.contextmanager
def store_errors(address: Address) -> Iterator[None]:
    """One error for whatever a store's package raises; each has its own exceptions, and some repeat signed addresses.

    Raises:
        InputFileError: nothing is at the address; `ChangedMeanwhileError` where it became another file while it was read.
        UsageError: its bucket is not there.
        FileExistsError: something else is there already, or by now.
        EndpointError: anything else.
    """
    try:
        yield
    except (SeedbedError, FileExistsError):
        raise
    except FileNotFoundError as error:
        raise _not_found(error, address) from None
    except Exception as error:
        if type(error).__name__ == "FileExpired":  # s3fs: another object has its name now
            raise ChangedMeanwhileError(address) from None
        if _code(error) in _TAKEN:
            raise FileExistsError(str(address)) from None
        raise _described(error, address) from None


def _not_found(error: FileNotFoundError, address: Address) -> SeedbedError:
    if _is_other_trouble(error.__cause__):
        return _described(error.__cause__, address)
    if _NO_BUCKET.search(f"{error} {_code(error)}"):
        return UsageError(
            worded("{address}: there is no such bucket", address=address),
            worded(
                "Look at the name, and at AWS_ENDPOINT_URL where the store is not Amazon's; a new bucket is made "
                "with the store's own tool, such as `aws s3 mb`."
            ),
        )
    return InputFileError(
        str(address),
        worded("nothing is there"),
        remedy=worded("Look at the name: capitals count, and so does every slash."),
    )


def _is_other_trouble(cause: BaseException | None) -> TypeGuard[Exception]:
    """Whether "not found" stands for a refusal or a lost connection, as in fsspec's files of the web."""
    return isinstance(cause, Exception) and (_is_refusal(cause) or "Connect" in type(cause).__name__)


def _is_refusal(error: Exception) -> bool:
    status = getattr(error, "status", getattr(error, "code", None))
    said_no = _REFUSED.search(f"{type(error).__name__} {_code(error)}")
    return isinstance(error, PermissionError) or bool(said_no) or status in (401, 403)


def _code(error: Exception) -> str:
    """Such as `InvalidToken`: what S3 calls an error, in the response that the error or its cause carries."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _described(error: Exception, address: Address) -> EndpointError:
    said = f"{type(error).__name__}: {_without_secrets(str(error), address)}"
    if _is_refusal(error):
        return EndpointError(
            worded(
                "{address}: the store refuses the credentials, or there are none ({said})", address=address, said=said
            ),
            worded(
                "They come from the environment or the store's own configuration files: for s3:// "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_PROFILE, and AWS_ENDPOINT_URL for other stores "
                "than Amazon's. They must allow to list and read what is there, and to write and delete where a "
                "dataset is sent."
            ),
        )
    return EndpointError(
        worded("{address}: the store does not work ({said})", address=address, said=said),
        worded("Look at the network and, for s3://, at AWS_ENDPOINT_URL; then run the same command again."),
    )


def _without_secrets(text: str, address: Address) -> str:
    line = text.replace(address.whole, str(address)).strip().partition("\n")[0]
    line = mask_all(line)
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            line = line.replace(value, "***")
    return line[:300]
