"""Office files are archives of XML: opened with caps, since a few kilobytes can unpack to gigabytes."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from xml.parsers import expat

from builder.errors import InputFileError
from builder.language.messages import worded

# A workbook or a document has some dozen parts, and pictures.
_MAX_DIRECTORY_BYTES = 4 * 2**20
_MAX_DEPTH = 256
_MAX_TOKEN_BYTES = 16 * 2**20
_READ_BYTES = 2**16
_END = struct.Struct("<4s4H2LH")  # end of central directory: 4.3.16 of the ZIP application note

StartHandler = Callable[[str, Mapping[str, str]], None]


def open_archive(path: Path, kind: str, max_bytes: int) -> zipfile.ZipFile:
    """Open an archive whose parts together unpack to at most `max_bytes`; zipfile never reads past a declared size.

    Args:
        kind: what it should be, such as `XLSX`, for the errors.

    Raises:
        InputFileError: no such archive, protected, or over the caps.
    """
    try:
        _check_directory(path, kind)
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InputFileError(
            path,
            worded("not {kind} (or one with a password)", kind=kind),
            remedy=worded("Save it again, without a password."),
        ) from None
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max_bytes:
        archive.close()
        raise InputFileError(
            path,
            worded(
                "unpacks to {unpacked:,.0f} MiB; the limit is {max_bytes} MiB",
                unpacked=unpacked / 2**20,
                max_bytes=max_bytes // 2**20,
            ),
            remedy=worded("Save it as plain text (CSV for a table), or split it."),
        )
    return archive


def _check_directory(path: Path, kind: str) -> None:
    """Refuse a directory of parts that would fill the memory: zipfile reads it whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 2**16 - _END.size))
        end = file.read()
    at = end.rfind(b"PK\5\6")
    if at < 0 or len(end) - at < _END.size:
        raise zipfile.BadZipFile
    directory = _END.unpack_from(end, at)[5]
    if directory > _MAX_DIRECTORY_BYTES or end[max(0, at - 20) : at].startswith(b"PK\6\7"):
        raise InputFileError(
            path, worded("an archive of more parts than {kind} has", kind=kind), remedy=worded("Save it again.")
        )


def parse_xml(
    path: Path,
    archive: zipfile.ZipFile,
    member: str,
    *,
    start: StartHandler,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Read one part of an archive, and yield after each piece, of 64 KiB but within a longer tag; names come as `namespace name`.

    Raises:
        InputFileError: damaged, or with a document type declaration, which alone can define entities that grow without
            end; nested more than 256 deep; or with an attribute or tag of more than 16 MiB.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def opened(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise InputFileError(
                path,
                worded("{member} is nested more than {max_depth} levels deep", member=member, max_depth=_MAX_DEPTH),
            )
        start(name, attributes)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    def declared(*_: object) -> None:
        raise InputFileError(
            path, worded("{member} declares a document type, which office programs never do", member=member)
        )

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = declared
    if text is not None:
        parser.CharacterDataHandler = text
    fed = unfinished = 0
    waiting = bytearray()
    try:
        with archive.open(member) as file:
            while data := file.read(_READ_BYTES):
                waiting += data
                # Each time, expat reads a tag that does not end from its beginning: it gets as much again at once.
                if len(waiting) >= unfinished:
                    parser.Parse(bytes(waiting), False)
                    yield
                    fed += len(waiting)
                    waiting.clear()
                    unfinished = fed - parser.CurrentByteIndex
                if unfinished + len(waiting) > _MAX_TOKEN_BYTES:
                    raise InputFileError(
                        path,
                        worded(
                            "{member} holds a tag of more than {max_token_bytes} MiB",
                            member=member,
                            max_token_bytes=_MAX_TOKEN_BYTES // 2**20,
                        ),
                    )
            parser.Parse(bytes(waiting), True)
        yield
    except InputFileError:
        raise
    except expat.ExpatError as error:
        raise InputFileError(
            path, worded("{member} is damaged ({error})", member=member, error=error), remedy=worded("Save it again.")
        ) from None
    except (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputFileError(
            path,
            worded("{member} cannot be unpacked ({error})", member=member, error=error),
            remedy=worded("Save it again."),
        ) from None
