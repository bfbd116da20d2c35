"""Addresses on the command line: what a command is given as a folder may be at an address, and is a working copy to it."""

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import IntegrityError, SeedbedError, UsageError
from builder.language.chinese import spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.progress import Reporter
    from builder.store.addresses import Address
    from builder.store.working_copy import Use


@dataclass(frozen=True, slots=True)
class FolderAt:
    """A dataset folder at an address, and what for."""

    address: "Address"
    use: "Use"


def folder_for(use: "Use") -> Callable[[str], Path | FolderAt]:
    """What reads an argument that is a dataset folder or its address."""

    def read(text: str) -> Path | FolderAt:
        place = path_or_address(text)
        return place if isinstance(place, Path) else FolderAt(place, use)

    return read


def path_or_address(text: str) -> "Path | Address":
    """What reads an argument that is a path or an address."""
    if "://" not in text:
        return Path(text)
    from builder.store.addresses import Address, is_address

    return Address.parse(text) if is_address(text) else Path(text)


def with_working_copies(command: Callable[..., None]) -> Callable[..., None]:
    """A command to which a folder at an address is a path: its working copy, sent back where the command changes it.

    Raises:
        UsageError: an address stands where only a path can.
    """

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for value in given.values():
            for one in value if isinstance(value, list) else [value]:
                _refuse_address(one)
        asked = {name: value for name, value in given.items() if isinstance(value, FolderAt)}
        with contextlib.ExitStack() as stack:
            if asked:
                from builder.progress import Reporter

                reporter = Reporter(quiet=given.get("quiet", False), language=spoken())
                for name, one in asked.items():
                    given[name] = stack.enter_context(dataset_at(one.address, reporter, use=one.use))
            for value in given.values():
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, Path):
                        stack.enter_context(_damage_told(one))
            command(**given)

    return called


@contextlib.contextmanager
def dataset_at(place: "Path | Address", reporter: "Reporter", *, use: "Use") -> Iterator[Path]:
    """The dataset folder at a path or an address while the block runs; see `working_copy`."""
    if isinstance(place, Path):
        yield place
        return
    from builder.store.working_copy import working_copy

    with working_copy(place, reporter, use=use) as root, _damage_told(root):
        yield root


@contextlib.contextmanager
def _damage_told(place: Path) -> Iterator[None]:
    """Say of an error that nobody foresaw, and that a damaged dataset folder explains, that it is damaged; others are bugs."""
    try:
        yield
    except (SeedbedError, BrokenPipeError):
        raise
    except Exception as error:
        if os.path.isfile(place / "seedbed.yaml"):  # noqa: PTH113 - the path itself may be what was wrong
            from builder.pipeline.damage import find_damage

            if (found := find_damage(place)) is not None:
                raise IntegrityError(
                    f"{shown(place)}/{found.path}: {found.problem}",
                    worded(
                        "Restore it from a copy; `seedbed verify {place}` shows what else changed.", place=shown(place)
                    ),
                ) from error
        raise


def is_dataset(place: "Path | Address") -> bool:
    """Whether it is to be read as a dataset folder and not as a file of rows."""
    from builder.foreign.unpacking import unpacked_name
    from builder.formats.inputs import is_dataset_of_the_hub, is_folder_of_tables
    from builder.formats.reading import SUFFIXES
    from builder.store.object_store import Store

    if isinstance(place, Path):
        return place.is_dir() and not is_folder_of_tables(place)
    if is_dataset_of_the_hub(place.whole):
        return False
    return unpacked_name(Path(place.name)).suffix.lower() not in SUFFIXES and not Store(place).exists()


def shown(folder: Path) -> str:
    """A dataset folder as the user named it: the address where it is a working copy."""
    from builder.store.working_copy import address_of

    return address_of(folder) or str(folder)


# typer makes one slash of two where it reads a path.
_COLLAPSED = re.compile(r"[a-z][a-z0-9+.\-]+:/", re.IGNORECASE)


def _refuse_address(value: Any) -> None:
    if isinstance(value, Path) and _COLLAPSED.match(str(value)):
        from builder.store.addresses import masked

        raise UsageError(
            worded(
                "{value}: an address where this command needs a path", value=masked(str(value).replace(":/", "://", 1))
            ),
            worded(
                "What is grown or paid for must be on this machine's disk first: name a folder, and copy it to "
                "the address with the store's own tool, such as `aws s3 sync`; show, why, curate, train and "
                "others read it there."
            ),
        )
