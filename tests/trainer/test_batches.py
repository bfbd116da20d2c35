import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen2Config, Qwen2ForCausalLM

from trainer.batches import LengthGroupedBatches, OrderedBatches, answer_loss, collate, held_out_loss
from trainer.masking import IGNORED, EncodedRow


@given(st.lists(st.integers(1, 90), min_size=1, max_size=200), st.integers(1, 32), st.integers(0, 9))
def test_each_row_comes_once_an_epoch(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = LengthGroupedBatches(lengths, batch_size, seed)
    first = list(batches)
    batches.epoch = 1
    second = list(batches)
    for epoch in (first, second):
        assert sorted(row for batch in epoch for row in batch) == list(range(len(lengths)))
        assert len(epoch) == len(batches)
        assert max(map(len, epoch)) <= batch_size
    # A run that goes on in the second epoch has that epoch's order, whoever drew the first one's.
    again = LengthGroupedBatches(lengths, batch_size, seed)
    assert list(again) == first
    again.epoch = 1
    assert list(again) == second


@given(st.integers(1, 200), st.integers(1, 9), st.integers(2, 3), st.integers(0, 9))
def test_processes_share_the_rows_and_none_is_lost(rows: int, batch_size: int, processes: int, seed: int) -> None:
    def shares() -> list[list[list[int]]]:
        """As accelerate gives each process its batches."""
        every = [LengthGroupedBatches([3] * rows, batch_size, seed) for _ in range(processes)]
        return [list(BatchSamplerShard(one, processes, number)) for number, one in enumerate(every)]

    shared = shares()
    assert len({len(share) for share in shared}) == 1
    seen = [row for share in shared for batch in share for row in batch]
    assert set(seen) == set(range(rows))
    assert len(seen) < rows + batch_size * processes  # some come twice, so that all processes take as many steps


def test_batches_hold_rows_of_similar_length() -> None:
    lengths = [10, 90] * 32
    spread = [max(lengths[r] for r in b) - min(lengths[r] for r in b) for b in LengthGroupedBatches(lengths, 8, 0)]
    assert spread == [0] * 8


def test_ordered_batches_are_the_rows_as_they_come() -> None:
    batches = OrderedBatches(7, 3)
    assert list(batches) == [[0, 1, 2], [3, 4, 5], [6]] == list(batches)
    assert len(batches) == 3


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    made = Qwen2ForCausalLM(config)
    made.train(False)
    return made


ROWS = [
    EncodedRow(0, [1, 2, 3, 4], [IGNORED, IGNORED, 3, 4], 2),
    EncodedRow(1, [5, 6, 7, 8, 9, 10, 11], [IGNORED, 6, IGNORED, IGNORED, IGNORED, IGNORED, 11], 6),
]


def test_padding_is_masked_and_never_supervised() -> None:
    batch = collate([{"input_ids": row.input_ids, "labels": row.labels} for row in ROWS], pad_id=49)
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 49, 49, 49], [5, 6, 7, 8, 9, 10, 11]]
    assert batch["labels"].tolist()[0] == [-100, -100, 3, 4, -100, -100, -100]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]


@torch.no_grad()
def test_the_loss_is_what_the_model_gives_for_each_row_alone(model: Qwen2ForCausalLM) -> None:
    expected = 0.0
    for row in ROWS:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
        targets = torch.tensor(row.labels[1:])
        expected += float(torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"))
    batch = collate([{"input_ids": row.input_ids, "labels": row.labels} for row in ROWS], pad_id=49)
    assert float(answer_loss(model, batch)) == pytest.approx(expected, rel=1e-5)
    mean, count = held_out_loss(model, ROWS, batch_size=1, pad_id=49)
    assert count == 4
    assert mean == pytest.approx(expected / 4, rel=1e-5)
