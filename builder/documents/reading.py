"""Files and folders in, documents out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from builder.documents.apart import read_apart
from builder.documents.document import Document, Page
from builder.documents.docx import read_docx
from builder.documents.plain import read_plain
from builder.errors import InputFileError, UsageError
from builder.language.messages import worded
from builder.store.files import check_name

READERS: Mapping[str, Callable[[Path], tuple[Page, ...]]] = {
    ".txt": read_plain,
    ".text": read_plain,
    ".md": read_plain,
    ".markdown": read_plain,
    ".html": read_apart,
    ".htm": read_apart,
    ".pdf": read_apart,
    ".docx": read_docx,
}
MAX_FILES = 10_000


def read_documents(paths: Sequence[str | Path]) -> list[Document]:
    """Read files, and all files of a known kind below folders, in the order given and by name inside a folder.

    Hidden files and links are left out of folders, and so are files of other kinds.

    Raises:
        InputFileError: a file cannot be read, or is of another kind.
        UsageError: a folder without documents, two documents of one name, or more than `MAX_FILES` files.
    """
    documents: dict[str, Document] = {}
    places: dict[str, Path] = {}
    for name, path in _files([Path(path) for path in paths]):
        check_name(path)
        if path.resolve() == places.get(name):
            continue
        if name in places:
            raise UsageError(
                worded(
                    "growth.documents: two files are called {name}: {places} and {resolve}",
                    name=name,
                    places=places[name],
                    resolve=path.resolve(),
                ),
                worded("A row's source could not tell them apart: give the folder that holds both, or rename one."),
            )
        places[name] = path.resolve()
        documents[name] = Document(name, READERS[path.suffix.lower()](path))
        if len(places) > MAX_FILES:
            raise UsageError(
                worded("growth.documents: more than {max_files:,} files", max_files=MAX_FILES),
                worded("Give fewer folders, or join files."),
            )
    return list(documents.values())


def _files(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Each file with its name."""
    kinds = ", ".join(READERS)
    for path in paths:
        if path.is_dir():
            below = [file for file in sorted(path.rglob("*")) if _is_document(file, path)]
            if not below:
                raise UsageError(
                    worded("{path}: holds no document", path=path),
                    worded("Expected files that end in {kinds}.", kinds=kinds),
                )
            root = path.resolve().name
            yield from (((Path(root) / file.relative_to(path)).as_posix(), file) for file in below)
        elif not path.exists():
            raise InputFileError(
                path, worded("no such file or folder"), remedy=worded("Mend the path in growth.documents.")
            )
        elif path.suffix.lower() not in READERS:
            raise InputFileError(path, worded("not a kind of document that can be read; expected {kinds}", kinds=kinds))
        else:
            yield path.name, path


def _is_document(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return file.suffix.lower() in READERS and not hidden and not file.is_symlink() and file.is_file()
