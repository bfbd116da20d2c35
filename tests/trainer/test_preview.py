from collections.abc import Callable, Sequence
from pathlib import Path

from builder.config import Train
from builder.schema import Message, Sample
from trainer.data import Conversation
from trainer.masking import ChatEncoder
from trainer.model import load_tokenizer
from trainer.preview import MaskPreview, preview_folder, preview_mask

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]


def preview(answer: str) -> MaskPreview:
    conversation = Conversation(3, (Message("user", "Hi"), Message("assistant", answer)))
    encoder = ChatEncoder(load_tokenizer(Train(template="compact"), [conversation]).tokenizer, template="compact")
    return preview_mask(encoder, [encoder.encode(conversation)])


def test_each_row_that_was_asked_for_is_shown_or_named_with_its_reason(publish: Publish) -> None:
    texts = ("好", "好 " * 40, "yes", "no " * 40, "later")
    rows = [
        Sample(row, f"t{row}", (Message("user", "Hi"), Message("assistant", text)), None, "en", "imported", "test")
        for row, text in enumerate(texts)
    ]
    shown = preview_folder(publish(rows, []), Train(template="compact", max_length=16), 4)
    assert [row for row, _ in shown.rows] == [0, 2]
    assert shown.text(colour=False).endswith(
        "\n\nrow 1: left out of training (too_long)\n\nrow 3: left out of training (too_long)\n"
    )
    assert "行 3：不参与训练（too_long）" in shown.text(colour=False, language="zh")
    assert shown.as_record()["left_out"] == [{"row": 1, "reason": "too_long"}, {"row": 3, "reason": "too_long"}]
    assert "left out of training (too_long)" in shown.html()


def test_without_colour_the_supervised_stretch_stands_in_brackets() -> None:
    shown = preview("好👍").text(colour=False)
    assert shown == "template compact\n\nrow 3: 3 of 6 tokens supervised\n<|user|>Hi<|assistant|>[好👍<|end|>]\n"


def test_with_colour_each_token_is_coloured_and_reset() -> None:
    shown = preview("yo").text(colour=True)
    assert "\x1b[30;42m<|end|>\x1b[0m" in shown
    assert "\x1b[2m<|user|>\x1b[0m" in shown


def test_escape_codes_in_a_text_are_shown_and_not_obeyed() -> None:
    shown = preview("\x1b[31mred").text(colour=False)
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown


def test_chinese_readers_get_chinese_words() -> None:
    shown = preview("好").text(colour=False, language="zh")
    assert shown == "模板 compact\n\n行 3：5 个词元中有 2 个受监督\n<|user|>Hi<|assistant|>[好<|end|>]\n"
    assert "模型只在标出的词元上训练。" in preview("好").html("zh")


def test_html_escapes_the_text_and_marks_supervised_tokens() -> None:
    page = preview("<script>alert(1)</script>").html()
    assert "<script>" not in page
    assert '<span class="on">&lt;|end|&gt;</span>' in page
    assert "<b>compact</b>" in page
