"""Files at addresses: any protocol of fsspec (`s3`, `gs`, `abfs`, `hf`, `file`, `memory`, …).

    with local_files(["tasks.csv", "s3://bucket/more/*.parquet"], reporter) as paths:
        …                                      each address is a temporary file now, and errors name the address

Credentials come from where the protocol's own package looks for them, which is the environment.
"""

import contextlib
import copy
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from builder.errors import DiskError, EndpointError, InputFileError, SeedbedError, UsageError, nearest
from builder.language.messages import worded
from builder.progress import Reporter
from builder.store.addresses import Address, ChangedMeanwhileError, is_address, store_errors
from builder.store.files import disk_errors

_WEB = ("http", "https")
_S3 = ("s3", "s3a")
_EXTRAS = {"s3fs": "'seedbed[objects]'"}

_MIB = 2**20
_BLOCK = 16 * _MIB  # bytes: few round trips, and little memory
_MOST_PARTS = 10_000  # of one upload to S3
_PARTS_AT_ONCE = 2  # s3fs sends, and holds, ten of 50 MiB
_LONGEST_NAME = 80  # characters of a temporary file's name: 240 bytes of Chinese, of the 255 that a file system allows


class Store:
    """The files at and below an address.

    Raises:
        UsageError: the protocol is unknown, or its package is not installed.
        EndpointError: from any method, where the store or its credentials do not work.
        InputFileError: from any method, where nothing is at the address; `UsageError` where not even its bucket is there.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._files, self._root = _open(address)

    def exists(self, name: str = "") -> bool:
        """Whether a file is there."""
        try:
            with store_errors(self._at(name)):
                return bool(self._files.info(self._path(name))["type"] == "file")
        except InputFileError:
            return False

    def dataset_around(self) -> Address | None:
        """The dataset that the address is inside of; None where there is none, or what is above may not be looked at."""
        for depth in range(1, self.address.whole.partition("://")[2].count("/") + 1):
            above = copy.copy(self)
            above.address, above._root = (
                Address(self.address.whole.rsplit("/", depth)[0]),
                self._root.rsplit("/", depth)[0],
            )
            with contextlib.suppress(EndpointError, UsageError):
                if above.exists("MANIFEST.json"):
                    return above.address
        return None

    def size(self, name: str = "") -> int | None:
        """Bytes of a file; None where the store does not say."""
        with store_errors(self._at(name)):
            size = self._files.info(self._path(name)).get("size")
            return None if size is None else int(size)

    def find(self, below: str = "") -> list[str]:
        """The names of all files below a folder, relative to this address."""
        prefix = self._root.rstrip("/") + "/"
        try:
            with store_errors(self.address):
                found = self._files.find(self._path(below))
        except InputFileError:
            return []
        return sorted(path.removeprefix(prefix) for path in found if path.startswith(prefix) and _is_file(path))

    def expand(self) -> "list[Store]":
        """The files that the address means, over one connection; several where it holds `*`, `?` or `[`.

        Raises:
            InputFileError: there is none.
        """
        if self.address.protocol in _WEB or not re.search(r"[*?\[]", self.address.whole):
            return [self]
        with store_errors(self.address):
            matches = self._files.glob(self._root, detail=True)
        found = sorted(path for path, info in matches.items() if info["type"] == "file" and _is_file(path))
        if not found:
            folder = re.split(r"[*?\[]", self._root)[0].rpartition("/")[0]
            with contextlib.suppress(InputFileError), store_errors(self.address):
                self._files.ls(folder, detail=False)  # a glob takes a refusal for an empty folder
            raise InputFileError(str(self.address), worded("no file matches"))
        stores = [copy.copy(self) for _ in found]
        for store, path in zip(stores, found, strict=True):
            store.address, store._root = Address(str(self._files.unstrip_protocol(path))), path
        return stores

    def read(self, name: str, limit: int) -> bytes | None:
        """A small file whole; None where there is none.

        Raises:
            InputFileError: it has more than `limit` bytes.
        """
        try:
            with store_errors(self._at(name)), self._reading(name) as file:
                content = bytes(file.read(limit + 1))
        except ChangedMeanwhileError:
            return self.read(name, limit)
        except InputFileError:
            return None
        if len(content) > limit:
            raise InputFileError(
                str(self._at(name)),
                worded("more than {limit} MiB, which is not what should be there", limit=limit // _MIB),
            )
        return content

    def fetch(self, name: str, path: Path, told: Callable[[int], None]) -> None:
        """Write a file to this machine, in blocks.

        Args:
            told: is given the bytes of each block.

        Raises:
            DiskError: it is larger than the space that is free there.
        """
        size = self.size(name)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(path.parent).free
        if size is not None and size > free:
            raise DiskError(
                worded(
                    "{at}: {size:,.1f} GiB, and {parent} has {free:,.1f} GiB free",
                    at=self._at(name),
                    size=size / 2**30,
                    parent=path.parent,
                    free=free / 2**30,
                ),
                worded(
                    "Free some space, or name a folder on a larger disk in TMPDIR (files) or SEEDBED_CACHE (datasets)."
                ),
            )
        fetched = 0
        with contextlib.ExitStack() as stack:
            with store_errors(self._at(name)):
                remote = stack.enter_context(self._reading(name))
            with disk_errors(path):
                local: IO[bytes] = stack.enter_context(path.open("wb"))
            while block := self._block(name, remote):
                fetched += len(block)
                if size is not None and fetched > size:
                    break
                with disk_errors(path):
                    local.write(block)
                told(len(block))
        if size is not None and fetched != size:
            raise ChangedMeanwhileError(self._at(name))

    def _reading(self, name: str) -> Any:
        # Each read is one request for as many bytes.
        return self._files.open(self._path(name), "rb", block_size=_BLOCK, cache_type="none")

    def _block(self, name: str, remote: Any) -> bytes:
        with store_errors(self._at(name)):
            return bytes(remote.read(_BLOCK))

    def put(self, path: Path, name: str = "") -> None:
        """Send a local file; it is there whole or not at all."""
        parts: dict[str, int] = {}
        if self.address.protocol in _S3:
            bytes_each = max(_BLOCK, -(-path.stat().st_size // _MOST_PARTS))
            parts = {"chunksize": bytes_each, "max_concurrency": _PARTS_AT_ONCE}
        with store_errors(self._at(name)):
            self._make_parent(name)
            self._files.put_file(str(path), self._path(name), **parts)

    def version(self, name: str) -> str | None:
        """What tells a file from another one of the same name: its ETag on S3, nothing elsewhere; None where none is."""
        try:
            with store_errors(self._at(name)):
                return str(self._files.info(self._path(name)).get("ETag", ""))
        except InputFileError:
            return None

    def write(self, name: str, content: bytes, *, over: str | None) -> bool:
        """Write a small file; False where something else is there already.

        Args:
            over: the `version` that it takes the place of; None where it must be new.
        """
        condition = {"IfMatch": over} if over and self.address.protocol in _S3 else {}
        mode = "create" if over is None else "overwrite"
        try:
            with store_errors(self._at(name)):
                self._make_parent(name)
                self._files.pipe_file(self._path(name), content, mode=mode, **condition)
        except FileExistsError:
            return False
        finally:
            self._files.invalidate_cache()
        return True

    def copy(self, name: str, target: str) -> None:
        """Copy a file inside the store."""
        with store_errors(self._at(name)):
            self._make_parent(target)
            self._files.cp_file(self._path(name), self._path(target))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there are none the less."""
        for name in names:
            with contextlib.suppress(InputFileError), store_errors(self._at(name)):
                self._files.rm_file(self._path(name))
        self._files.invalidate_cache()

    def _make_parent(self, name: str) -> None:
        if self.address.protocol in ("file", "local"):  # a store has no folders
            self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _at(self, name: str) -> Address:
        return self.address / name if name else self.address


