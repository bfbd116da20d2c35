"""Instruction-following difficulty: the losses are the model's own, whatever the batches, and a broken run goes on."""

import math
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from builder.config import Train
from builder.errors import UsageError
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.signals.given import GIVEN_SIGNALS
from builder.store.dataset_folder import DatasetFolder
from trainer.data import Conversation, Tally
from trainer.loss_table import LOSS, LOSS_FIELDS
from trainer.masking import ChatEncoder
from trainer.model import load_model, load_saved_model, load_tokenizer
from trainer.scoring import AnswerScorer, score_folder

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]

QUIET = Reporter(quiet=True)
TALKS: Sequence[tuple[tuple[str, str], ...]] = (
    (("user", "Name a fruit."), ("assistant", "Pear")),
    (("user", "请写出一种水果的名称。"), ("assistant", "苹果，也可以是梨。")),
    (("system", "Be short."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye"), ("assistant", "See you soon.")),
    (("user", "Count to thirty. " * 9), ("assistant", " ".join(map(str, range(30))))),
    (("user", "Say nothing."), ("assistant", "")),
    (("user", "Name a fruit."), ("assistant", "Plum"), ("user", "Thanks!")),
)  # fmt: skip


def make(row: int, talk: Sequence[tuple[str, str]]) -> Sample:
    turns = tuple(Message(role, text) for role, text in talk)  # type: ignore[arg-type]
    return Sample(row, f"t{row}", turns, None, "en", "imported", "test")


SAMPLES = [make(row, talk) for row, talk in enumerate(TALKS)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model folder: random weights, wide enough that no two tokens are equally likely."""
    settings = Train(template="compact")
    tokenizer = load_tokenizer(settings, [Conversation(s.row, s.messages) for s in SAMPLES]).tokenizer
    made = load_model(settings, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4)
    path = tmp_path_factory.mktemp("model")
    made.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def loaded(model: str) -> tuple[PreTrainedModel, ChatEncoder]:
    network = load_saved_model(model)
    network.train(False)
    return network, ChatEncoder(load_tokenizer(Train(model=model), ()).tokenizer, template="compact", loss_on="last")


def table(root: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = pq.read_table(root / "signals" / "loss.parquet").to_pylist()
    return records


@torch.no_grad()
def loss_by_hand(model: str, prompt: str, answer: str) -> tuple[float, int]:
    """The mean over the answer's tokens of minus the logarithm of each one's probability, one token after the other."""
    tokenizer: Any = load_tokenizer(Train(model=model), ()).tokenizer
    network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    read = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    losses = []
    for token in tokenizer(answer, add_special_tokens=False)["input_ids"]:
        probabilities = torch.softmax(network(torch.tensor([read])).logits[0, -1].double(), dim=0)
        losses.append(-math.log(float(probabilities[token])))
        read = [*read, token]
    return sum(losses) / len(losses), len(losses)


def test_losses_are_those_of_reading_each_answer_token_by_token(publish: Publish, model: str) -> None:
    root = publish(SAMPLES, [])
    score_folder(root, Train(model=model), reporter=QUIET)
    found = table(root)
    assert [line["row"] for line in found] == [0, 1, 2, 3, 4, 5]
    prompts = {
        0: ("<|user|>Name a fruit.<|assistant|>", "Pear<|end|>"),
        1: ("<|user|>请写出一种水果的名称。<|assistant|>", "苹果，也可以是梨。<|end|>"),
        2: (
            "<|system|>Be short.<|user|>Hi<|assistant|>Hello!<|end|><|user|>Bye<|assistant|>",
            "See you soon.<|end|>",
        ),
        4: ("<|user|>Say nothing.<|assistant|>", "<|end|>"),
        5: ("<|user|>Name a fruit.<|assistant|>", "Plum<|end|>"),
    }
    for row, (prompt, answer) in prompts.items():
        given, tokens = loss_by_hand(model, prompt, answer)
        alone, _ = loss_by_hand(model, "<|user|><|assistant|>", answer)
        line = found[row]
        assert line["tokens"] == tokens
        assert line["answer_loss"] == pytest.approx(given, rel=1e-5)
        assert line["answer_loss_alone"] == pytest.approx(alone, rel=1e-5)
        assert line["ifd"] == pytest.approx(given / alone, rel=1e-5)
        assert line["perplexity"] == pytest.approx(math.exp(given), rel=1e-4)
    assert len({round(line["ifd"], 3) for line in found}) == 6


@pytest.mark.parametrize("tokens_at_once", [1, 40, 100_000])
def test_batches_and_padding_change_nothing(loaded: tuple[PreTrainedModel, ChatEncoder], tokens_at_once: int) -> None:
    reference = AnswerScorer(*loaded, 1024, 1).score(SAMPLES, Tally())
    again = AnswerScorer(*loaded, 1024, tokens_at_once).score(SAMPLES[::-1], Tally())
    assert [score.row for score in again] == [5, 4, 3, 2, 1, 0]
    for one, other in zip(reference, again[::-1], strict=True):
        assert (other.row, other.tokens) == (one.row, one.tokens)
        assert other.answer_loss == pytest.approx(one.answer_loss, rel=1e-5)
        assert other.answer_loss_alone == pytest.approx(one.answer_loss_alone, rel=1e-5)


@pytest.mark.parametrize("template", ["chatml", "llama3", "alpaca", "compact"])
def test_every_template_of_ours_can_leave_the_instruction_out(template: str) -> None:
    settings = Train(template=template)
    tokenizer = load_tokenizer(settings, [Conversation(s.row, s.messages) for s in SAMPLES]).tokenizer
    network = load_model(settings, tokenizer, seed=0)
    tally = Tally()
    scores = AnswerScorer(network, ChatEncoder(tokenizer, template=template, loss_on="last"), 1024).score(
        SAMPLES, tally
    )
    assert (len(scores), tally.left_out) == (6, 0)


def test_rows_that_do_not_fit_are_null_and_counted(publish: Publish, model: str) -> None:
    no_answer = make(6, (("user", "Anybody there?"),))
    root = publish([*SAMPLES, no_answer], [])
    scoring = score_folder(root, Train(model=model, max_length=60), reporter=QUIET)
    assert scoring.tally.reasons == {"too_long": 1, "no_assistant_turn": 1}
    nulls = {"answer_loss": None, "answer_loss_alone": None, "ifd": None, "perplexity": None, "tokens": None}
    assert [table(root)[row] for row in (3, 6)] == [{"row": 3, **nulls}, {"row": 6, **nulls}]
    assert scoring.as_record()["left_out_rows"] == {"too_long": [3], "no_assistant_turn": [6]}


def test_a_stopped_run_goes_on_and_new_rows_are_scored_alone(
    publish: Publish, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = publish(SAMPLES, [])
    score_folder(whole, Train(model=model), reporter=QUIET)
    root = publish(SAMPLES, [])
    monkeypatch.setattr("trainer.scoring._ROWS_AT_ONCE", 2)
    score = AnswerScorer.score

    def stop_at_third(self: AnswerScorer, samples: Sequence[Sample], tally: Tally) -> Any:
        if any(sample.row == 4 for sample in samples):
            raise KeyboardInterrupt
        return score(self, samples, tally)

    with monkeypatch.context() as stopping:
        stopping.setattr(AnswerScorer, "score", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            score_folder(root, Train(model=model), reporter=QUIET)
    first = table(root)
    assert [line["row"] for line in first] == [0, 1, 2, 3]
    again = score_folder(root, Train(model=model), reporter=QUIET)
    assert (again.before, again.tally.read) == (4, 2)
    assert table(root)[:4] == first
    for one, other in zip(table(whole), table(root), strict=True):
        assert other == pytest.approx(one, rel=1e-5)
    DatasetFolder(root).write_samples([make(6, (("user", "Name a tree."), ("assistant", "Elm")))])
    added = score_folder(root, Train(model=model), reporter=QUIET)
    assert (added.rows, added.before, added.tally.read) == (7, 6, 1)
    assert [line["row"] for line in table(root)] == [0, 1, 2, 3, 4, 5, 6]
    assert score_folder(root, Train(model=model), reporter=QUIET).tally.read == 0


def test_the_table_is_saved_once_a_minute(publish: Publish, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.scoring._ROWS_AT_ONCE", 1)
    root = publish(SAMPLES, [])
    saved: list[int] = []
    write = DatasetFolder.write_signal

    def count(self: DatasetFolder, name: str, signal: Any) -> None:
        saved.append(len(signal))
        write(self, name, signal)

    monkeypatch.setattr(DatasetFolder, "write_signal", count)
    seconds = iter(range(0, 10_000, 40))
    score_folder(root, Train(model=model), reporter=QUIET, clock=lambda: float(next(seconds)))
    assert saved == [2, 4, 6]


def test_two_models_are_never_mixed(
    publish: Publish, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = publish(SAMPLES[:2], [])
    score_folder(root, Train(model=model), reporter=QUIET)
    metadata = pq.read_schema(root / "signals" / "loss.parquet").metadata
    assert re.fullmatch(rb"sha256:[0-9a-f]{16}", metadata[b"seedbed.model"])
    assert str(tmp_path.parent).encode() not in b"".join(metadata.values())
    before = (root / "signals" / "loss.parquet").read_bytes()
    other = tmp_path / "other"
    shutil.copytree(model, other)
    # The same model under another path, and another one under the same.
    monkeypatch.chdir(tmp_path)
    assert score_folder(root, Train(model="other"), reporter=QUIET).tally.read == 0
    changed = load_saved_model(model)
    with torch.no_grad():
        next(changed.parameters()).mul_(2)
    changed.save_pretrained(other)
    with pytest.raises(UsageError, match=r"scored with the model \w+ \(sha256:\w+\), not other \(sha256:\w+\)"):
        score_folder(root, Train(model="other"), reporter=QUIET)
    with pytest.raises(UsageError, match="scored with the max_length 1024, not 512"):
        score_folder(root, Train(model=model, max_length=512), reporter=QUIET)
    with pytest.raises(UsageError, match="scored with the template"):
        score_folder(root, Train(model=model, template="alpaca"), reporter=QUIET)
    with pytest.raises(UsageError, match="neither a model folder nor a name"):
        score_folder(root, Train(model=str(tmp_path / "nothing")), reporter=QUIET)
    with pytest.raises(UsageError, match="made on the spot and knows nothing"):
        score_folder(root, Train(), reporter=QUIET)
    assert (root / "signals" / "loss.parquet").read_bytes() == before


def test_a_finished_folder_stays_whole(publish: Publish, model: str) -> None:
    root = publish(SAMPLES[:2], [])
    score_folder(root, Train(model=model), reporter=QUIET)
    assert DatasetFolder(root).verify() == []


def test_the_card_speaks_of_the_columns_that_there_are() -> None:
    assert tuple((field.name, field.type) for field in LOSS_FIELDS) == (
        ("row", pa.int64()),
        *GIVEN_SIGNALS[LOSS].columns,
    )
