"""A byte that is flipped anywhere in a folder is found; `python -m benchmarks.flipped_bytes` tries 2,000 of them."""

import random
from pathlib import Path

from benchmarks.flipped_bytes import choose, flip_each, grow, is_found


def test_a_flipped_byte_is_found_in_every_file(tmp_path: Path) -> None:
    root, draw = tmp_path / "d", random.Random(7)
    grow(root)
    assert not is_found(root)
    tried = list(flip_each(root, choose(root, 60, draw), draw))
    assert {path.name for path, *_ in tried} >= {"ledger.sqlite", "judge.sqlite", "reviews.jsonl", "seedbed.yaml"}
    assert [f"{path.name}, byte {place}" for path, place, found, harmless in tried if not found and not harmless] == []
    assert all(path.suffix == ".sqlite" for path, _, _, harmless in tried if harmless)
    assert not is_found(root)
