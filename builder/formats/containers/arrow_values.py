"""Record batches to rows of Python values: few at a time, none larger than a row may be.

A struct of Arrow gives every object the members of all of them, null where it has none: the arguments of a call to one tool those
of every tool, and its schema the parameters of all. Such nulls are no member; a null in JSON that somebody wrote is one.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.containers.decoding import not_readable
from builder.formats.containers.features import class_decoder, features_of, names_alone
from builder.formats.rows import Container, NumberedRow, row_too_long
from builder.language.messages import worded
from builder.text import visible

ROWS_AT_ONCE = 64

# Of a turn: its speaker, and what says that it is there and empty where it is null.
_SPEAKERS = ("role", "from")
_SAID = ("content", "value")


@contextlib.contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn what the library raises while the block runs into one clear error."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise not_readable(path, kind, type(error).__name__) from None


def check_columns(path: Path, schema: pa.Schema) -> None:
    """Refuse columns that cannot become the keys of rows, and types that nobody writes texts in.

    Raises:
        InputFileError: naming the column.
    """
    names = schema.names
    if len(set(names)) < len(names):
        raise InputFileError(path, worded("two columns have the same name"))
    if len(names) > limits.MAX_COLUMNS:
        raise InputFileError(
            path,
            worded("more than {max_columns:,} columns", max_columns=limits.MAX_COLUMNS),
            remedy=worded("Leave out what is no data."),
        )
    for field in schema:
        if (odd := _odd_type(field.type)) is not None:
            raise InputFileError(
                path,
                worded("column '{name}' has the type {odd}, which is not read", name=visible(field.name), odd=odd),
                remedy=worded("Leave it out, or write it as text."),
            )


def _odd_type(kind: pa.DataType) -> str | None:
    """Such as a union: in a view of a list, or a run, a few bytes are any number of values."""
    if pa.types.is_dictionary(kind) and kind.value_type.num_fields:
        return str(kind)
    if pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind) or "list_view" in str(kind):
        return str(kind).partition("<")[0]
    inside = (kind.field(number).type for number in range(kind.num_fields))
    return next((odd for one in inside if (odd := _odd_type(one)) is not None), None)


def numbered_rows(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[NumberedRow]:
    """The rows of batches, from 1.

    Raises:
        InputFileError: a row is longer than a row may be, or holds a value that Python has none for.
    """
    as_json = {field.name: field.type for field in schema if _holds_json(field.type)}
    filled = [field.name for field in schema if _holds_structs(field.type)]
    noted = features_of(schema)
    classes = {name: decode for name in schema.names if (decode := class_decoder(noted.get(name)))}
    number = 0
    for batch in batches:
        for piece in _pieces(path, batch, number):
            for row in _listed(path, piece, number):
                number += 1
                for name in filled:
                    row[name] = _without_filling(row[name])
                for name, kind in as_json.items():
                    row[name] = _decoded(path, number, row[name], kind)
                for name, decode in classes.items():
                    row[name] = decode(row[name])
                yield number, row


def table_container(
    name: str,
    path: Path,
    batches: Callable[[], Iterator[pa.RecordBatch]],
    kept: pa.Schema,
    left_out: Sequence[str],
    *,
    whole: bool,
) -> Container:
    """A table as a container of rows.

    Args:
        batches: reads the table.
        kept: as `features.readable_schema` has it, with what is `left_out`.
        whole: whether that is all there is in a batch, as it is.
    """

    def rows() -> Iterator[NumberedRow]:
        with readable(path, name):
            found = batches()
            yield from numbered_rows(path, found if whole else (names_alone(batch, kept) for batch in found), kept)

    return Container(name, rows, {"left_out": ", ".join(left_out)} if left_out else {})


def _pieces(path: Path, batch: pa.RecordBatch, before: int) -> Iterator[pa.RecordBatch]:
    """A batch in pieces that are small as Python values too."""
    for start in range(0, len(batch), ROWS_AT_ONCE):
        piece = batch.slice(start, ROWS_AT_ONCE)
        if _fits(piece):
            yield piece
            continue
        for place in range(len(piece)):
            row = piece.slice(place, 1)
            if not _fits(row):
                raise row_too_long(path, before + start + place + 1)
            yield row


def _listed(path: Path, piece: pa.RecordBatch, before: int) -> list[dict[str, Any]]:
    try:
        return piece.to_pylist(maps_as_pydicts="strict")  # type: ignore[no-any-return]
    except (ValueError, OverflowError, KeyError) as error:  # a date before the year 1, a key that stands twice in a map
        if len(piece) > 1:
            rows = (_listed(path, piece.slice(place, 1), before + place) for place in range(len(piece)))
            return [row for one in rows for row in one]
        problem = worded("a value that cannot be read ({name}: {error})", name=type(error).__name__, error=error)
        raise InputFileError(path, problem, row=before + 1, remedy=worded("Write that column as text.")) from None


def _fits(piece: pa.RecordBatch) -> bool:
    size = nodes = 0
    for column in piece.columns:
        bytes_here, nodes_here = _weight(column)
        size, nodes = size + bytes_here, nodes + nodes_here
    return size <= limits.MAX_ROW_BYTES and nodes <= limits.MAX_NODES


def _weight(array: pa.Array) -> tuple[int, int]:
    """The bytes of the texts in an array, each as often as it stands there, and how many values lists and objects hold."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _weight(array.storage)
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return 0, 0
        counted = array.indices.value_counts()
        lengths = _lengths(array.dictionary.take(counted.field("values")))
        return pc.sum(pc.multiply(pc.cast(lengths, pa.int64()), counted.field("counts"))).as_py() or 0, 0
    if _is_text(kind):
        return pc.sum(_lengths(array)).as_py() or 0, 0
    if pa.types.is_map(kind):
        start, count = array.offsets[0].as_py(), array.offsets[-1].as_py() - array.offsets[0].as_py()
        return _sum(_weight(array.keys.slice(start, count)), _weight(array.items.slice(start, count)), (0, 2 * count))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        values = array.flatten()
        return _sum(_weight(values), (0, len(values)))
    if pa.types.is_struct(kind):
        return _sum(*map(_weight, array.flatten()), (0, len(array) * kind.num_fields))
    return 0, 0


