"""The vectors of a dataset's rows: what is not there yet is encoded, and kept in `embeddings/<encoder>.parquet`.

A vector is found again by its text, so a new threshold needs no encoding, rows that share a text share a vector, and a text
is encoded once for each version of the encoder.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from builder.config import Settings
from builder.encoders import ENCODERS, CharacterEncoder, Codes, Encoder, quantise
from builder.errors import EndpointError, UsageError
from builder.execution import run
from builder.language.messages import worded
from builder.progress import Reporter
from builder.requests.spending import read_spending
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.files import parquet_file, remove_file, write_json, write_table

Hashes = npt.NDArray[np.uint64]

_VERSION = b"seedbed.encoder"
_TEXTS_AT_ONCE = 8_192


def embed_rows(
    folder: DatasetFolder,
    settings: Settings,
    texts: pl.Series,
    reporter: Reporter,
    *,
    may_encode: bool = True,
    environ: Mapping[str, str] | None = None,
) -> Codes | None:
    """The vector of every row, in row order; the folder's table is brought up to them.

    Args:
        texts: of all rows, in row order.
        may_encode: whether texts may be encoded; else all vectors must be there.
        environ: where keys are; None is the process's environment.

    Returns:
        Shape (rows, dimensions); None where nothing needs vectors.

    Raises:
        UsageError: vectors are missing that may not be made, or the encoder cannot be used.
        EndpointError, BudgetReachedError: as the encoder raises them; what was bought is kept.
    """
    name = settings.meaning.encoder
    if name == "none":
        return None
    folder.embeddings.mkdir(parents=True, exist_ok=True)
    ledger = folder.embeddings / "ledger.sqlite"
    encoder = ENCODERS[name](settings, ledger, os.environ if environ is None else environ)
    path = folder.embeddings / f"{name}.parquet"
    hashes = _hash_texts(texts)
    folder.check(path)
    there, codes = _read(path, encoder.version)
    if np.array_equal(hashes, there):
        return codes
    unique, first = np.unique(hashes, return_index=True)
    lacking = np.sort(first[~np.isin(unique, there)])
    if len(lacking) and not may_encode:
        raise UsageError(
            worded(
                "{called}: {lacking:,} texts have no vectors of the encoder {version}",
                called=folder.called,
                lacking=len(lacking),
                version=encoder.version,
            ),
            worded(
                "Run `seedbed curate {called}` without --redecide; it encodes only what is missing.",
                called=folder.called,
            ),
        )
    new = _encode(encoder, texts.gather(lacking).to_list(), settings, reporter)
    if len(new) and len(codes) and new.shape[1] != codes.shape[1]:
        raise EndpointError(
            worded(
                "{version}: gave vectors of {shape} dimensions; those of other rows have {shape_2}",
                version=encoder.version,
                shape=new.shape[1],
                shape_2=codes.shape[1],
            ),
            worded("Another model answers under that name. Remove {path} to encode all rows anew.", path=path),
        )
    known = np.concatenate([there, hashes[lacking]])
    all_codes = np.concatenate([codes, new]) if len(codes) and len(new) else (new if len(new) else codes)
    order = np.argsort(known, kind="stable")
    rows = all_codes[order[np.searchsorted(known, hashes, sorter=order)]] if len(hashes) else all_codes[:0]
    write_table(path, _table(hashes, rows, encoder.version))
    _close_ledger(ledger, reporter)
    return rows


def _close_ledger(ledger: Path, reporter: Reporter) -> None:
    """Remove a ledger whose replies are vectors on disk now, and add what it counts to `embeddings/spending.json`."""
    if not ledger.is_file():
        return
    spent, record = asdict(read_spending(ledger)), ledger.with_name("spending.json")
    before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    write_json(record, {name: count + before.get(name, 0) for name, count in spent.items()})
    for used in ledger.parent.glob(f"{ledger.name}*"):
        remove_file(used)
    reporter.say(
        worded(
            "Encoding took {requests:,} requests and {tokens:,} tokens.",
            requests=spent["requests"],
            tokens=spent["tokens"],
        )
    )


def _encode(encoder: Encoder, texts: Sequence[str], settings: Settings, reporter: Reporter) -> Codes:
    """Codes of shape (texts, dimensions); workers share the encoder that needs no model, others have an order of their own."""
    chunks = [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]
    parts: list[Codes] = []
    with reporter.step(worded("Encoding"), total=len(texts)) as step:
        encode = partial(encode_chunk, encoder)
        parallel = isinstance(encoder, CharacterEncoder)
        with contextlib.closing(
            run(encode, chunks, settings.execution) if parallel else (encode(chunk) for chunk in chunks)
        ) as done:
            for chunk, codes in zip(chunks, done, strict=True):
                parts.append(codes)
                step.advance(len(chunk))
    return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.int16)


def encode_chunk(encoder: Encoder, texts: Sequence[str]) -> Codes:
    """The vectors of some texts as they are kept."""
    return quantise(encoder.encode(texts))


def _hash_texts(texts: pl.Series) -> Hashes:
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _read(path: Path, version: str) -> tuple[Hashes, Codes]:
    """The hashes of texts and their vectors in this version of the encoder, in row order; none where there is no table."""
    nothing = np.zeros(0, dtype=np.uint64), np.zeros((0, 0), dtype=np.int16)
    if not path.is_file():
        return nothing
    with parquet_errors(path), parquet_file(path) as file:
        metadata = file.schema_arrow.metadata or {}
        if metadata.get(_VERSION) != version.encode():
            return nothing
        table = file.read(["text", "vector"])
    vectors = table["vector"].combine_chunks()
    codes = np.asarray(vectors.flatten()).reshape(len(vectors), vectors.type.list_size)
    if (
        codes.dtype != np.int16
    ):  # 8 bits, as Seedbed kept them before: coarser by 0.001, and dear ones need not be bought again
        codes = quantise(codes)
    return np.asarray(table["text"]).astype(np.uint64), codes


def _table(hashes: Hashes, codes: Codes, version: str) -> pa.Table:
    """row, text (the hash of what was encoded) and vector, of every row."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel(), pa.int16()), max(1, codes.shape[1]))
    columns = [pa.array(np.arange(len(hashes)), pa.int64()), pa.array(hashes), vectors]
    fields = [pa.field(name, c.type) for name, c in zip(("row", "text", "vector"), columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata={_VERSION: version.encode()}))
