"""What `datasets` notes in a table about its columns: the names of classes, and which columns are pictures or sounds.

{"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MEDIA = frozenset({"Image", "Audio", "Video", "Pdf", "Nifti"})
_MAX_DEPTH = 16

Decoder = Callable[[Any], Any]


def features_of(schema: pa.Schema) -> Mapping[str, Any]:
    """Column → what is noted about it; empty where nothing is, or nothing that can be read."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def holds_media(feature: Any, depth: int = 0) -> bool:
    """Whether a column's values are pictures, sounds or the like, alone or in lists."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(feature, list):
        return any(holds_media(item, depth + 1) for item in feature)
    if not isinstance(feature, dict):
        return False
    named = feature.get("_type")
    return (isinstance(named, str) and named in _MEDIA) or any(
        holds_media(item, depth + 1) for item in feature.values()
    )


def holds_pictures(feature: Any) -> bool:
    """Whether a column's values are pictures or lists of pictures."""
    if isinstance(feature, list):
        return len(feature) == 1 and holds_pictures(feature[0])
    return isinstance(feature, dict) and (feature.get("_type") == "Image" or holds_pictures(feature.get("feature")))


def readable_schema(schema: pa.Schema) -> tuple[pa.Schema, tuple[str, ...]]:
    """What is read of a table: its columns but those of media, and of pictures what they are called; and the others' names."""
    noted = features_of(schema)
    kept = [
        pa.field(field.name, _named_type(field.type)) if holds_pictures(noted.get(field.name)) else field
        for field in schema
        if holds_pictures(noted.get(field.name)) or not holds_media(noted.get(field.name))
    ]
    names = {field.name for field in kept}
    return pa.schema(kept, schema.metadata), tuple(name for name in schema.names if name not in names)


def names_alone(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch as `readable_schema` has it: in place of each picture what it is called."""
    columns = [
        batch.column(field.name)
        if batch.schema.field(field.name).type == field.type
        else _named(batch.column(field.name))
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


# A picture that a table holds itself: what it is called, if anything.
_NAMED = pa.struct([pa.field("path", pa.string()), pa.field("embedded", pa.bool_())])


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _named_type(kind: pa.DataType) -> pa.DataType:
    return pa.list_(_named_type(kind.value_type)) if _is_list(kind) else _NAMED


def _named(pictures: pa.Array) -> pa.Array:
    if _is_list(pictures.type):
        lengths = pc.fill_null(pc.list_value_length(pictures), 0)
        offsets = pa.array([0, *accumulate(lengths.to_pylist())], pa.int32())
        return pa.ListArray.from_arrays(offsets, _named(pictures.flatten()), mask=pictures.is_null())
    has_path = pa.types.is_struct(pictures.type) and pictures.type.get_field_index("path") >= 0
    paths = pc.struct_field(pictures, "path").cast(pa.string()) if has_path else pa.nulls(len(pictures), pa.string())
    embedded = pa.array([True] * len(pictures), pa.bool_())
    return pa.StructArray.from_arrays([paths, embedded], fields=list(_NAMED), mask=pictures.is_null())


def class_decoder(feature: Any, depth: int = 0) -> Decoder | None:
    """What turns the numbers of classes in a column's values into their names; None where there are none."""
    if depth > _MAX_DEPTH or not feature:
        return None
    if isinstance(feature, list):
        return _each(class_decoder(feature[0], depth + 1))
    if not isinstance(feature, dict):
        return None
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        if isinstance(names, dict):  # as older cards write them: {"0": "neg", "1": "pos"}
            names = [names.get(str(number)) for number in range(len(names))]
        return partial(_class_name, names) if isinstance(names, list) else None
    if "feature" in feature:
        return _each(class_decoder(feature["feature"], depth + 1))
    inside = {key: decoder for key, item in feature.items() if (decoder := class_decoder(item, depth + 1))}
    return partial(_members, inside) if inside else None


def _class_name(names: list[Any], value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:  # as test splits hide their labels
        return None
    name = names[value] if 0 <= value < len(names) else None
    return name if isinstance(name, str) else value


def _each(decoder: Decoder | None) -> Decoder | None:
    return None if decoder is None else partial(_items, decoder)


def _items(decoder: Decoder, value: Any) -> Any:
    """Those of a list; a list of objects may be stored as an object of lists."""
    if isinstance(value, dict):
        columns = {key: items if isinstance(items, list) else [items] for key, items in value.items()}
        return {key: [decoder({key: item})[key] for item in items] for key, items in columns.items()}
    return [decoder(item) for item in value] if isinstance(value, list) else decoder(value)


def _members(inside: Mapping[str, Decoder], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: inside[key](item) if key in inside else item for key, item in value.items()}
