"""A row's pictures to their places in its turns, and their paths to paths that hold from anywhere.

    {"images": ["cat.png"], "messages": [{"role": "user", "content": "<image>What is it?"}, …]}      LLaMA-Factory, ShareGPT, LLaVA
    {"images": ["cat.png"], "messages": [{"role": "user", "content": [{"type": "image"}, …]}, …]}    TRL and Hugging Face
    {"images": ["cat.png"], "messages": [{"role": "user", "content": "What is it?"}, …]}             before what the user first says
    Picture 1: <img>cat.png</img>                                                                    Qwen-VL

A path is taken from the folder of the file that names it and written whole: rows of several files come together, are published
elsewhere and trained on from anywhere, and `1.png` of two folders are two pictures. A picture that the file holds itself is kept
where it is small, or where a file of its name is there.
"""

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

from builder.formats.content_parts import read_picture
from builder.formats.row_format import InexpressibleError, RowError, RowLeftOutError, SampleParts
from builder.formats.turns import load_json
from builder.language.messages import worded
from builder.pictures import has_pictures, is_data, is_file, is_local, parts_of, pictures_in, with_parts
from builder.schema import Message, compose_prompt

MARKER = "<image>"
_MARKERS = (MARKER, "<video>", "<audio>")  # which LLaMA-Factory and ms-swift count
# What stands in a row is held with 50,000 others: 64 KiB of base64 are a thumbnail.
MAX_DATA_BYTES = 64 * 2**10

_NAME = re.compile(r"\.(?:png|jpe?g|jfif|gif|webp|bmp|tiff?|svg|hei[cf]|avif|ico)(?:[?#].*)?$", re.IGNORECASE)
# A marker that stands for a picture and is no word of a sentence, such as one about HTML.
_AT_LINE_EDGE = re.compile(rf"^[ \t]*{MARKER}|{MARKER}[ \t]*$", re.MULTILINE)
_AT_TURN_EDGE = re.compile(r"\A\s*<(?:image|video|audio)>|<(?:image|video|audio)>\s*\Z")
_ABOUT_MARKUP = re.compile(
    r"\b(?:html|svg|xml|markup|tags?|elements?|placeholders?)\b|标签|元素|标记|占位", re.IGNORECASE
)
_QWEN = "<img>"
_OF_QWEN = re.compile(r"(\A|Picture \d{1,3}: ?|(?<=</img>)|(?<=</img>\n))<img>([^<>\n]{1,2000})</img>")
_REMEMBERED = 4_096  # files of embedded pictures

Parts = list[dict[str, Any]]


class PicturePlaces:
    """Puts the pictures of a file's rows in their places.

    Args:
        file: the path of the file, or its address.
        has_column: whether the file has a column of pictures: then `<image>` in a text stands for one of them.
        has_markers: whether its format knows them at all.
    """

    def __init__(self, file: str, *, has_column: bool, has_markers: bool = True) -> None:
        self._folder = str(Path(file).absolute().parent) if is_local(file) else file.rpartition("/")[0]
        self._has_column, self._has_markers = has_column, has_markers
        self._is_file = lru_cache(_REMEMBERED)(is_file)

    def fill(self, parts: SampleParts, given: Any) -> SampleParts:
        """The row with its pictures.

        Args:
            parts: as a format reads them: `<image>` in texts, or parts that lack their picture.
            given: what the row has in the column of pictures.

        Raises:
            RowError: there are more or fewer places than pictures, or what is given are none.
            RowLeftOutError: a picture cannot be kept, or a question begins or ends with the place of a medium that nothing names.
        """
        turns = parts.messages
        if _is_nothing(given):
            if not any(turn.parts is not None or _QWEN in turn.content for turn in turns):
                if self._has_markers:
                    _refuse_lacking(turns, has_column=self._has_column)
                return parts
            return self._filled(parts, [_divided(turn, marked=False) for turn in turns], [])
        marked = self._has_markers and not has_pictures(turns)  # where parts have places, texts have none
        divided = [_divided(turn, marked=marked) for turn in turns]
        there = [part for own in divided for part in own if part["type"] == "image"]
        if there:
            pictures = _listed(given)
            return self._filled(parts, divided, [] if there == pictures else pictures)
        if not _look_right(given):
            return replace(
                parts, notes=(*parts.notes, worded("its column of pictures holds something else, which is not read"))
            )
        pictures = _listed(given)
        return self._filled(parts, _before_first_question(divided, turns, len(pictures)), pictures)

    def _filled(self, parts: SampleParts, divided: list[Parts], pictures: Parts) -> SampleParts:
        chosen = iter(_in_order([part for own in divided for part in own if _is_open(part)], pictures))
        filled = [
            with_parts(turn, [self._kept(next(chosen) if _is_open(part) else part) for part in own])
            for turn, own in zip(parts.messages, divided, strict=True)
        ]
        return _with_instruction(replace(parts, messages=tuple(filled)))

    def _kept(self, part: dict[str, Any]) -> dict[str, Any]:
        """A part with its picture as a sample has it."""
        if part["type"] == "text":
            return part
        picture = part["image"]
        if is_data(picture):
            if len(picture) > MAX_DATA_BYTES:
                raise RowLeftOutError(
                    worded(
                        "a picture of more than 64 KiB stands in the row itself (data:); write it to a file and name its "
                        "path"
                    )
                )
            return {"type": "image", "image": picture}
        whole = self._whole(picture)
        if part.get("embedded") and not (picture and is_local(whole) and self._is_file(whole)):
            raise RowLeftOutError(
                worded("a picture stands in the file itself (bytes), and no file of its name is there; write it to one")
            )
        return {"type": "image", "image": whole}

    def _whole(self, picture: str) -> str:
        if picture[:7].lower() == "file://":
            picture = unquote(picture[7:].removeprefix("localhost"))
        if not is_local(picture) or Path(picture).is_absolute() or PureWindowsPath(picture).is_absolute():
            return picture
        if is_local(self._folder):
            return os.path.normpath(Path(self._folder, picture))
        return f"{self._folder}/{posixpath.normpath(picture)}"


