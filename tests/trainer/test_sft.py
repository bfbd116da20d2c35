import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from builder.answers import AnswerKey
from builder.config import Train
from builder.dataset_folder import DatasetFolder
from builder.errors import IntegrityError, UsageError
from builder.progress import Reporter
from builder.schema import Message, Sample
from trainer.batches import collate
from trainer.evaluation import Cell, evaluate
from trainer.preflight import prepare
from trainer.sft import TrainResult, train

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]

QUIET = Reporter(quiet=True)
WORDS = {"en": ("red", "blue", "green", "black", "white", "pink"), "zh": ("红", "蓝", "绿", "黑", "白", "粉")}


def echo_sample(row: int, language: str, first: str, second: str, *, keyed: bool = True) -> Sample:
    """Repeat the first of two colours."""
    question = {"en": "Repeat the first: ", "zh": "重复第一个："}[language]
    key = AnswerKey("echo", "exact", first).to_json() if keyed else None
    turns = (Message("user", f"{question}{first} {second}"), Message("assistant", first))
    return Sample(row, f"task-{row}", turns, "reasoning", language, "generated", "test", answer_key=key)


@pytest.fixture(scope="module")
def folder(publish: Publish) -> Path:
    pairs = [(language, a, b) for language, words in WORDS.items() for a in words for b in words if a != b]
    random.Random(0).shuffle(pairs)
    samples = [echo_sample(row, *pair, keyed=row != 1) for row, pair in enumerate(pairs)]
    return publish(samples[12:], samples[:12])


SETTINGS = Train(template="compact", epochs=40, learning_rate=3e-3, warmup_steps=10, max_length=64)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(folder, tmp_path_factory.mktemp("runs") / "echo", SETTINGS, seed=1, reporter=QUIET)