def _is_file(path: str) -> bool:
    """Stores' own tools mark an empty folder by an object whose name ends with a slash."""
    return not path.endswith("/")


def _open(address: Address) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            worded("{address}: reading it needs fsspec", address=address), worded("pip install fsspec")
        ) from None
    protocol = address.protocol
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        known = fsspec.available_protocols()
        raise UsageError(
            worded(
                "{address}: no such protocol: {protocol}{nearest}",
                address=address,
                protocol=protocol,
                nearest=nearest(protocol, known),
            ),
            worded("Such as s3://, gs://, abfs://, hf:// or https://; a path has no ://."),
        ) from None
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None)
        package = (
            missing.partition(".")[0] if missing else worded("the package of fsspec for {protocol}", protocol=protocol)
        )
        raise UsageError(
            worded(
                "{address}: reading {protocol}:// needs {package}", address=address, protocol=protocol, package=package
            ),
            worded("pip install {extras}", extras=_EXTRAS.get(package, package)),
        ) from None
    with store_errors(address):
        # What others wrote a moment ago must be seen: no listing is kept.
        files, root = fsspec.core.url_to_fs(address.whole, use_listings_cache=False, skip_instance_cache=True)
    return files, str(root)


@contextlib.contextmanager
def local_files(places: Sequence[str | Path | Address], reporter: Reporter) -> Iterator[list[Path]]:
    """Paths for paths and addresses: what is at an address is a temporary file while the block runs.

    Errors and what the reporter says name the address; the file's name and that of its folder are those of the address, so
    that a row's source is what it would be for a local file.

    Raises:
        InputFileError: nothing is at an address, or no file matches.
        UsageError, EndpointError, DiskError: it cannot be fetched; see `Store`.
    """
    if not any(isinstance(place, Address) or is_address(str(place)) for place in places):
        yield [Path(str(place)) for place in places]
        return
    with tempfile.TemporaryDirectory(prefix="seedbed-") as folder:
        paths: list[Path] = []
        names: dict[str, str] = {}
        for place in places:
            if isinstance(place, Path) or (isinstance(place, str) and not is_address(place)):
                paths.append(Path(place))
                continue
            address = Address.parse(place) if isinstance(place, str) else place
            for found in Store(address).expand():
                path = Path(folder, str(len(paths)), *_file_name(found.address))
                with transfer(reporter, f"Fetching {found.address}", found.size()) as told:
                    found.fetch("", path, told)
                names[str(path)] = str(found.address)
                paths.append(path)
        with reporter.naming(names), naming_errors(names):
            yield paths