def with_markers(turns: Sequence[Message]) -> tuple[list[Message], list[str]]:
    """Turns with `<image>` in their texts for each of their pictures, and the pictures.

    Raises:
        InexpressibleError: a text of such a row holds one already, or one for sound or video.
    """
    if not has_pictures(turns):
        return [*turns], []
    found = next((one for one in _MARKERS for turn in turns if one in turn.content), None)
    if found is not None:
        raise InexpressibleError(
            worded("a text of a row with pictures holds {found}, which would stand for another one", found=found)
        )
    marked = ("".join(MARKER if part["type"] == "image" else part["text"] for part in parts_of(turn)) for turn in turns)
    return [replace(turn, content=text, parts=None) for turn, text in zip(turns, marked, strict=True)], [
        *pictures_in(turns)
    ]


def _is_nothing(given: Any) -> bool:
    """Whether a cell holds no picture; Arrow has an object of nulls where there is none."""
    if isinstance(given, str):
        return not given.strip() or given.strip() == "[]"
    if isinstance(given, dict):
        return all(value is None for value in given.values())
    return given is None or (isinstance(given, list) and all(map(_is_nothing, given)))


def _listed(given: Any) -> Parts:
    """The pictures of a column's cell: a list of them or one, in a table also a list as JSON."""
    if isinstance(given, str) and given.lstrip().startswith("["):
        given = load_json(given, worded("its column of pictures"))
    listed = given if isinstance(given, list) else [given]
    return [
        read_picture(picture, worded("its column of pictures, number {place}", place=place))
        for place, picture in enumerate(listed, 1)
    ]


def _look_right(given: Any) -> bool:
    """Whether a cell holds pictures by their looks, where no text has a place for one: a column `image` may name something else."""
    try:
        pictures = _listed(given)
    except RowError:
        return False
    return all(picture.get("embedded") or _is_named(picture["image"]) for picture in pictures)


def _is_named(picture: str) -> bool:
    return not is_local(picture) or _NAME.search(picture) is not None


def _refuse_lacking(turns: Sequence[Message], *, has_column: bool) -> None:
    if has_column and any(
        MARKER in turn.content and _AT_LINE_EDGE.search(turn.content) and not _ABOUT_MARKUP.search(turn.content)
        for turn in turns
    ):
        raise RowError(
            worded(
                "its texts have a place for a picture ({marker}), and its column of pictures is empty", marker=MARKER
            )
        )
    for turn in turns:
        found = _AT_TURN_EDGE.search(turn.content) if turn.role == "user" and "<" in turn.content else None
        if found and "</" not in turn.content and not _ABOUT_MARKUP.search(turn.content):
            raise RowLeftOutError(
                worded("its text has a place for a medium ({found}), and the row names none", found=found[0].strip())
            )


def _divided(turn: Message, *, marked: bool) -> Parts:
    """The parts of a turn, with an open one for each marker where there are pictures for them."""
    if turn.parts is not None:
        return parts_of(turn)
    pieces: Parts = []
    end = 0
    if _QWEN in turn.content and turn.role != "assistant":
        for found in _OF_QWEN.finditer(turn.content):
            if _is_named(found[2].strip()):
                pieces += [{"type": "text", "text": turn.content[end : found.start()] + found[1]}]
                pieces.append({"type": "image", "image": found[2].strip()})
                end = found.end()
    pieces.append({"type": "text", "text": turn.content[end:]})
    return [part for piece in pieces for part in (_marked(piece) if marked else [piece])]


def _marked(piece: dict[str, Any]) -> Parts:
    if piece["type"] != "text" or MARKER not in piece["text"]:
        return [piece]
    first, *others = piece["text"].split(MARKER)
    return [
        {"type": "text", "text": first},
        *(part for text in others for part in ({"type": "image"}, {"type": "text", "text": text})),
    ]


def _is_open(part: dict[str, Any]) -> bool:
    return part["type"] == "image" and "image" not in part


def _before_first_question(divided: list[Parts], turns: Sequence[Message], count: int) -> list[Parts]:
    """The turns with open places where trainers put pictures that no text has a place for (TRL: `prepare_multimodal_messages`)."""
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None:
        raise RowError(worded("it has pictures, and no user turn that they could stand in"))
    opened: Parts = [{"type": "image"} for _ in range(count)]
    return [opened + own if place == first else own for place, own in enumerate(divided)]


def _in_order(places: Parts, pictures: Parts) -> Parts:
    """The picture of each place: by its number where the places are numbered, else one after the other."""
    numbers = [place.get("index") for place in places]
    if pictures and {*numbers} == {*range(len(pictures))}:
        return [pictures[number] for number in numbers if number is not None]
    if len(places) != len(pictures):
        raise RowError(
            worded(
                "its texts have places for {places} pictures ({marker}), and the row names {pictures}",
                places=len(places),
                marker=MARKER,
                pictures=len(pictures),
            )
        )
    return pictures


def _with_instruction(parts: SampleParts) -> SampleParts:
    """The row with its instruction and input as the first user message now has them, or without them."""
    if parts.instruction is None:
        return parts
    instruction = parts.instruction.replace(MARKER, "").strip("\n")
    added = None if parts.input is None else parts.input.replace(MARKER, "").strip("\n")
    first = next((turn.content for turn in parts.messages if turn.role == "user"), None)
    composed = compose_prompt(instruction, added) == first
    return replace(parts, instruction=instruction if composed else None, input=added if composed else None)
