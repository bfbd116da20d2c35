"""What a user names as rows, as files on this machine: paths, addresses, standard input, datasets in folders and on the hub.

rows.jsonl.gz   s3://bucket/rows.csv   -   exported/#train   tatsu-lab/alpaca   hf://datasets/openai/gsm8k#main/test
"""

import contextlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import getproxies

from builder.errors import EndpointError, InputFileError, UsageError
from builder.foreign.unpacking import unpacked_name
from builder.formats.folders import (
    MAX_TEXT_BYTES,
    Ask,
    Part,
    choose_part,
    find_parts,
    in_no_part,
    list_folder,
    read_from,
)
from builder.formats.reading import SUFFIXES
from builder.hub.target import address_of_hub
from builder.language.messages import worded
from builder.progress import Reporter
from builder.store.addresses import Address, is_address
from builder.store.files import spill
from builder.store.object_store import Store, local_files, naming_errors, transfer
from builder.store.ownership import is_dataset
from builder.text import visible

STDIN = "-"
_HUB = "hf://datasets/"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*")
_SECONDS = 3  # until a hub that does not answer is not there


@contextlib.contextmanager
def local_inputs(
    places: Sequence[str | Path | Address],
    reporter: Reporter,
    *,
    stdin: BinaryIO | None = None,
    ask: Ask | None = None,
) -> Iterator[list[Path]]:
    """Paths of the files that are meant, while the block runs; what came from elsewhere is in temporary files.

    Args:
        stdin: what `-` means; None where it cannot be read, since it would have to be read again later.
        ask: asks a person for one of several configurations and splits.

    Raises:
        InputFileError: a dataset of several parts of which none is named, or one that cannot be followed.
        UsageError, EndpointError, DiskError: it is not there, or does not fit on the disk.
    """
    with contextlib.ExitStack() as stack:
        files: list[str | Path | Address] = []
        for place in places:
            if str(place) == STDIN and not isinstance(place, Address):
                if stdin is None:
                    raise UsageError(
                        worded("-: standard input can be read once, and only where rows are curated or added"),
                        worded("Write it to a file, and name that."),
                    )
                files.append(stack.enter_context(_spilled(stdin, reporter)))
                stdin = None
            else:
                files += _files_of(place, reporter, ask)
        yield stack.enter_context(local_files(files, reporter))


def is_folder_of_tables(place: Path) -> bool:
    """Whether a folder is a dataset as `datasets` has them, and none of ours."""
    if not place.is_dir() or _is_ours(place):
        return False
    return bool(find_parts(place, list_folder(place), read_from(place)))


def name_of(place: Path | Address) -> str:
    """What a dataset of a place's rows may be called."""
    if str(place) == STDIN:
        return "stdin"
    name = place.name.partition("#")[0] or "rows"
    path = unpacked_name(Path(name))
    return path.stem if path.suffix.lower() in SUFFIXES else name


def _files_of(place: str | Path | Address, reporter: Reporter, ask: Ask | None) -> list[str | Path | Address]:
    if isinstance(place, Address) or is_address(str(place)):
        whole = place.whole if isinstance(place, Address) else str(place)
        return [*_on_the_hub(whole, reporter, ask)] if is_dataset_of_the_hub(whole) else [place]
    path = Path(place)
    folder, _, part = (str(path), "", "") if _is_there(path) else str(path).rpartition("#")
    if folder and _is_there(Path(folder)) and Path(folder).is_dir() and not _is_ours(Path(folder)):
        return [*_in_a_folder(Path(folder), part, reporter, ask)]
    name = folder or str(path)
    if _HUB_NAME.fullmatch(name) and not _is_there(Path(name)) and unpacked_name(Path(name)).suffix not in SUFFIXES:
        return [*_on_the_hub(f"{_HUB}{path}", reporter, ask)]
    return [place]


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (OSError, ValueError):  # such as a name that no file system takes: whoever opens it says so
        return False
    return True


def _is_ours(folder: Path) -> bool:
    return (folder / "seedbed.yaml").exists() or is_dataset(folder)


