from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from builder.errors import InputFileError, IntegrityError, UsageError
from builder.files import write_text
from builder.schema import Message, Sample
from trainer.data import read_published

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]


def make_sample(row: int, *turns: Message) -> Sample:
    return Sample(row, f"task-{row}", turns, "reasoning", "en", "imported", "test")


def test_every_row_is_used_or_counted_with_its_reason(publish: Publish) -> None:
    human: Message = Message("human", "hi")  # type: ignore[arg-type]
    gpt: Message = Message("gpt", "hello")  # type: ignore[arg-type]
    rows = [
        make_sample(0, Message("user", "你好"), Message("assistant", "您好")),
        make_sample(1, human, gpt),
        make_sample(2, Message("user", "nobody answers")),
        make_sample(3, Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "x")),
    ]
    published = read_published(publish(rows, rows[:0]))
    assert [c.row for c in published.train] == [0, 3]
    assert published.train[1].answer == "a"
    tally = published.train_tally
    assert (tally.read, tally.used, tally.reasons) == (4, 2, {"unknown_role": 1, "no_assistant_turn": 1})
    assert tally.describe() == ("4 rows read, 2 used, 2 left out (no_assistant_turn 1: rows 2; unknown_role 1: rows 1)")
    assert published.validation == ()
    assert published.manifest_hash is not None


def test_a_folder_that_is_not_published_says_how_to_publish_it(tmp_path: Path) -> None:
    write_text(tmp_path / "seedbed.yaml", "name: x\n")
    with pytest.raises(UsageError, match=r"holds no train-\*\.parquet"):
        read_published(tmp_path)
    with pytest.raises(InputFileError, match="no such dataset folder"):
        read_published(tmp_path / "nowhere")


def test_a_damaged_file_is_named(publish: Publish) -> None:
    root = publish([make_sample(0, Message("user", "u"), Message("assistant", "a"))], [])
    part = root / "publish" / "data" / "train-00000-of-00001.parquet"
    part.write_bytes(b"not parquet")
    with pytest.raises(IntegrityError, match="train-00000-of-00001"):
        read_published(root)