@contextlib.contextmanager
def file_for(place: Path | Address, reporter: Reporter, *, overwrite: bool = False) -> Iterator[Path]:
    """Where to write a file that is meant for a path or an address; it is sent there when the block ends well.

    Args:
        overwrite: replace what is at an address; of a path the writer makes sure (see `builder.store.ownership`).

    Raises:
        UsageError: something is at the address, or is a dataset around it; or a folder was written for an address.
        EndpointError: it cannot be sent.
    """
    if isinstance(place, Path):
        yield place
        return
    store = Store(place)
    _check_free(store, overwrite=overwrite)
    with tempfile.TemporaryDirectory(prefix="seedbed-") as folder:
        path = Path(folder, *_file_name(place))
        with naming_errors({str(path): str(place)}):
            yield path
        if path.is_dir():
            raise UsageError(
                worded("{place}: this format is a folder of files", place=place),
                worded("Write it to a folder, and copy that there."),
            )
        with transfer(reporter, f"Sending to {place}", path.stat().st_size) as told:
            store.put(path)
            told(path.stat().st_size)


def _check_free(store: Store, *, overwrite: bool) -> None:
    """As `ownership.check_output` for a path."""
    place = store.address
    if (around := store.dataset_around()) is not None:
        raise UsageError(
            worded("{place}: inside the dataset folder {around}", place=place, around=around),
            worded("Choose a place outside of it."),
        )
    if not overwrite and store.exists():
        raise UsageError(
            worded("{place}: exists already", place=place),
            worded("Choose another name, or have it replaced with --overwrite."),
        )


@contextlib.contextmanager
def transfer(reporter: Reporter, label: str, size: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far a transfer is, in MiB; yields what counts bytes."""
    moved = 0
    with reporter.step(worded("{label} (MiB)", label=label), total=None if size is None else -(-size // _MIB)) as step:

        def told(count: int) -> None:
            nonlocal moved
            moved += count
            step.set(-(-moved // _MIB))

        yield told


def _file_name(address: Address) -> tuple[str, str]:
    """The folder's and the file's name."""
    parts = PurePosixPath(str(address).partition("://")[2].removesuffix("?***")).parts
    usable = [part.replace("\0", "")[-_LONGEST_NAME:] for part in parts if part not in ("/", ".", "..")]
    folder, name = (["folder", "file", *usable])[-2:]
    return folder, name


@contextlib.contextmanager
def naming_errors(names: Mapping[str, str]) -> Iterator[None]:
    """Have errors that pass name what the user named.

    Args:
        names: a local path → what is shown in its place.
    """
    try:
        yield
    except SeedbedError as error:
        for path, shown in names.items():
            error.message = error.message.replace(path, shown)
            error.remedy = error.remedy.replace(path, shown)
        error.args = (error.message,)
        raise
