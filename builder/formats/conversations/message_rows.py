"""Trees of messages as rows, one message a row: `message_id`, `parent_id`, `text`, `role`; gathered to the trees that they are.

The rows of a tree need not stand together: texts wait in a file, some dozen bytes of each message in memory.
(Source: the card of oasst1.)
"""

import json
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.formats.columns import fold_name
from builder.formats.reading import CheckedRow, RowFile
from builder.formats.row_format import kind_of
from builder.formats.rows import Causes, RowErrors
from builder.language.messages import worded

_NEEDED = ("message_id", "parent_id", "text", "role")
_KEPT = (*_NEEDED, "lang", "rank", "deleted", "review_result")
_DEEPEST = 200


def is_message_rows(columns: Sequence[str]) -> bool:
    """Whether rows are messages of trees."""
    return {*_NEEDED} <= {fold_name(column) for column in columns}


class MessageTrees:
    """The trees of a file whose rows are messages.

    Args:
        broken: takes the rows without an id, and those with another row's.

    Attributes:
        in_circles: how many messages answer themselves by way of others, and so are in no tree.

    Raises:
        InputFileError: there are such rows, and `broken` raises for them.
    """

    def __init__(self, file: RowFile, broken: Causes | RowErrors) -> None:
        names = {fold_name(column): column for column in reversed([*file.columns])}
        self._columns = {name: names[name] for name in (*_KEPT, "tree_state", "message_tree_id") if name in names}
        self._texts = tempfile.TemporaryFile()  # noqa: SIM115 - closed with what holds it
        weakref.finalize(self, self._texts.close)
        self._end, self._row, self._parent = array("q", [0]), array("q"), array("q")
        self._read(file, broken)
        self._children: dict[int, list[int]] = {}
        for place, parent in enumerate(self._parent):
            if parent >= 0:
                self._children.setdefault(parent, []).append(place)
        reached = [place for place, parent in enumerate(self._parent) if parent < 0]
        for place in reached:
            reached += self._children.get(place, [])
        self.in_circles = len(self._parent) - len(reached)

    def _read(self, file: RowFile, broken: Causes | RowErrors) -> None:
        places: dict[str, int] = {}
        parents: list[str] = []
        for row in file.rows():
            values = {name: row.values.get(column) for name, column in self._columns.items()}
            identifier, parent = values["message_id"], values["parent_id"]
            if not isinstance(identifier, str | int) or isinstance(identifier, bool) or identifier == "":
                broken.add(
                    row.number, worded("its message_id is {kind_of}, expected a text", kind_of=kind_of(identifier))
                )
                continue
            if str(identifier) in places:
                broken.add(
                    row.number,
                    worded("its message_id stands in another row too: {identifier}", identifier=str(identifier)[:40]),
                )
                continue
            places[str(identifier)] = len(self._row)
            parents.append("" if parent is None else str(parent))
            data = json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self._texts.write(data)
            self._end.append(self._end[-1] + len(data))
            self._row.append(row.number)
        if isinstance(broken, RowErrors):
            broken.raise_any()
        self._texts.flush()
        # a message whose parent is in no row begins a tree, as far as this file goes
        self._parent.extend(places.get(parent, -1) for parent in parents)

    def __len__(self) -> int:
        return sum(1 for parent in self._parent if parent < 0)

    def rows(self) -> Iterator[CheckedRow]:
        """One row for each tree, with the number of its first message."""
        for place, parent in enumerate(self._parent):
            if parent < 0:
                values = self._values(place)
                prompt = self._node(place, values, 0)
                tree = {"message_tree_id": values.get("message_tree_id") or str(values["message_id"])}
                state = {"tree_state": values["tree_state"]} if values.get("tree_state") else {}
                yield CheckedRow(self._row[place], {**tree, **state, "prompt": prompt})

    def _values(self, place: int) -> dict[str, Any]:
        start, end = self._end[place], self._end[place + 1]
        values: dict[str, Any] = json.loads(os.pread(self._texts.fileno(), end - start, start))
        return values

    def _node(self, place: int, values: Mapping[str, Any], depth: int) -> dict[str, Any]:
        node = {name: values[name] for name in _KEPT if name in values}
        below = self._children.get(place, []) if depth < _DEEPEST else []
        node["replies"] = [self._node(child, self._values(child), depth + 1) for child in below]
        return node
