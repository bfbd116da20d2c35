"""Readers beside a writer: one decision in each answer, no damage that is none, and no lock."""

from pathlib import Path

import pytest

from benchmarks.alpaca_rows import write_rows
from benchmarks.readers import LONGEST, facts, race
from builder import pipeline
from builder.errors import FolderInUseError
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.snapshot import consistent, open_snapshot

QUIET = Reporter(quiet=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    write_rows(file, 60)
    settings = load_settings(None, [f"filters.max_answer_words={LONGEST[0]}"], {})
    pipeline.curate_files([file], settings, tmp_path / "d", QUIET)
    return tmp_path / "d"


def decide(root: Path, longest: int) -> None:
    pipeline.curate_folder(root, None, [f"filters.max_answer_words={longest}"], QUIET)


def test_reads_beside_a_writer_are_of_one_decision(root: Path) -> None:
    counts, wrong = race(root, 120, readers=2)
    assert wrong == []
    assert counts["decisions"] >= 2


def test_a_read_that_another_decision_overtakes_is_made_again(root: Path) -> None:
    before = facts(root)[1]
    read: list[int] = []

    @consistent
    def slowly(root: Path) -> tuple[int, int]:
        folder = open_snapshot(root)
        longest = load_settings(folder.settings, environ={}).filters.max_answer_words
        if not read:
            decide(root, LONGEST[1])
        read.append(1)
        return longest, sum(folder.verdicts_table(["kept"])["kept"].to_pylist())

    longest, kept = slowly(root)
    assert (longest, len(read)) == (LONGEST[1], 2)
    assert kept == facts(root)[1] < before


def test_a_reader_beside_a_writer_without_end_is_told_so(root: Path) -> None:
    tries: list[int] = []

    @consistent
    def never(root: Path) -> None:
        tries.append(1)
        folder = DatasetFolder(root)
        folder.write_signal("test", folder.verdicts_table(["row"]).slice(0, len(tries) % 20))
        folder.write_manifest()

    with pytest.raises(FolderInUseError, match="decided again faster than it can be read"):
        never(root)
    assert len(tries) == 50


def test_an_error_that_no_writer_caused_is_not_hidden(root: Path) -> None:
    @consistent
    def fails(root: Path) -> None:
        raise KeyError(open_snapshot(root).called.name)

    with pytest.raises(KeyError, match="d"):
        fails(root)
