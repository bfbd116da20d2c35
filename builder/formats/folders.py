"""Folders of tables as `datasets` and the hub have them: which files are which configuration and split.

    README.md with `configs: - config_name: en / data_files: - split: train / path: en/*.jsonl`
    data/train-00000-of-00002.parquet             what push_to_hub writes
    en/train/0000.parquet                         the hub's own conversion
    train.jsonl  test.jsonl  or  train/…  test/…  named after their splits
    dataset_dict.json  train/state.json  *.arrow  what save_to_disk writes

Only names and these small texts are read here; no code of a folder ever is.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from builder.errors import InputFileError, nearest
from builder.foreign.unpacking import unpacked_name
from builder.formats.reading import SUFFIXES
from builder.language.messages import worded
from builder.text import visible

MAX_TEXT_BYTES = 2**20  # of a card or a state
_MAX_FILES = 100_000
_DEFAULT = "default"
_SHARD = re.compile(r"data/([\w.]+)-\d{5}-of-\d{5}[^/]*")
_CONVERTED = re.compile(r"([^/]+)/([^/]+)/\d{4}\.parquet")
# The words by which `datasets` 5.2 knows a split (data_files.py).
_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_IGNORED = frozenset({"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)

Read = Callable[[str], bytes | None]
Ask = Callable[[str, Sequence[str]], str | None]


class Part(NamedTuple):
    """One configuration's split."""

    config: str
    split: str

    def __str__(self) -> str:
        return self.split if self.config == _DEFAULT else f"{self.config}/{self.split}"


def list_folder(folder: Path) -> list[str]:
    """The names of the files in a folder, without hidden ones."""
    names: list[str] = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if not any(part.startswith((".", "__pycache__")) for part in inside.parts) and path.is_file():
            names.append(inside.as_posix())
            if len(names) > _MAX_FILES:
                raise InputFileError(folder, worded("a folder of more than {max_files:,} files", max_files=_MAX_FILES))
    return sorted(names)


def read_from(folder: Path) -> Read:
    """What reads the beginning of a small file in a folder; None where there is none."""

    def read(name: str) -> bytes | None:
        path = folder / name
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MAX_TEXT_BYTES)

    return read


def find_parts(place: Path | str, names: Sequence[str], read: Read) -> dict[Part, list[str]]:
    """The files of each configuration and split; empty where nothing says that this is a dataset.

    Args:
        place: what the names are in, for errors.
        names: of all files in it.
        read: gives the content of one.

    Raises:
        InputFileError: what it says of itself cannot be followed.
    """
    if (saved := _saved(place, "", "train", read)) is not None:
        return {Part(_DEFAULT, split): files for split, files in saved.items()}
    data = [name for name in names if _is_data(name)]
    if configs := _configs(place, read):
        parts = _by_card(place, configs, data)
    else:
        parts = _by_names(data)
    return {part: _of_one_kind(place, part, files) for part, files in parts.items() if files}


def in_no_part(names: Sequence[str], parts: Mapping[Part, Sequence[str]]) -> list[str]:
    """The files of rows that no part holds, as where one is named after a split and others are not."""
    held = {name for files in parts.values() for name in files}
    return [name for name in names if _is_data(name) and name not in held]


def choose_part(place: Path | str, parts: Mapping[Part, Sequence[str]], asked: str, ask: Ask | None) -> Part:
    """The one that is meant.

    Args:
        asked: `config/split`, or one of the two where that is enough; empty where nothing was.
        ask: asks a person; gives None where nobody is there.

    Raises:
        InputFileError: there are several and none is named, or none is called so.
    """
    names = {str(part): part for part in parts}
    fitting = [
        part for part in parts if asked in ("", str(part), part.config, part.split, f"{part.config}/{part.split}")
    ]
    exact = [part for part in fitting if asked == f"{part.config}/{part.split}" or asked == str(part)]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    listed = visible(", ".join(map(str, fitting or parts)))
    if not fitting:
        raise InputFileError(
            place,
            worded(
                "it has no configuration or split '{asked}'{nearest}",
                asked=visible(asked),
                nearest=nearest(asked, names),
            ),
            remedy=worded("It has {listed}.", listed=listed),
        )
    chosen = ask(f"{place}", [str(part) for part in fitting]) if ask is not None else None
    if chosen in names:
        return names[chosen]
    raise InputFileError(
        place,
        worded("a dataset of several configurations or splits: {listed}", listed=listed),
        remedy=worded(
            "Name one behind a #, such as {place}; several are named one by one.",
            place=visible(f"{place}#{fitting[0]}"),
        ),
    )


