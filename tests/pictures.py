"""Real pictures for tests, and files of rows about them."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any


def write_png(path: Path, colour: tuple[int, int, int], size: int = 8) -> str:
    """A picture of one colour; returns its path."""
    rows = b"".join(b"\0" + bytes(colour) * size for _ in range(size))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )
    return str(path)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def chat(question: Any, answer: str) -> dict[str, Any]:
    """A row of messages."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
