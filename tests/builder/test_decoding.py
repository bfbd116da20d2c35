"""Parquet and Arrow files that would end the process or fill its memory: each is read, or refused with one clear error."""

import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from builder.errors import InputFileError
from builder.formats.containers import decoding
from builder.formats.reading import open_rows
from tests.builder.test_formats import rows_or_clear_error
from tests.builder.test_hostile_files import check_apart

MIB = 2**20


def large_lists(rows: int, each: int, values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(np.arange(rows + 1) * each, pa.int64()), values)


def repeated(text: str, times: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), pa.array([text]))


def write_parquet(path: Path, **more: Any) -> Callable[[pa.Array], None]:
    def write(answers: pa.Array) -> None:
        table = pa.table({"question": ["q"] * len(answers), "answer": answers})
        pq.write_table(table, path, compression="zstd", **more)

    return write


def test_a_file_that_ends_its_reader_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["q"], "answer": ["a"]}), tmp_path / "a.parquet")
    assert open_rows(tmp_path / "a.parquet").count == 1
    process = decoding._apart._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)  # it is at work on the file for as long as it takes
    killer = threading.Timer(0.2, process.kill)
    killer.start()
    with pytest.raises(InputFileError, match=r"a\.parquet: not a readable Parquet file \(.+: SIGKILL\)"):
        open_rows(tmp_path / "a.parquet")
    killer.join()
    assert open_rows(tmp_path / "a.parquet").count == 1


def test_a_damaged_file_that_aborts_is_refused() -> None:
    """Found by flipping bytes: pyarrow 26 calls abort() on it, which no `except` in its process sees."""
    with pytest.raises(InputFileError, match=r"ends_its_reader\.parquet: not a readable Parquet file \("):
        open_rows(Path(__file__).parents[1] / "fixtures" / "ends_its_reader.parquet")


def test_nothing_in_the_folder_that_one_stands_in_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"question": ["q"], "answer": ["a"]}), tmp_path / "a.parquet")
    for name in ("pyarrow", "json", "signal"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    decoding._apart.close()
    assert open_rows(Path("a.parquet")).count == 1
    decoding._apart.close()
    assert not (tmp_path / "ran").exists()


def test_bombs_are_refused(tmp_path: Path) -> None:
    """Each is a few kilobytes; some would take 700 MB to 10 GB, the reader of the tests takes less than 300 MB."""
    nulls = 10**8
    lists = tmp_path / "lists.parquet"
    write_parquet(lists, store_schema=False, dictionary_pagesize_limit=2**30)(
        large_lists(1, 700, repeated("x" * MIB, 700))
    )
    views = tmp_path / "views.parquet"
    write_parquet(views, dictionary_pagesize_limit=2**30)(large_lists(1, 700, repeated("x" * MIB, 700)))
    empty = tmp_path / "empty.parquet"
    write_parquet(empty)(large_lists(1, 2 * 10**6, large_lists(2 * 10**6, 0, pa.array([], pa.int8()))))
    many, zeros = tmp_path / "many.arrow", tmp_path / "zeros.feather"
    feather.write_feather(pa.table({"question": pa.nulls(nulls)}), str(many), chunksize=nulls)
    texts = pa.table({"question": pa.nulls(nulls, pa.string())})
    feather.write_feather(texts, str(zeros), compression="zstd", chunksize=nulls)
    rows = tmp_path / "rows.parquet"
    pq.write_table(texts.slice(0, 2 * 10**6), rows, row_group_size=2 * 10**6)
    assert max(path.stat().st_size for path in (lists, views, empty, many, rows)) < 5_000
    assert zeros.stat().st_size < 15_000
    check_apart(
        {
            lists: "lists.parquet: needs more than 258 MiB of memory to be read",
            views: "views.parquet, row 1: the row is longer than 16 MiB or 1,000,000 lists and objects",
            empty: "empty.parquet, row 1: the row is longer than 16 MiB or 1,000,000 lists and objects",
            many: "many.arrow: says that it holds 100,000,000 rows, in",
            zeros: "zeros.feather: needs more than 256 MiB of memory to be read",
            rows: "rows.parquet: says that it holds 2,000,000 rows, in",
        },
        400,
    )


def test_a_list_of_a_hundred_million_nulls_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.formats.containers.parquet_rows.MAX_VALUES", 10**6)
    path = tmp_path / "a.parquet"
    write_parquet(path)(large_lists(1, 2 * 10**6, pa.nulls(2 * 10**6, pa.int8())))
    with pytest.raises(InputFileError, match=r"says that it holds 2,000,001 values, in \d+ bytes"):
        open_rows(path)


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_arrow_files_and_streams_of_every_packing(tmp_path: Path, compression: str | None) -> None:
    table = pa.table(
        {
            "q": pa.array(["水有多深？", None, "c"], pa.string_view()),
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "pairs": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        }
    )
    options = pa.ipc.IpcWriteOptions(compression=compression)
    for name, writer in {
        "a.arrow": pa.ipc.new_file,
        "b.arrow": pa.ipc.new_stream,
        "c.feather": pa.ipc.new_file,
    }.items():
        with writer(str(tmp_path / name), table.schema, options=options) as written:
            written.write_table(table, max_chunksize=2)
        opened = open_rows(tmp_path / name)
        assert opened.container == "Arrow"
        assert [row.values for row in opened.rows()] == [
            {"q": "水有多深？", "kind": "a", "pairs": {"k": 1}},
            {"q": None, "kind": "b", "pairs": {}},
            {"q": "c", "kind": "a", "pairs": None},
        ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.arrow", b"neither", "a.arrow: neither an Arrow file nor a stream"),
        ("a.feather", b"FEA1 and more", "a.feather: Feather of version 1\n  Write it again with a newer program."),
        ("a.arrow", b"ARROW1\0\0 and more", "a.arrow: not a readable Arrow file (ArrowInvalid)"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputFileError) as raised:
        open_rows(tmp_path / name)
    assert str(raised.value).endswith(expected)


def test_types_that_are_any_number_of_values_are_named(tmp_path: Path) -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), pa.array(["x"]))
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), pa.schema([("q", runs.type)])) as writer:
        writer.write_batch(pa.record_batch({"q": runs}))
    with pytest.raises(InputFileError, match="column 'q' has the type run_end_encoded, which is not read"):
        open_rows(tmp_path / "a.arrow")


def test_flipped_bytes_give_rows_or_a_clear_error(tmp_path: Path) -> None:
    """As a run of 30,000 mutations of 200 files did."""
    chosen = random.Random(7)
    turns = pa.array([[{"role": "user", "content": "q"}], [], None])
    table = pa.table({"messages": turns, "kind": pa.array(["a", "b", "a"]).dictionary_encode(), "n": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet", compression="snappy")
    feather.write_feather(table, str(tmp_path / "a.feather"), compression="zstd")
    for name in ("a.parquet", "a.feather"):
        data = (tmp_path / name).read_bytes()
        for _ in range(40):
            damaged = bytearray(data)
            for _ in range(chosen.choice((1, 3))):
                damaged[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
            (tmp_path / name).write_bytes(damaged)
            rows = rows_or_clear_error(tmp_path / name)
            assert rows is None or len(rows) > 0