def test_training_teaches_what_a_constant_guess_cannot_know(run: TrainResult) -> None:
    found = evaluate(run.out, reporter=QUIET)
    assert found.total("tuned").n == 11
    assert found.total("tuned").right >= 9
    assert found.total("base").right == 0
    assert found.total("constant").right <= 5
    assert found.rows_without_key == 1
    assert found.rows == 12
    assert found.loss.tuned < 1.0 < found.loss.base
    assert found.loss.tokens == 24  # a colour and an end token in each row
    assert {(cell.family, cell.language) for cell in found.cells} == {("echo", "en"), ("echo", "zh")}
    assert sum(cell.n for cell in found.cells) == 11
    record = json.loads((run.out / "evaluation.json").read_text(encoding="utf-8"))
    assert record["totals"]["tuned"]["n"] == 11
    assert [Cell(**cell) for cell in record["cells"]] == list(found.cells)
    page = (run.out / "evaluation.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "12 validation rows" in page
    assert found.loss.tuned == pytest.approx(run.validation_loss, abs=1e-4)


def test_max_rows_leaves_the_others_out_by_name(run: TrainResult) -> None:
    found = evaluate(run.out, reporter=QUIET, max_rows=5)
    assert found.rows == 5
    assert found.rows_left_out == {"beyond_max_rows": 7}


def test_the_record_says_what_was_trained_on_what(run: TrainResult, folder: Path) -> None:
    record = json.loads((run.out / "run.json").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    assert record["dataset"]["manifest_sha256"] == manifest["sha256"]
    assert Train(**record["settings"]) == SETTINGS
    assert record["seed"] == 1
    assert record["rows"]["train"] == {"read": 48, "used": 48, "left_out": {}, "left_out_rows": {}}
    assert record["tokens"]["train_supervised"] == 96
    assert record["template"] == {"name": "compact", "end_token": "<|end|>"}
    assert record["steps"] == run.steps == 120
    assert record["stopped_early"] is False
    assert record["parameters"] == {"all": run.parameters, "trained": run.parameters}
    assert 600_000 < run.parameters < 700_000
    assert {"torch", "transformers", "trl"} <= set(record["libraries"])
    losses = [point["loss"] for point in record["curve"] if point["split"] == "train"]
    assert losses[0] > 3 * losses[-1]
    assert any(point["split"] == "validation" for point in record["curve"])
    svg = (run.out / "loss.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "Optimiser steps" in svg
    assert "Loss (nats per supervised token)" in svg
    assert "<script" not in svg
    assert not list(run.out.glob("checkpoint-*"))


def test_the_saved_model_answers_with_plain_transformers_and_stops_by_itself(run: TrainResult) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(run.out / "model")
    model: Any = AutoModelForCausalLM.from_pretrained(run.out / "model")
    chat = [{"role": "user", "content": "重复第一个：红 蓝"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = model.generate(**inputs, max_new_tokens=10, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    text = tokenizer.decode(made)
    assert text.endswith("<|end|>")
    assert text.count("<|end|>") == 1
    assert tokenizer.decode(inputs["input_ids"][0]) == "<|user|>重复第一个：红 蓝<|assistant|>"


def test_a_finished_run_is_refused_and_left_as_it_was(run: TrainResult, folder: Path) -> None:
    before = (run.out / "run.json").read_bytes()
    with pytest.raises(UsageError, match="holds a finished run"):
        train(folder, run.out, SETTINGS, seed=2, reporter=QUIET)
    assert (run.out / "run.json").read_bytes() == before


def test_the_time_limit_stops_cleanly_and_the_record_says_so(folder: Path, tmp_path: Path) -> None:
    ticks = iter(range(0, 10_000, 20))
    short = SETTINGS.model_copy(update={"max_minutes": 1.0})
    result = train(folder, tmp_path / "run", short, seed=1, reporter=QUIET, clock=lambda: float(next(ticks)))
    assert result.stopped_early
    assert 1 <= result.steps <= 4
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["stopped_early"] is True
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_the_same_seed_gives_the_same_losses(folder: Path, tmp_path: Path) -> None:
    brief = SETTINGS.model_copy(update={"epochs": 2.0, "gradient_accumulation": 2})
    results = [train(folder, tmp_path / name, brief, seed=3, reporter=QUIET) for name in ("a", "b")]
    assert results[0].validation_loss == results[1].validation_loss
    assert results[0].steps == 4


def test_lora_trains_few_parameters_on_a_trained_model(run: TrainResult, folder: Path, tmp_path: Path) -> None:
    settings = Train(model=str(run.out), tuning="lora", lora_rank=4, epochs=1.0)
    result = train(folder, tmp_path / "lora", settings, seed=1, reporter=QUIET)
    assert result.parameters == run.parameters
    assert result.trained_parameters < run.parameters / 10
    assert (tmp_path / "lora" / "model" / "adapter_model.safetensors").is_file()
    found = evaluate(tmp_path / "lora", reporter=QUIET)
    assert found.total("base").right >= 9  # the base is the trained model
    assert found.loss.tuned != found.loss.base


def test_a_changed_dataset_is_not_evaluated_on(publish: Publish, tmp_path: Path) -> None:
    samples = [echo_sample(row, "en", "red", "blue") for row in range(4)]
    root = publish(samples, samples[:1])
    brief = SETTINGS.model_copy(update={"epochs": 1.0})
    train(root, tmp_path / "run", brief, seed=1, reporter=QUIET)
    manifest = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))
    (root / "MANIFEST.json").write_text(json.dumps({**manifest, "sha256": "0" * 64}), encoding="utf-8")
    with pytest.raises(UsageError, match="has changed since"):
        evaluate(tmp_path / "run", reporter=QUIET)
    with pytest.raises(UsageError, match="not a finished run"):
        evaluate(tmp_path, reporter=QUIET)


def test_a_diverging_run_says_what_to_change(folder: Path, tmp_path: Path) -> None:
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30, "warmup_steps": 0})
    with pytest.raises(UsageError, match=r"train: the loss is (nan|inf)"):
        train(folder, tmp_path / "run", wild, seed=1, reporter=QUIET)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_tokenizer_that_changes_when_it_is_saved_stops_the_run_before_training(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = (Message("user", "Add them.\n\n12、15"), Message("assistant", "27"))
    root = publish([Sample(0, "t", turns, None, "en", "seed", "test")], [])
    brief = SETTINGS.model_copy(update={"epochs": 1.0})
    assert train(root, tmp_path / "llama", brief, seed=1, reporter=QUIET).steps == 1

    def qwen2(tokenizer: PreTrainedTokenizerBase, seed: int) -> Qwen2ForCausalLM:
        return Qwen2ForCausalLM(Qwen2Config(vocab_size=2048, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))

    monkeypatch.setattr("trainer.model._make_scratch", qwen2)
    with pytest.raises(RuntimeError, match="reads rows differently once saved"):
        train(root, tmp_path / "qwen2", brief, seed=1, reporter=QUIET)
    assert not (tmp_path / "qwen2" / "run.json").exists()


def test_a_model_that_was_changed_after_training_is_not_evaluated(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "run", SETTINGS.model_copy(update={"epochs": 5.0}), seed=1, reporter=QUIET)
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")
    model.model.layers[0].mlp.down_proj.weight.data.normal_()
    model.save_pretrained(tmp_path / "run" / "model")
    with pytest.raises(IntegrityError, match="the saved model's validation loss is"):
        evaluate(tmp_path / "run", reporter=QUIET)


def test_the_easiest_rows_come_first_in_every_epoch(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(a, b) for a in WORDS["en"] for b in WORDS["en"] if a != b][:10]
    root = publish([echo_sample(row, "en", *pair) for row, pair in enumerate(pairs)], [])
    settings = SETTINGS.model_copy(update={"order": "easy_to_hard", "epochs": 2, "batch_size": 4})
    with pytest.raises(UsageError, match=r"(?s)needs signals/difficulty\.parquet.*seedbed curate"):
        train(root, tmp_path / "run", settings, seed=1, reporter=QUIET)
    # Even rows are easier than odd ones, and of row 3 nothing is known.
    scores = [None if row == 3 else row / 100 + row % 2 for row in range(10)]
    DatasetFolder(root).write_signal("difficulty", pa.table({"row": range(10), "difficulty": scores}))
    batches: list[list[list[int]]] = []

    def watched(rows: Sequence[dict[str, list[int]]], pad_id: int) -> Any:
        batches.append([row["input_ids"] for row in rows])
        return collate(rows, pad_id)

    prepared = prepare(root, tmp_path / "run", settings)
    assert [row.row for row in prepared.train] == [0, 2, 4, 6, 8, 1, 5, 7, 9, 3]
    monkeypatch.setattr("trainer.loop.collate", watched)
    result = train(root, tmp_path / "run", settings, seed=1, reporter=QUIET)
    assert result.steps == 6
    ids = [row.input_ids for row in prepared.train]
    assert batches == [ids[:4], ids[4:8], ids[8:]] * 2
