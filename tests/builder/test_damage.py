"""A damaged dataset folder is said to be damaged, whatever the command stumbles over; over a whole one it is a bug."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder import pipeline
from builder.pipeline.damage import find_damage
from builder.progress import Reporter
from builder.settings_file import load_settings
from tests.command import Seedbed

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("curated")
    rows = "".join(f'{{"instruction": "Name a {one}.", "output": "A {one}."}}\n' for one in ("moss", "fern", "reed"))
    (root / "rows.jsonl").write_text(rows, encoding="utf-8")
    chosen = load_settings(None, ["execution.workers=1", "novelty.threshold=0.99"], {})
    pipeline.curate_files([root / "rows.jsonl"], chosen, root / "d", QUIET)
    return root


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere/at/all")


def another_table(path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2, 3]}), path)


def gaps(path: Path) -> None:
    table = pq.read_table(path)
    nulls = {name: pa.nulls(len(table), table.schema.field(name).type) for name in table.column_names}
    pq.write_table(pa.table(nulls), path)


def copied(path: Path) -> None:
    shutil.copy(path, path.with_name("part-00001.parquet"))


@pytest.mark.parametrize("unfinished", [False, True])
@pytest.mark.parametrize(
    ("name", "damage", "command"),
    [
        ("samples/part-00000.parquet", cut, "show {0}"),
        ("samples/part-00000.parquet", a_folder, "why {0} 1"),
        ("samples/part-00000.parquet", a_dangling_link, "curate {0} -q"),
        ("samples/part-00000.parquet", another_table, "export {0} --format alpaca --out {1}/out.json"),
        ("samples/part-00000.parquet", gaps, "redact {0} -q"),
        ("samples/part-00000.parquet", copied, "export {0} --format alpaca --out {1}/out.json"),
        ("samples/part-00000.parquet", copied, "curate {0} -q"),
        ("verdicts.parquet", gaps, "why {0} 1"),
        ("verdicts.parquet", another_table, "why {0} 1"),
        ("signals/quality.parquet", cut, "why {0} 1"),
    ],
)
def test_what_is_damaged_is_named_with_exit_code_6(
    seedbed: Seedbed,
    curated: Path,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    command: str,
    unfinished: bool,
) -> None:
    root = Path(shutil.copytree(curated / "d", tmp_path / "d"))
    damage(root / name)
    if unfinished:
        (root / "MANIFEST.json").unlink()
    ended = seedbed(*command.format(root, tmp_path).split())
    assert (ended.code, "Traceback" in ended.err) == (6, False), ended.err
    assert str(root) in ended.err


def test_over_a_whole_folder_an_error_is_a_bug(
    seedbed: Seedbed, curated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    assert find_damage(curated / "d") is None
    monkeypatch.setattr("builder.queries.browsing.read_page", stumble)
    with pytest.raises(KeyError, match="a bug"):
        seedbed("show", curated / "d")
