"""Text packed with gzip or Zstandard: read as if it were not, and refused where it is damaged or a bomb."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import InputFileError
from builder.foreign import unpacking
from builder.formats.importing import read_samples
from builder.formats.reading import open_rows
from builder.generation.seeds import load_seed_tasks
from builder.progress import Reporter

ROWS = [{"instruction": "水的沸点是多少？", "output": "100 度。"}, {"instruction": "Name a lake.", "output": "Baikal."}]
TEXTS = {
    ".jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS),
    ".json": json.dumps(ROWS, ensure_ascii=False),
    ".csv": "instruction;output\n" + "".join(f"{row['instruction']};{row['output']}\n" for row in ROWS),
    ".tsv": "instruction\toutput\n" + "".join(f"{row['instruction']}\t{row['output']}\n" for row in ROWS),
}


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


PACKED = {".gz": gzip.compress, ".zst": zstd}


def values(path: Path) -> list[dict[str, object]]:
    return [row.values for row in open_rows(path).rows()]


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("suffix", TEXTS)
def test_every_text_container_is_read_packed(tmp_path: Path, suffix: str, packing: str) -> None:
    path = tmp_path / f"rows{suffix}{packing}"
    path.write_bytes(PACKED[packing](TEXTS[suffix].encode()))
    samples = read_samples([path], reporter=Reporter(quiet=True)).samples
    assert [(s.source, s.task_id, s.instruction, s.answer) for s in samples] == [
        (f"{path.name}#1", "rows#1", "水的沸点是多少？", "100 度。"),
        (f"{path.name}#2", "rows#2", "Name a lake.", "Baikal."),
    ]


@pytest.mark.parametrize("codec", ["gb18030", "utf-16"])
def test_encodings_are_found_inside(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXTS[".csv"].encode(codec)))
    assert values(path) == ROWS


@pytest.mark.parametrize("pack", PACKED.values())
def test_parts_that_were_joined_are_all_read(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    path = tmp_path / "a.jsonl.gz"  # what it is packed with is seen, whatever it is called
    path.write_bytes(b"".join(pack((json.dumps(row) + "\n").encode()) for row in ROWS))
    assert values(path) == ROWS


@pytest.mark.parametrize("packing", PACKED)
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, packing: str) -> None:
    data = PACKED[packing](TEXTS[".jsonl"].encode() * 50)
    for length in (len(data) // 2, len(data) - 3):
        path = tmp_path / f"a.jsonl{packing}"
        path.write_bytes(data[:length])
        with pytest.raises(InputFileError) as raised:
            open_rows(path)
        assert raised.value.message == f"{path}: cut short: it ends in the middle of what was packed"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(TEXTS[".jsonl"].encode()))
    data[len(data) // 2] ^= 255
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    with pytest.raises(InputFileError, match=r"a\.jsonl\.gz: damaged gzip"):
        open_rows(tmp_path / "a.jsonl.gz")


@pytest.mark.parametrize("packing", PACKED)
def test_a_bomb_is_refused(tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "FREE_BYTES", 8 * 2**20)
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(PACKED[packing]((TEXTS[".jsonl"] + " " * 2**20 + "\n").encode() * 16))
    assert path.stat().st_size < 2**16
    with pytest.raises(InputFileError, match=r"unpacks to more than \d+ MiB, \d[\d,]+ times what is packed"):
        open_rows(path)


def test_tables_that_are_packed_already_are_not_read_packed_again(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(InputFileError, match=r"\.parquet inside gzip is not supported\n  Unpack it first"):
        open_rows(path)


def test_a_file_without_a_suffix_is_what_its_bytes_say(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "table")
    for name, data in {"lines": TEXTS[".jsonl"], "list": TEXTS[".json"], "cells": TEXTS[".csv"]}.items():
        (tmp_path / name).write_bytes(gzip.compress(data.encode()))
        assert values(tmp_path / name) == ROWS, name
    assert values(tmp_path / "table") == ROWS


def test_seeds_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv.zst"
    path.write_bytes(zstd(TEXTS[".csv"].encode()))
    assert [(seed.id, seed.source) for seed in load_seed_tasks([str(path)])] == [
        ("tasks#1", "tasks.csv.zst#1"),
        ("tasks#2", "tasks.csv.zst#2"),
    ]
