import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from transformers.utils.chat_template_utils import render_jinja_template

from builder.errors import InputFileError, IntegrityError, UsageError
from builder.published import OPTIONAL, Shape, published_table
from builder.schema import Message, Sample, samples_table
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_table, write_text
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


def test_published_turns_come_back_and_reasoning_is_counted(publish: Publish) -> None:
    call = '[{"name": "weather", "arguments": {"city": "苏州"}}]'
    turns = (
        Message("user", "天气？"),
        Message("assistant", "", call, reasoning="问一下。"),
        Message("tool", "21", name="weather"),
        Message("assistant", "21 度。", weight=0),
    )
    samples = [make_sample(0, *turns), make_sample(1, Message("user", "Hi"), Message("assistant", "Hello."))]
    for members in (frozenset(OPTIONAL), None):
        root = publish(samples, [])
        if members is not None:
            part = root / "publish" / "data" / "train-00000-of-00001.parquet"
            write_table(part, published_table(samples_table(samples), Shape(members, rejected=False)))
            DatasetFolder(root).write_manifest()
        published = read_published(root)
        assert [conversation.messages for conversation in published.train] == [sample.messages for sample in samples]
        assert published.train_tally.describe() == (
            "2 rows read, 2 used, 0 left out, 1 trained on without their reasoning"
        )


def test_published_rows_render_in_the_templates_that_trl_ships(tmp_path: Path) -> None:
    """Each of these fails on arguments as text, on bare tools, or on a null in the place of calls that there are not."""
    turns = (
        Message("user", "Weather in Suzhou?"),
        Message("assistant", "", '[{"name": "weather", "arguments": {"city": "苏州"}}]'),
        Message("tool", "21", name="weather"),
        Message("assistant", "21 degrees."),
    )
    rows = [
        replace(make_sample(0, *turns), tools='[{"name": "weather", "description": "now", "parameters": {}}]'),
        make_sample(1, Message("user", "Hi"), Message("assistant", "Hello.")),
    ]
    path = tmp_path / "train.parquet"
    pq.write_table(published_table(samples_table(rows), Shape(frozenset({"tool_calls"}), rejected=False)), path)
    calling, plain = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    found = find_spec("trl")
    assert found is not None
    folder = Path(str(found.origin)).parent / "chat_templates"
    names = ("llama3_1", "gptoss", "lfm2_2_5", "gemma4_v5", "glm4moe", "qwen3_6", "nemotron_3_nano")
    sources = [folder / f"{name}.jinja" for name in names]
    assert failing(plain, sources) == set()
    assert failing(calling, sources) == set()


def failing(row: Any, sources: Sequence[Path]) -> set[str]:
    failed = set()
    for source in sources:
        try:
            render_jinja_template(
                [row["messages"]],
                tools=json.loads(row["tools"]) if row["tools"] else None,
                chat_template=source.read_text(encoding="utf-8"),
                bos_token="<s>",
                eos_token="</s>",
            )
        except (jinja2.TemplateError, TypeError):
            failed.add(source.stem)
    return failed


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
