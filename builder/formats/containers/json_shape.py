"""What a JSON object around rows looks like: which of its members hold them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.containers.json_document import Document, items_of, keys_of
from builder.language.messages import worded
from builder.text import visible, word_list

# Keys of a single row whose value is a list, so that the row is not taken for an object around the rows.
_ROW_KEYS = frozenset(
    word_list("messages conversations instances history tools functions prompt completion chosen rejected")
)
# Columns are read side by side, each with the file open.
_MAX_COLUMNS = 256


@dataclass(slots=True)
class Shape:
    """An object's members, of which no value is held.

    Attributes:
        lists: those that are lists, with their length and whether they hold objects alone.
        objects: the first of those that are objects, with how many members each has.
        numbered: whether every key is a number.
    """

    path: Path
    lists: dict[str, tuple[int, bool]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    numbered: bool = True
    _object_count: int = 0
    _others: int = 0
    _is_row: bool = False
    _inner_numbered: bool = True
    _inner_keys: Sequence[str] | None = None
    _alike: bool = True

    def add(self, key: str, value: Document) -> None:
        """Look at a member's value, which begins at the document's place."""
        self.numbered = self.numbered and key.isdecimal()
        self._is_row = self._is_row or key in _ROW_KEYS
        match value.peek():
            case "[":
                count, objects = 0, True
                for count, item in items_of(value):  # noqa: B007 - the last one is the length
                    objects = objects and isinstance(item, dict)
                self.lists[key] = count, objects
            case "{":
                self._add_object(key, value)
            case _:
                self._others += 1
                value.step_over()
        if len(self.lists) > limits.MAX_COLUMNS:
            raise InputFileError(
                self.path, worded("an object of more than {max_columns:,} lists", max_columns=limits.MAX_COLUMNS)
            )

    def _add_object(self, key: str, value: Document) -> None:
        keys: list[str] = []
        count = 0
        for inner in keys_of(value):
            count += 1
            self._inner_numbered = self._inner_numbered and inner.isdecimal()
            if count <= _MAX_COLUMNS:
                keys.append(inner)
            value.step_over()
        if self._inner_keys is None:
            self._inner_keys = keys
        self._alike = self._alike and bool(keys) and set(keys) == set(self._inner_keys)
        self._object_count += 1
        if len(self.objects) <= _MAX_COLUMNS:
            self.objects[key] = count

    @property
    def wrapped(self) -> str | None:
        """The key of the one list of rows."""
        lists = [key for key in self.lists if key not in _ROW_KEYS]
        return lists[0] if len(lists) == 1 and not self._is_row else None

    @property
    def columns(self) -> Sequence[str]:
        """The keys that are columns; empty where they are none.

        Raises:
            InputFileError: there are too many, or they are not of one length.
        """
        lengths: dict[str, int] = {}
        if not (self._object_count or self._others) and len(self.lists) > 1:
            # lists of objects alone are several lists of rows, or the turns and tools of a single row
            holds_objects = all(objects for _, objects in self.lists.values())
            lengths = {} if holds_objects else {key: length for key, (length, _) in self.lists.items()}
        elif not (self.lists or self._others or self.numbered) and self._object_count > 1 and self._inner_numbered:
            lengths = self.objects
        if len(lengths) > _MAX_COLUMNS:
            raise InputFileError(
                self.path,
                worded("an object of more than {max_columns} columns", max_columns=_MAX_COLUMNS),
                remedy=worded("Leave out what is no data, or write a row a line."),
            )
        different = {length: key for key, length in lengths.items()}
        if len(different) > 1:
            found = ", ".join(
                worded("'{key}' has {length:,}", key=visible(key), length=length)
                for length, key in list(different.items())[:3]
            )
            raise InputFileError(
                self.path,
                worded("an object of columns of different lengths: {found}", found=found),
                remedy=worded("Every column needs a value for each row."),
            )
        return list(lengths)

    @property
    def rows_by_key(self) -> bool:
        """Whether its values are the rows: under numbers, or under names where all have the same columns."""
        if self.lists or self._others or not self._object_count:
            return False
        return self.numbered or (self._object_count > 1 and self._alike)


def shape_of(path: Path, document: Document) -> Shape:
    """Look at the object that begins at the document's place, and leave it behind."""
    shape = Shape(path)
    for key in keys_of(document):
        shape.add(key, document)
    return shape
