"""Rows with pictures: never trained on here without them, and ready for a trainer of models that see."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from builder.config import Train
from builder.errors import UsageError
from builder.formats.writing import export
from builder.pictures import with_parts
from builder.published import Shape, published_table
from builder.schema import Message, Sample, samples_table, task_messages
from builder.store.files import write_table
from tests.pictures import write_png
from trainer.data import Tally, read_published
from trainer.masking import ChatEncoder
from trainer.model import load_model, load_tokenizer
from trainer.preflight import prepare
from trainer.preview import preview_folder
from trainer.scoring import AnswerScorer

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]

# Every part in its place, and the loss on what assistants say, as the templates of models that see have it.
TEMPLATE = (
    "{% for turn in messages %}{% for part in turn['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% elif turn['role'] == 'assistant' %}{% generation %}{{ part['text'] }}<eos>{% endgeneration %}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


def pictured(row: int, picture: str, answer: str = "A plain colour.") -> Sample:
    parts = [{"type": "image", "image": picture}, {"type": "text", "text": "Which colour?"}]
    turns = (with_parts(Message("user", ""), parts), Message("assistant", answer))
    return Sample(row, f"t{row}", turns, None, "en", "imported", "test")


def text(row: int) -> Sample:
    return Sample(row, f"t{row}", task_messages(f"Name fruit number {row}.", None, "Pear"), None, "en", "imported", "s")


def test_rows_with_pictures_are_left_out_by_name_and_counted(publish: Publish, tmp_path: Path) -> None:
    rows = [text(0), pictured(1, "/a.png"), text(2), pictured(3, "/b.png")]
    root = publish(rows, [pictured(4, "/c.png")])
    published = read_published(root)
    assert [one.row for one in published.train] == [0, 2]
    assert published.train_tally.describe() == "4 rows read, 2 used, 2 left out (pictures 2: rows 1, 3)"
    settings = Train(model="scratch:tiny", template="compact")
    prepared = prepare(root, tmp_path / "run", settings)  # all its validation rows hold pictures
    assert ([row.row for row in prepared.train], prepared.validation) == ([0, 2], [])
    preview = preview_folder(root, settings, 5)
    assert ([row for row, _ in preview.rows], preview.left_out) == ([0, 2], ((1, "pictures"), (3, "pictures")))
    tokenizer = load_tokenizer(settings, published.train).tokenizer
    encoder = ChatEncoder(tokenizer, template="compact", loss_on="last")
    tally = Tally()
    scores = AnswerScorer(load_model(settings, tokenizer, seed=0), encoder, 1024).score(rows, tally)
    assert ([score.row for score in scores], tally.reasons) == ([0, 2], {"pictures": 2})


def test_where_all_rows_hold_pictures_one_error_says_so(publish: Publish) -> None:
    root = publish([pictured(0, "/a.png"), pictured(1, "/b.png")], [])
    with pytest.raises(UsageError, match="every training row holds pictures, which are not trained on here") as raised:
        read_published(root)
    assert f"seedbed export {root} --format llamafactory" in raised.value.remedy


@pytest.fixture(scope="module")
def processor() -> LlavaProcessor:
    letters = pre_tokenizers.ByteLevel.alphabet()
    words = ["<unk>", "<pad>", "<eos>", "<image>", *sorted(letters)]
    model = models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=[], unk_token="<unk>")
    bytes_of = Tokenizer(model)
    bytes_of.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_of.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bytes_of, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    return LlavaProcessor(  # type: ignore[no-untyped-call]
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


@pytest.mark.parametrize("form", ["publish", "trl", "prompt_completion"])
def test_trls_collator_sees_the_pictures_and_trains_on_the_answers_alone(
    processor: LlavaProcessor, tmp_path: Path, form: str
) -> None:
    pictures = [
        write_png(tmp_path / f"{name}.png", colour) for name, colour in (("r", (255, 0, 0)), ("b", (0, 0, 255)))
    ]
    rows = [pictured(0, pictures[0], "Red."), pictured(1, pictures[1], "蓝色。")]
    rows += [] if form == "prompt_completion" else [text(2)]
    if form == "publish":
        path = tmp_path / "rows.parquet"
        write_table(path, published_table(samples_table(rows), Shape(frozenset({"parts"}), rejected=False)))
    else:
        path = export(rows, form, tmp_path / "rows.jsonl").files[0].path
    kind = "parquet" if form == "publish" else "json"
    data = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert "images" in data[0]  # by which SFTTrainer knows rows of pictures
    conversational = form != "prompt_completion"
    collate = DataCollatorForVisionLanguageModeling(
        processor, assistant_only_loss=conversational, completion_only_loss=not conversational
    )
    batch = collate([dict(row) for row in data])
    pixels = batch["pixel_values"]
    assert pixels.shape == (2, 3, 28, 28)
    assert pixels[0, 0].mean() > pixels[1, 0].mean()  # red first
    trained = [processor.tokenizer.decode(labels[labels != -100]) for labels in batch["labels"]]
    assert trained == ["Red.<eos>", "蓝色。<eos>", *(["Pear<eos>"] if conversational else [])]
    assert torch.equal(batch["labels"][batch["labels"] != -100], batch["input_ids"][batch["labels"] != -100])
