"""HTML and PDF, whose readers are libraries, read in a process that may die of them.

    read_apart(Path("a.pdf"))  →  (Page(1, "…"), …)

Run as a script it is that process.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from builder.documents.document import Page
from builder.documents.html import read_html
from builder.documents.pdf import read_pdf
from builder.errors import InputFileError, SeedbedError, UsageError
from builder.foreign import isolation
from builder.language.messages import worded

_READERS: Mapping[str, Callable[[Path], tuple[Page, ...]]] = {
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}
# Of computing, and for each MiB more: HTML takes 2 on a slow machine; pypdf reads some 20 pages a second, and a MiB of them
# holds 300 at most.
SECONDS = 60
_SECONDS_A_MIB = {".html": 4, ".htm": 4, ".pdf": 60}
# A page of HTML with 20 million letters, as many as a document may have, takes 459 MiB.
MEMORY = 512 * 2**20

_apart = isolation.Apart(Path(__file__))


def read_apart(path: Path) -> tuple[Page, ...]:
    """The pages of a document.

    Raises:
        InputFileError: as its reader does, and where reading it takes too much memory or time, or ends the process.
        UsageError: the extra `documents` is not installed.
    """
    seconds = SECONDS + _SECONDS_A_MIB[path.suffix.lower()] * (path.stat().st_size // 2**20)
    answer = _apart.ask({"path": str(path.absolute()), "shown": str(path)}, memory=MEMORY, seconds=seconds)
    if isinstance(answer, isolation.Died):
        raise _refusal(path, answer, seconds)
    if "message" in answer:
        # The name is where the message begins.
        kind = InputFileError if answer["of_file"] else UsageError
        error = kind.__new__(kind)
        SeedbedError.__init__(error, answer["message"], answer["remedy"])
        raise error
    return tuple(Page(number, text) for number, text in answer["pages"])


def _refusal(path: Path, died: isolation.Died, seconds: int) -> InputFileError:
    way_out = worded("Save it again, or as plain text; if it is not yours, leave it out.")
    if died.of == "memory":
        return InputFileError(
            path, worded("takes more than {memory} MiB of memory to read", memory=MEMORY // 2**20), remedy=way_out
        )
    if died.of == "time":
        return InputFileError(
            path, worded("takes more than {seconds} seconds of computing to read", seconds=seconds), remedy=way_out
        )
    return InputFileError(path, worded("reading it ends the process that does ({of})", of=died.of), remedy=way_out)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request["path"])
    try:
        return {"pages": [[page.number, page.text] for page in _READERS[path.suffix.lower()](path)]}
    except UsageError as error:
        message = error.message.replace(request["path"], request["shown"], 1)
        return {"message": message, "remedy": error.remedy, "of_file": isinstance(error, InputFileError)}


if __name__ == "__main__":
    isolation.serve(_answer)
