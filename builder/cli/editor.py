"""A row's texts in a person's own editor: each between two marks that no text of the row holds, and read back as they stand."""

import os
import re
import secrets
import shlex
import subprocess
import tempfile
from pathlib import Path

from builder.curation.editing import Edit
from builder.errors import UsageError
from builder.language.chinese import is_spoken
from builder.language.messages import worded
from builder.schema import Sample

_REMEDY = worded("Nothing is lost and nothing is decided: what you wrote is still in that file.")
_HEAD = (
    "Change the texts between the marks. Leave the lines with marks as they are.",
    "请修改标记行之间的文字，标记行本身请勿改动。",
)


def edit_texts(sample: Sample) -> Edit:
    """Have a row's texts edited; returns those that were changed, each with its turn's place.

    Raises:
        UsageError: there is no editor or it failed, a text cannot be shown in one, or what it wrote cannot be read back; the message
            names the file, which stays.
    """
    mark = f"=== {secrets.token_hex(3)}"
    command = _editor()
    places = [place for place, turn in enumerate(sample.messages) if turn.parts is None]
    written = _written(sample, places, mark)
    descriptor, name = tempfile.mkstemp(prefix=f"seedbed-row-{sample.row}-", suffix=".txt")
    path = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(written)
    try:
        done = subprocess.run([*command, name], check=False)
    except OSError as error:
        path.unlink()
        raise UsageError(
            worded(
                "{command}: cannot be run as an editor ({strerror})",
                command=command[0],
                strerror=os.strerror(error.errno or 0),
            ),
            worded("Name one in VISUAL or EDITOR."),
        ) from None
    if done.returncode:
        raise UsageError(
            worded(
                "{command} ended with {returncode}; {name} was not read",
                command=command[0],
                returncode=done.returncode,
                name=name,
            ),
            _REMEDY,
        )
    texts = _read_back(sample, path, places, mark)
    path.unlink()
    return tuple((place, text) for place, text in texts if text != sample.messages[place].content)


def _editor() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        if text := os.environ.get(variable, "").strip():
            try:
                return shlex.split(text)
            except ValueError as error:
                raise UsageError(
                    worded("{variable}: no command ({error})", variable=variable, error=error),
                    worded("Name an editor in it, such as nano."),
                ) from None
    raise UsageError(
        worded("there is no editor: neither VISUAL nor EDITOR is set"), worded("Set one: export EDITOR=nano")
    )


def _mark(mark: str, sample: Sample, place: int) -> str:
    return f"{mark} {place + 1} {sample.messages[place].role}"


def _written(sample: Sample, places: list[int], mark: str) -> bytes:
    parts = [_HEAD[is_spoken()]]
    for place in places:
        parts += [_mark(mark, sample, place), sample.messages[place].content]
    try:
        return "\n".join([*parts, f"{mark} end", ""]).encode()
    except UnicodeEncodeError:
        raise UsageError(
            worded(
                "row {row}: it holds characters that are no text (lone surrogates), so no editor can show it",
                row=sample.row,
            ),
            worded("Keep or drop it."),
        ) from None


def _read_back(sample: Sample, path: Path, places: list[int], mark: str) -> list[tuple[int, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            worded("{path}: cannot be read back ({strerror})", path=path, strerror=os.strerror(error.errno or 0)),
            worded("Edit the row again."),
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            worded("{path}: the editor did not write UTF-8, so it cannot be read back", path=path), _REMEDY
        ) from None
    if not any("\r" in sample.messages[place].content for place in places):
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # of an editor that ends lines in its own way
    lines = [*(_mark(mark, sample, place) for place in places), f"{mark} end"]
    found = [[match.span() for match in re.finditer(f"^{re.escape(line)}\r?$", text, re.MULTILINE)] for line in lines]
    ends = [spans[0] for spans in found if len(spans) == 1]
    if len(ends) < len(lines) or ends != sorted(ends):
        raise UsageError(
            worded("{path}: its lines with marks were changed, so it cannot be read back", path=path), _REMEDY
        )
    return [(place, text[ends[number][1] + 1 : ends[number + 1][0] - 1]) for number, place in enumerate(places)]