def _lengths(texts: pa.Array) -> pa.Array:
    if not (pa.types.is_string_view(texts.type) or pa.types.is_binary_view(texts.type)):
        return pc.binary_length(texts)
    # Arrow 26 counts no views: 16 bytes each, of which the first four are the length
    views = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset * 4 : (texts.offset + len(texts)) * 4 : 4]
    return pa.array(np.where(texts.is_valid().to_numpy(zero_copy_only=False), views, 0))


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary_view(kind)
    )


def _sum(*weights: tuple[int, int]) -> tuple[int, int]:
    return sum(size for size, _ in weights), sum(nodes for _, nodes in weights)


def _holds_json(kind: pa.DataType) -> bool:
    """Whether some of a type's values are JSON (`arrow.json`), as `datasets` writes objects of different members."""
    return isinstance(kind, pa.JsonType) or any(_holds_json(kind.field(i).type) for i in range(kind.num_fields))


def _decoded(path: Path, number: int, value: Any, kind: pa.DataType) -> Any:
    """A value with what its type says to be JSON read."""
    if value is None or not _holds_json(kind):
        return value
    if isinstance(kind, pa.JsonType):
        if value.count("[") + value.count("{") > limits.MAX_NODES:
            raise row_too_long(path, number)
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InputFileError(path, worded("JSON that cannot be read ({error})", error=error), row=number) from None
    if isinstance(value, list):
        return [_decoded(path, number, item, kind.value_type) for item in value]
    return {name: _decoded(path, number, item, kind.field(name).type) for name, item in value.items()}


def _holds_structs(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) or any(_holds_structs(kind.field(i).type) for i in range(kind.num_fields))


def _without_filling(value: Any) -> Any:
    """A value whose objects have the members alone that say something."""
    if isinstance(value, dict):
        kept = _SAID if any(isinstance(value.get(name), str) for name in _SPEAKERS) else ()
        return {name: _without_filling(item) for name, item in value.items() if item is not None or name in kept}
    return [_without_filling(item) for item in value] if isinstance(value, list) else value
