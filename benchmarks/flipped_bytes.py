"""Whether `verify` finds a flipped byte, wherever it is in a dataset folder.

    python -m benchmarks.flipped_bytes [--positions 2000] [--seed 0] [FOLDER]

Without a folder, one is grown with the embedded teacher, judged, reviewed and decided. Every file gets a share of the positions by
the root of its size, at least one. Of each file: how many positions were tried and how many were found. What is not found is named
with its place; in a ledger it may be a byte that means nothing (free space in a page of SQLite, which `verify` cannot tell from
its content): `harmless` counts those after which every row of every table is what it was. Exits with 1 where one is missed that
is not harmless.
"""

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from builder import pipeline
from builder.errors import SeedbedError
from builder.pipeline.damage import find_damage
from builder.pipeline.judging import judge_folder
from builder.pipeline.looking import verify
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import new_review

_QUIET = Reporter(quiet=True)
# A process's number, and what SQLite leaves beside a ledger that is closed (empty): nothing of the rows.
_WITHOUT_MEANING = (".lock", "-wal", "-shm")


def grow(root: Path) -> None:
    """A folder of every kind of file: grown, judged, reviewed, decided twice."""
    pipeline.build(load_settings(None, ["target=40", "execution.workers=1"], {}), root, _QUIET, {})
    judge_folder(root, None, ["teacher.provider=embedded"], _QUIET, {})
    folder = DatasetFolder.open(root)
    for sample in list(folder.iter_samples())[1:4]:
        folder.reviews.append(new_review(sample.row, sample.id, "drop", reviewer="li", note="not one of ours"))
    pipeline.curate_folder(root, None, [], _QUIET)


def choose(root: Path, positions: int, draw: random.Random) -> list[tuple[Path, int]]:
    """Places in the files of a folder: each file gets at least one, larger ones more, by the root of their size."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.endswith(_WITHOUT_MEANING))
    sizes = {path: path.stat().st_size for path in files}
    weights = {path: size**0.5 for path, size in sizes.items() if size}
    total = sum(weights.values())
    shares = {path: max(1, round(positions * weight / total)) for path, weight in weights.items()}
    return [(path, draw.randrange(sizes[path])) for path, share in shares.items() for _ in range(share)]


def is_found(root: Path) -> bool:
    """Whether `verify` names damage, or cannot go on; a bug is neither."""
    try:
        return bool(verify(root)) or find_damage(root) is not None
    except SeedbedError:
        return True


def flip_each(
    root: Path, chosen: list[tuple[Path, int]], draw: random.Random
) -> Iterator[tuple[Path, int, bool, bool]]:
    """Flip one byte at a time; yields its file, its place, whether it is found, and whether it is without meaning."""
    for path, place in chosen:
        whole = path.read_bytes()
        rows = _rows(path)
        damaged = bytearray(whole)
        damaged[place] ^= draw.randrange(1, 256)
        path.write_bytes(damaged)
        found = is_found(root)
        harmless = not found and rows is not None and _rows(path) == rows
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        path.write_bytes(whole)
        yield path, place, found, harmless


def _rows(path: Path) -> list[list[tuple[object, ...]]] | None:
    """Every row of every table of a ledger; None of another file."""
    if path.suffix != ".sqlite":
        return None
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
            names = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            return [names, *(connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables)]
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def main() -> int:
    """Print what is found of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--positions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "d"
        if chosen.folder is None:
            grow(root)
        else:
            shutil.copytree(chosen.folder, root)
        if is_found(root):
            sys.exit(f"not whole before anything is flipped: {verify(root)}")
        tried: Counter[str] = Counter()
        found: Counter[str] = Counter()
        free: Counter[str] = Counter()
        missed: list[str] = []
        for path, place, is_seen, harmless in flip_each(root, choose(root, chosen.positions, draw), draw):
            name = path.relative_to(root).as_posix()
            tried[name] += 1
            found[name] += is_seen
            free[name] += harmless
            if not is_seen and not harmless:
                missed.append(f"{name}, byte {place}")
    print(f"{'file':<55}{'tried':>7}{'found':>7}{'harmless':>10}")
    for name in (*sorted(tried), "all"):
        counts = [sum(one.values()) if name == "all" else one[name] for one in (tried, found, free)]
        print(f"{name:<55}{counts[0]:>7}{counts[1]:>7}{counts[2]:>10}")
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