def _saved(place: Path | str, below: str, split: str, read: Read) -> dict[str, list[str]] | None:
    """The files of each split of what save_to_disk wrote; None where it wrote nothing here."""
    if (listed := read(f"{below}dataset_dict.json")) is not None:
        splits = _json(place, f"{below}dataset_dict.json", listed).get("splits")
        if not isinstance(splits, list) or not all(isinstance(name, str) and _is_inside(name) for name in splits):
            raise _bad(place, f"{below}dataset_dict.json")
        found = {name: _saved(place, f"{below}{name}/", name, read) for name in splits}
        return {name: files for saved in found.values() if saved for name, files in saved.items()}
    if (state := read(f"{below}state.json")) is None or read(f"{below}dataset_info.json") is None:
        return None
    written = _json(place, f"{below}state.json", state)
    files = written.get("_data_files")
    if not isinstance(files, list) or written.get("_indices_files"):
        raise _bad(place, f"{below}state.json")
    names = [file.get("filename") if isinstance(file, dict) else None for file in files]
    if not all(isinstance(name, str) and _is_inside(name) for name in names):
        raise _bad(place, f"{below}state.json")
    return {split: [f"{below}{name}" for name in names]}


def _json(place: Path | str, name: str, text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _bad(place, name)
    return value


def _bad(place: Path | str, name: str) -> InputFileError:
    return InputFileError(
        place, worded("its {name} is not what `datasets` writes", name=name), remedy=worded("Name the files in it.")
    )


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and not name.startswith("/") and "://" not in name and "\\" not in name


def _is_data(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name not in _IGNORED and unpacked_name(Path(name)).suffix.lower() in SUFFIXES


def _configs(place: Path | str, read: Read) -> list[dict[str, Any]]:
    """The configurations that a card's front matter lists."""
    card = _FRONT_MATTER.match((read("README.md") or b"").decode("utf-8", "replace"))
    if card is None:
        return []
    try:
        matter = yaml.safe_load(card[1])
    except (yaml.YAMLError, RecursionError, ValueError):
        raise InputFileError(
            place, worded("the front matter of its README.md is not YAML"), remedy=worded("Mend it, or name the files.")
        ) from None
    configs = matter.get("configs") if isinstance(matter, dict) else None
    return [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []


def _by_card(place: Path | str, configs: Sequence[dict[str, Any]], data: Sequence[str]) -> dict[Part, list[str]]:
    parts: dict[Part, list[str]] = {}
    for one in configs:
        config = _name(one.get("config_name"), _DEFAULT)
        folder = _name(one.get("data_dir"), "")
        if folder and not _is_inside(folder):
            raise _outside(place, folder)
        below = f"{folder.rstrip('/')}/" if folder else ""
        inside = [name for name in data if name.startswith(below)]
        if (listed := one.get("data_files")) is None:
            by_names = _by_names([name.removeprefix(below) for name in inside]) or {Part(config, "train"): inside}
            parts |= {Part(config, part.split): [below + name for name in files] for part, files in by_names.items()}
            continue
        for split, patterns in _patterns(listed):
            for pattern in patterns:
                if not _is_inside(pattern):
                    raise _outside(place, pattern)
            found = [name for name in inside if any(_fits(pattern, name.removeprefix(below)) for pattern in patterns)]
            if not found or not patterns:
                raise InputFileError(
                    place,
                    worded(
                        "no file matches what its README.md lists as {part}: {patterns}",
                        part=visible(str(Part(config, split))),
                        patterns=visible(", ".join(patterns)),
                    ),
                    remedy=worded("Was all of it downloaded? Else name the files in it."),
                )
            parts[Part(config, split)] = found
    return parts


def _outside(place: Path | str, pattern: str) -> InputFileError:
    return InputFileError(
        place,
        worded("its README.md names what is not inside it: {pattern}", pattern=visible(pattern)),
        remedy=worded("Name the files in it."),
    )


def _patterns(listed: Any) -> list[tuple[str, list[str]]]:
    """Split and patterns, in the shapes that a card may have: a pattern, some, by split, or objects of split and path."""
    if isinstance(listed, dict):
        return [(_name(split, "train"), _texts(paths)) for split, paths in listed.items()]
    if isinstance(listed, list) and any(isinstance(one, dict) for one in listed):
        objects = [one for one in listed if isinstance(one, dict)]
        return [(_name(one.get("split"), "train"), _texts(one.get("path"))) for one in objects]
    return [("train", _texts(listed))]


def _texts(paths: Any) -> list[str]:
    listed = paths if isinstance(paths, list) else [paths]
    return [path.removeprefix("./") for path in listed if isinstance(path, str)]


def _name(value: Any, otherwise: str) -> str:
    """A name that a card gives; a number, as YAML reads 2024, is its digits. In YAML a list may hold itself, so that no other is."""
    return str(value) if isinstance(value, str | int | float) and value != "" else otherwise


def _fits(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern means; `**` is any folders, a folder's name is all that is in it.

    All ways to read the pattern are followed side by side: tried one after the other, stars in numbers would take for ever.
    """
    parts = pattern.rstrip("/").split("/")

    def beside(places: set[int]) -> set[int]:
        """With the places behind a `**`, which may stand for nothing."""
        for place in range(len(parts)):
            if place in places and parts[place] == "**":
                places.add(place + 1)
        return places

    places = beside({0})
    for folder in name.split("/"):
        stay = {place for place in places if place == len(parts) or parts[place] == "**"}
        places = beside(stay | {place + 1 for place in places - stay if fnmatchcase(folder, parts[place])})
    return len(parts) in places


def _by_names(data: Sequence[str]) -> dict[Part, list[str]]:
    converted = [_CONVERTED.fullmatch(name) for name in data]
    if data and all(converted):
        return _gathered((Part(one[1], one[2].removeprefix("partial-")), one[0]) for one in converted if one)
    if shards := [found for name in data if (found := _SHARD.fullmatch(name))]:
        return _gathered((Part(_DEFAULT, found[1]), found[0]) for found in shards)
    for by_folder in (True, False):
        named = [(Part(_DEFAULT, split), name) for name in data if (split := _split_word(name, by_folder=by_folder))]
        if named:
            return _gathered(named)
    return {}


def _gathered(found: Iterable[tuple[Part, str]]) -> dict[Part, list[str]]:
    parts: dict[Part, list[str]] = {}
    for part, name in found:
        parts.setdefault(part, []).append(name)
    return parts


def _split_word(name: str, *, by_folder: bool) -> str | None:
    """The split that a file's folders, or its own name, are called after."""
    path = PurePosixPath(name)
    for part in path.parent.parts if by_folder else (path.name,):
        words = set(re.split(r"[-._ 0-9]+", part.lower()))
        for split, names in _WORDS.items():
            if words.intersection(names):
                return split
    return None


def _of_one_kind(place: Path | str, part: Part, files: Sequence[str]) -> list[str]:
    """The files of one part."""
    kinds = Counter(unpacked_name(Path(name)).suffix.lower() for name in files)
    if len(kinds) > 1:
        raise InputFileError(
            place,
            worded(
                "its {part} is files of several kinds: {kinds}", part=visible(str(part)), kinds=", ".join(sorted(kinds))
            ),
            remedy=worded("Name the files in it that are meant."),
        )
    return sorted(files)
