import json
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from builder.answers import AnswerKey
from builder.cli import main
from builder.cli.whole import where_to_train
from builder.config import Train
from builder.errors import DiskError, IntegrityError, UsageError
from builder.language.chinese import in_chinese
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.store.dataset_folder import DatasetFolder
from trainer.batches import collate
from trainer.data import read_published
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


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft 0.21
def test_lora_trains_few_parameters_on_a_trained_model(
    run: TrainResult, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.out.parent)
    settings = Train(model=run.out.name, tuning="lora", lora_rank=4, epochs=1.0)
    result = train(folder, tmp_path / "lora", settings, seed=1, reporter=QUIET)
    assert result.parameters == run.parameters
    assert result.trained_parameters < run.parameters / 10
    monkeypatch.chdir(tmp_path)  # a path as it was typed would mean nothing here
    found = evaluate(tmp_path / "lora", reporter=QUIET)
    assert found.total("base").right >= 9  # the base is the trained model
    assert found.loss.tuned != found.loss.base
    adapter = tmp_path / "lora" / "model"
    record = json.loads((tmp_path / "lora" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["model"] == str(run.out)
    model: Any = AutoPeftModelForCausalLM.from_pretrained(adapter)
    assert model.peft_config["default"].base_model_name_or_path == str(run.out / "model")
    tokenizer: Any = AutoTokenizer.from_pretrained(adapter)
    assert tokenizer.eos_token == "<|end|>"
    chat = [{"role": "user", "content": "重复第一个：红 蓝"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    config = GenerationConfig.from_pretrained(adapter)
    made = model.generate(**inputs, generation_config=config, max_new_tokens=10, do_sample=False)
    assert tokenizer.decode(made[0]).endswith("<|end|>")


def test_a_model_is_saved_in_what_it_came_in(run: TrainResult, folder: Path, tmp_path: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(run.out / "model", dtype=torch.bfloat16)
    model.save_pretrained(tmp_path / "half")
    AutoTokenizer.from_pretrained(run.out / "model").save_pretrained(tmp_path / "half")
    settings = SETTINGS.model_copy(update={"model": str(tmp_path / "half"), "template": None, "epochs": 0.3})
    result = train(folder, tmp_path / "run", settings, seed=1, reporter=QUIET)
    assert result.trained_parameters == run.parameters

    def dtypes(name: str) -> set[torch.dtype]:
        return {tensor.dtype for tensor in load_file(tmp_path / name / "model" / "model.safetensors").values()}

    assert dtypes("run") == {torch.bfloat16}
    assert evaluate(tmp_path / "run", reporter=QUIET).rows == 12  # its loss is the recorded one
    wide = settings.model_copy(update={"save_dtype": "float32"})
    train(folder, tmp_path / "wide", wide, seed=1, reporter=QUIET)
    assert dtypes("wide") == {torch.float32}


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_that_a_run_did_not_make_is_touched(run: TrainResult, folder: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "mine"
    shutil.copytree(run.out / "model", theirs / "model")
    (theirs / "notes.txt").write_text("my notes", encoding="utf-8")
    before = files_of(theirs)
    brief = SETTINGS.model_copy(update={"epochs": 1.0})
    itself = brief.model_copy(update={"model": str(theirs / "model"), "template": None})
    with pytest.raises(UsageError, match=r"mine: holds the model to start from"):
        train(folder, theirs, itself, seed=1, reporter=QUIET)
    with pytest.raises(UsageError, match=r"mine: is not empty and holds no run"):
        train(folder, theirs, brief, seed=1, reporter=QUIET)
    assert files_of(theirs) == before
    # Even in the folder of an unfinished run.
    (theirs / "started.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"model: is there before the run is finished"):
        train(folder, theirs, brief, seed=1, reporter=QUIET)
    assert files_of(theirs) == before | {"started.json": b"{}"}
    (tmp_path / "empty").mkdir()
    assert train(folder, tmp_path / "empty", brief, seed=1, reporter=QUIET).steps == 3


def test_a_changed_dataset_is_not_evaluated_on(publish: Publish, tmp_path: Path) -> None:
    samples = [echo_sample(row, "en", "red", "blue") for row in range(4)]
    root = publish(samples, samples[:1])
    brief = SETTINGS.model_copy(update={"epochs": 1.0})
    train(root, tmp_path / "run", brief, seed=1, reporter=QUIET)
    before = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["sha256"]
    folder = DatasetFolder(root)
    folder.write_signal("loss", pa.table({"row": range(4), "ifd": [0.5] * 4}))  # what `seedbed score` writes
    folder.write_manifest()
    assert json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["sha256"] != before
    assert evaluate(tmp_path / "run", reporter=QUIET).rows == 1
    changed = publish([*samples[:3], echo_sample(3, "en", "red", "green")], samples[:1])
    shutil.copytree(changed, root, dirs_exist_ok=True)
    with pytest.raises(UsageError, match="has changed since"):
        evaluate(tmp_path / "run", reporter=QUIET)
    with pytest.raises(UsageError, match="not a finished run"):
        evaluate(tmp_path, reporter=QUIET)


def test_a_run_on_the_same_rows_is_found_again_and_one_on_others_is_left(
    run: TrainResult, folder: Path, tmp_path: Path
) -> None:
    root, beside = tmp_path / "data", tmp_path / "data-run"
    shutil.copytree(folder, root)
    shutil.copytree(run.out, beside)
    DatasetFolder(root).write_signal("loss", pa.table({"row": [0], "ifd": [0.5]}))
    DatasetFolder(root).write_manifest()
    found, described = where_to_train(root)
    assert found == beside
    assert described is not None
    assert described["steps"] == 120
    (beside / "run.json").unlink()
    assert where_to_train(root) == (beside, None)
    checkpoint = beside / "checkpoints" / "checkpoint-3"
    checkpoint.mkdir(parents=True)
    (checkpoint / "whole.json").write_text('{"bytes": {}, "points": [], "seconds": 1}', encoding="utf-8")
    (beside / "started.json").write_text('{"dataset": "other rows"}', encoding="utf-8")
    assert where_to_train(root) == (tmp_path / f"data-run-{read_published(root).rows_hash[:8]}", None)


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


LITTLE = SETTINGS.model_copy(update={"epochs": 4.0, "checkpoint_minutes": 1e-9})


def train_until_killed(root: Path, out: Path) -> None:
    looks = iter(range(10**6))

    def clock() -> float:
        if next(looks) == 20:  # three times a step: before it is decided what to do, before and after it is kept
            os.kill(os.getpid(), signal.SIGKILL)
        return time.monotonic()

    train(root, out, LITTLE, seed=1, reporter=QUIET, clock=clock)


def be_one_of_two(rank: int, port: int, arguments: list[str], said: Path) -> None:
    """The command, as `torchrun` starts it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sys.argv = ["seedbed", *arguments]
    with said.open("w") as sys.stdout:
        main()


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes from one that has loaded torch for all of them, which takes seconds."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def curve_of(out: Path) -> Any:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))["curve"]


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(folder, out, LITTLE, seed=1, reporter=QUIET).steps == 12
    return out


def test_a_killed_run_goes_on_from_its_last_whole_checkpoint_to_the_same_weights(
    whole: Path, folder: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    out = tmp_path / "run"
    killed = processes.Process(target=train_until_killed, args=(folder, out))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    # It died as the seventh was all but whole; the one before is kept until then.
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["checkpoint-6", "checkpoint-7"]
    assert not (out / "run.json").exists()
    assert not (out / "model").exists()
    cut = out / "checkpoints" / "checkpoint-11"
    shutil.copytree(cut.with_name("checkpoint-6"), cut)
    with (cut / "optimizer.pt").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(
        UsageError, match=r"6 steps.*learning_rate 0.003 → 0.001; seed 1 → 2;.*\n +Start it as before to go on"
    ):
        train(folder, out, LITTLE.model_copy(update={"learning_rate": 0.001}), seed=2, reporter=QUIET)
    result = train(folder, out, LITTLE, seed=1, reporter=QUIET)
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["went_on_after_step"] == 6
    assert result.steps == 12
    assert record["curve"] == curve_of(whole)
    assert (out / "model" / "model.safetensors").read_bytes() == (whole / "model" / "model.safetensors").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["loss.svg", "model", "run.json"]


def test_a_run_that_ends_between_its_model_and_its_record_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, brief = tmp_path / "run", SETTINGS.model_copy(update={"epochs": 1.0})

    def full(*_: object) -> None:
        raise DiskError("run.json: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("trainer.sft.write_json", full)
        with pytest.raises(DiskError):
            train(folder, out, brief, seed=1, reporter=QUIET)
    assert sorted(path.name for path in out.iterdir()) == ["checkpoints", "loss.svg", "model", "started.json"]
    (out / ".run.json.77.tmp").touch()  # what a killed process leaves
    assert train(folder, out, brief, seed=1, reporter=QUIET).steps == 3
    assert sorted(path.name for path in out.iterdir()) == ["loss.svg", "model", "run.json"]


def test_ctrl_c_keeps_the_step_it_came_in_and_says_so(whole: Path, folder: Path, tmp_path: Path) -> None:
    looks = iter(range(10**6))

    def clock() -> float:
        if next(looks) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return time.monotonic()

    seldom = LITTLE.model_copy(update={"checkpoint_minutes": 60.0})
    with pytest.raises(KeyboardInterrupt, match="the same command goes on after step 5") as stopped:
        train(folder, tmp_path / "run", seldom, seed=1, reporter=QUIET, clock=clock)
    assert not (tmp_path / "run" / "run.json").exists()
    assert in_chinese(str(stopped.value)) == "再次运行同一条命令，会从第 5 步之后继续"
    assert train(folder, tmp_path / "run", seldom, seed=1, reporter=QUIET).steps == 12
    assert curve_of(tmp_path / "run") == curve_of(whole)
    looks = iter(range(10**6))
    never = LITTLE.model_copy(update={"checkpoint_minutes": None})
    with pytest.raises(KeyboardInterrupt, match="nothing of the run was kept"):
        train(folder, tmp_path / "other", never, seed=1, reporter=QUIET, clock=clock)
    assert [path.name for path in (tmp_path / "other").iterdir() if path.is_file()] == ["started.json"]


def test_two_processes_make_one_run(folder: Path, tmp_path: Path, processes: ForkServerContext) -> None:
    out = tmp_path / "run"
    given = [f"train.{name}={getattr(LITTLE, name)}" for name in ("template", "epochs", "learning_rate", "max_length")]
    options = [
        argument for one in [*given, "train.batch_size=8", "train.warmup_steps=10"] for argument in ("--set", one)
    ]
    command = ["train", str(folder), "--out", str(out), "--json", "--quiet", *options]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = [tmp_path / str(rank) for rank in range(2)]
    both = [processes.Process(target=be_one_of_two, args=(rank, port, command, said[rank])) for rank in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert json.loads(said[0].read_text())["steps"] == 12  # each process takes half of the 6 batches of 8 rows
    assert said[1].read_text() == ""
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["processes"] == 2
    assert sorted(path.name for path in out.iterdir()) == ["loss.svg", "model", "run.json"]
    assert evaluate(out, reporter=QUIET).loss.tuned == pytest.approx(record["validation_loss"], abs=1e-4)