def _in_a_folder(folder: Path, part: str, reporter: Reporter, ask: Ask | None) -> list[Path]:
    parts = find_parts(folder, names := list_folder(folder), read_from(folder))
    if not parts:
        code = any(name == f"{folder.name}.py" for name in names)
        remedy = (
            worded("Its rows come from a program, which is never run.") if code else worded("Name the files in it.")
        )
        raise InputFileError(folder, worded("a folder where a data file was expected"), remedy=remedy)
    chosen = parts[choose_part(folder, parts, part, ask)]
    _name_others(folder, names, parts, reporter)
    return [folder / name for name in chosen]


def _name_others(
    place: Path | str, names: Sequence[str], parts: Mapping[Part, Sequence[str]], reporter: Reporter
) -> None:
    if others := in_no_part(names, parts):
        reporter.say(
            worded(
                "{place}: files of no split are not read: {others:,}, such as {others_visible}",
                place=place,
                others=len(others),
                others_visible=visible(others[0]),
            )
        )


def is_dataset_of_the_hub(address: str) -> bool:
    """Whether an address names a dataset and no file of one."""
    inside = address.removeprefix(_HUB).partition("#")[0].rstrip("/")
    return address.startswith(_HUB) and "*" not in inside and inside.count("/") <= 1


def _on_the_hub(address: str, reporter: Reporter, ask: Ask | None) -> list[Address]:
    """The files of a dataset on the hub; read as files, since a dataset's own program is never run."""
    whole, _, part = address.partition("#")
    name = whole.removeprefix(_HUB)
    _check_reachable(name)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    store = Store(Address.parse(whole))
    with reporter.step(worded("Looking at {name} on the hub", name=visible(name))):
        names = store.find()
        parts = find_parts(name, names, lambda file: store.read(file, MAX_TEXT_BYTES) if file in names else None)
    if not names:
        raise InputFileError(
            name,
            worded("no such file or folder here, and no such dataset on the hub, or one that may not be read"),
            remedy=worded(
                "Look at the name; for a dataset that asks for it, log in with `hf auth login` or set HF_TOKEN."
            ),
        )
    if not parts:
        raise InputFileError(
            name,
            worded("its rows come from a program, which is never run, or from files that are not read"),
            remedy=worded(
                "Try the hub's own conversion: {hub}{name}@refs%2Fconvert%2Fparquet", hub=_HUB, name=visible(name)
            ),
        )
    chosen = parts[choose_part(name, parts, part, ask)]
    _name_others(name, names, parts, reporter)
    return [store.address / file for file in chosen]


def _check_reachable(name: str) -> None:
    """Say soon that there is no network; a client of the hub tries for a minute."""
    place = urlsplit(address_of_hub())
    if getproxies().get(place.scheme):
        return
    try:
        port = place.port or (80 if place.scheme == "http" else 443)
        socket.create_connection((place.hostname or "", port), timeout=_SECONDS).close()
    except OSError as error:
        raise EndpointError(
            worded(
                "{name}: no such file or folder here, and the hub at {hostname} does not answer ({error})",
                name=visible(name),
                hostname=place.hostname,
                error=error,
            ),
            worded(
                "Look at the name and the network; or where there is one, `hf download --repo-type dataset "
                "{name} --local-dir DIR`, and name DIR.",
                name=visible(name),
            ),
        ) from None


@contextlib.contextmanager
def _spilled(stdin: BinaryIO, reporter: Reporter) -> Iterator[Path]:
    """Standard input as a temporary file, since rows are read more than once."""
    if stdin.isatty():
        raise UsageError(
            worded("-: standard input is a terminal"), worded("Pipe rows into it: `cat rows.jsonl | seedbed curate -`.")
        )
    with tempfile.TemporaryDirectory(prefix="seedbed-") as folder:
        path = Path(folder, "stdin")
        names = {str(path): "stdin"}
        with reporter.naming(names), naming_errors(names):
            with transfer(reporter, worded("Reading standard input"), None) as told:
                spill(stdin, path, told)
            yield path
