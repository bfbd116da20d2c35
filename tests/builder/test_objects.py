"""Tables that are in memory already."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from builder.errors import InputFileError, UsageError
from builder.formats.containers.objects import open_table
from builder.formats.importing import read_samples
from builder.formats.reading import RowFile
from builder.pipeline import curate_files
from builder.progress import Reporter
from builder.settings_file import settings_from_mapping


def values(table: object) -> list[dict[str, Any]]:
    return [row.values for row in open_table(table, "t").rows()]


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "q": ["水？", None, np.nan],
            "n": pandas.array([1, None, 3], dtype="Int64"),
            "kind": pandas.Categorical(["x", "y", None]),
            "time": pandas.to_datetime(["2024-01-02 00:00", None, "2024-01-03 04:05"]),
            "list": [np.array(["a"]), [], None],
            5: pandas.array(["u", pandas.NA, "v"], dtype="string"),
        },
        index=[7, 7, 9],
    )
    assert values(frame) == [
        {"q": "水？", "n": 1, "kind": "x", "time": datetime.datetime(2024, 1, 2), "list": ["a"], "5": "u"},
        {"q": None, "n": None, "kind": "y", "time": None, "list": [], "5": None},
        {"q": None, "n": 3, "kind": None, "time": datetime.datetime(2024, 1, 3, 4, 5), "list": None, "5": "v"},
    ]
    with pytest.raises(InputFileError, match="t: two columns have the same name"):
        open_table(pandas.DataFrame([[1, 2]], columns=["a", "a"]), "t")


def test_polars_and_arrow() -> None:
    rows = [{"turns": [{"role": "user", "content": "q"}], "f": 1.5, "day": None}, {"turns": [], "f": None, "day": None}]
    frame = pl.DataFrame(rows, schema_overrides={"day": pl.Date})
    assert values(frame) == values(frame.lazy()) == values(frame.to_arrow()) == rows
    assert values(pl.DataFrame({"f": [float("nan")]})) == [{"f": None}]
    assert values(pa.record_batch({"q": ["a"], "kind": pa.array(["k"]).dictionary_encode()})) == [
        {"q": "a", "kind": "k"}
    ]


def test_datasets() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"q": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"]), "picture": datasets.Image()}
    )
    rows = {"q": ["a", "b", "c"], "label": [0, 1, -1], "picture": [None] * 3}
    made = datasets.Dataset.from_dict(rows, features=features)
    opened = open_table(made.select([2, 1]).with_format("numpy"), "hub")
    assert (opened.container, opened.details, opened.count) == ("datasets", {}, 2)
    assert [row.values for row in opened.rows()] == [
        {"q": "c", "label": None, "picture": None},
        {"q": "b", "label": "pos", "picture": None},
    ]
    with pytest.raises(UsageError, match="hub: a DatasetDict of the splits train\n  Open each of its splits by itself"):
        open_table(datasets.DatasetDict(train=made), "hub")


def test_what_is_no_table() -> None:
    with pytest.raises(UsageError, match=r"t: builtins\.dict is not read as a table\n  Polars and pandas data frames"):
        open_table({"q": ["a"]}, "t")
    with pytest.raises(InputFileError, match="t: it holds no rows"):
        open_table([], "t")
    with pytest.raises(InputFileError, match="t, row 2: the row is a number, expected an object"):
        open_table([{"q": "a"}, 7], "t")


def test_objects_beside_files(tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"question": "From a file?", "answer": "Yes."}')
    frame = open_table(pl.DataFrame({"问": ["来自内存？"], "答": ["是。"]}), "frame")
    files: list[Path | RowFile] = [frame, tmp_path / "more.jsonl"]
    mapping = {"frame:instruction": "问", "frame:output": "答"}
    samples = read_samples(files, mapping=mapping, reporter=Reporter(quiet=True)).samples
    assert [(s.source, s.task_id, s.answer) for s in samples] == [
        ("frame#1", "frame#1", "是。"),
        ("more.jsonl#1", "more#1", "Yes."),
    ]
    curated = curate_files(files, settings_from_mapping({}), tmp_path / "out", Reporter(quiet=True), mapping)
    assert curated.report["rows"]["total"] == 2
