import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import BatchEncoding, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from builder.config import Train
from builder.errors import UsageError
from builder.schema import Message
from trainer.data import Conversation, Tally
from trainer.masking import IGNORED, ChatEncoder, EncodedRow
from trainer.model import load_tokenizer
from trainer.rendering import ChatRenderer
from trainer.templates import TEMPLATES, find_template

CORPUS = ("Say hello to the world.", "请把下面的词语倒过来写。", "hello! later", "用户说：今天天气很好。")


@cache
def tokenizer_for(template: str) -> PreTrainedTokenizerBase:
    conversations = [
        Conversation(i, (Message("user", text), Message("assistant", text))) for i, text in enumerate(CORPUS)
    ]
    return load_tokenizer(Train(template=template), conversations).tokenizer


def encoder_for(template: str, loss_on: str = "all") -> ChatEncoder:
    return ChatEncoder(tokenizer_for(template), template=template, loss_on="last" if loss_on == "last" else "all")


def encoder_with(source: str) -> ChatEncoder:
    made = load_tokenizer(Train(template="chatml"), [Conversation(0, (Message("user", "text"),))]).tokenizer
    made.chat_template = source
    return ChatEncoder(made, template="theirs")


def talk(*texts: str, first: str = "user") -> Conversation:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return Conversation(7, tuple(Message(roles[i % 2], text) for i, text in enumerate(texts)))  # type: ignore[arg-type]


def supervised(encoder: ChatEncoder, row: EncodedRow) -> str:
    return encoder.decode([label for label in row.labels if label != IGNORED])


TWO_TURNS = talk("Hi", "hello!", "Bye", "later")


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("chatml", "hello!<|im_end|>later<|im_end|>"),
        ("llama3", "hello!<|eot_id|>later<|eot_id|>"),
        ("alpaca", "hello!<|endoftext|>later<|endoftext|>"),
        ("compact", "hello!<|end|>later<|end|>"),
    ],
)
def test_supervised_tokens_decode_to_the_answers_with_their_end_tokens(template: str, sentence: str) -> None:
    encoder = encoder_for(template)
    assert supervised(encoder, encoder.encode(TWO_TURNS)) == sentence


def test_every_template_is_in_the_sentence_test_and_says_what_it_renders() -> None:
    rendered = {
        name: encoder_for(name).decode(encoder_for(name).encode(talk("Hi", "yo")).input_ids) for name in TEMPLATES
    }
    assert rendered == {
        "chatml": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n",
        "llama3": "<|endoftext|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nyo<|eot_id|>",
        "alpaca": "### Instruction:\nHi\n\n### Response:\nyo<|endoftext|>\n\n",
        "compact": "<|user|>Hi<|assistant|>yo<|end|>",
    }


def test_loss_on_the_last_turn_leaves_the_earlier_ones_out() -> None:
    encoder = encoder_for("chatml", loss_on="last")
    row = encoder.encode(TWO_TURNS)
    assert supervised(encoder, row) == "later<|im_end|>"
    assert encoder.decode(row.input_ids[: row.prompt_length]).endswith("Bye<|im_end|>\n<|im_start|>assistant\n")


def test_a_turn_of_weight_0_is_not_trained_on() -> None:
    encoder = encoder_for("chatml")
    bad_first = Conversation(
        7, (Message("user", "Hi"), Message("assistant", "hello!", weight=0), *talk("Bye", "later").messages)
    )
    row = encoder.encode(bad_first)
    assert supervised(encoder, row) == "later<|im_end|>"
    assert encoder.decode(row.input_ids) == encoder.decode(encoder.encode(TWO_TURNS).input_ids)
    bad_last = Conversation(
        7, (*talk("Hi", "hello!").messages, Message("user", "Bye"), Message("assistant", "later", weight=0))
    )
    assert supervised(encoder, encoder.encode(bad_last)) == "hello!<|im_end|>"
    tally = Tally(read=1)
    assert encoder_for("chatml", loss_on="last").encode_rows([bad_last], tally) == []
    assert tally.reasons == {"nothing_to_train_on": 1}


TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "\n",
            "  你好  ",
            "\n答案是四\n",
            "👩‍👩‍👧 🏳️‍🌈",
            "e\u0301",
            "<|im_end|>",
            "a<|im_end|>\n<|im_start|>assistant\nb",
            "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
            "<|end|><|assistant|>",
            "<|endoftext|>",
            "### Response:\n",
            "{{ 7 * 7 }}{% generation %}",
            "\ue0000\ue001",
        ]
    ),
)
CONVERSATION = st.lists(TEXT, min_size=2, max_size=7).map(lambda texts: talk(*texts))


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@settings(max_examples=60)
@given(conversation=CONVERSATION)
def test_whatever_the_texts_hold_exactly_the_answers_are_supervised(template: str, conversation: Conversation) -> None:
    encoder = encoder_for(template)
    row = encoder.encode(conversation)
    answers = [message.content for message in conversation.messages if message.role == "assistant"]
    assert supervised(encoder, row) == "".join(answer + encoder.end_token for answer in answers)
    assert [label for label in row.labels if label == encoder.end_id] == [encoder.end_id] * len(answers)
    # Special tokens come from the template alone: as many as with empty texts.
    blank = Conversation(0, tuple(Message(m.role, "") for m in conversation.messages))
    special = set(encoder.tokenizer.all_special_ids)
    assert [t for t in row.input_ids if t in special] == [t for t in encoder.encode(blank).input_ids if t in special]
    assert len(row.labels) == len(row.input_ids)
    assert all(label in (IGNORED, token) for label, token in zip(row.labels, row.input_ids, strict=True))


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_the_generation_markers_mark_what_we_train(template: str) -> None:
    encoder = encoder_for(template)
    messages = [{"role": m.role, "content": m.content} for m in TWO_TURNS.messages]
    special = encoder.tokenizer.special_tokens_map
    render: Any = render_jinja_template  # annotated as a string, but returns the spans too
    texts, spans = render(
        [messages],
        chat_template=find_template(template).source,
        return_assistant_tokens_mask=True,
        bos_token=special["bos_token"],
        eos_token=special["eos_token"],
    )
    marked = "".join(texts[0][start:end] for start, end in spans[0])
    assert marked == supervised(encoder, encoder.encode(TWO_TURNS))


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_generation_starts_from_the_tokens_that_training_saw(template: str) -> None:
    encoder = encoder_for(template)
    conversation = talk("今天天气", "好", "and now?", "fine")
    row = encoder.encode(conversation)
    prompt = encoder.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in conversation.messages[:-1]],
        add_generation_prompt=True,
        return_dict=True,
    )
    assert isinstance(prompt, BatchEncoding)
    assert row.input_ids[: row.prompt_length] == list(prompt["input_ids"])


def tokenizer_like(family: str) -> PreTrainedTokenizerBase:
    """Small tokenizers with the normaliser, pre-tokenizer and decoder of model families."""
    metaspace = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    if family == "qwen":
        made = Tokenizer(models.BPE())
        made.normalizer = normalizers.NFC()
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet, byte_tokens = pre_tokenizers.ByteLevel.alphabet(), []
    else:
        made = Tokenizer(models.BPE(byte_fallback=True))
        if family == "gemma":
            made.normalizer = normalizers.Replace(" ", "▁")
        else:
            made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        made.decoder = metaspace
        alphabet, byte_tokens = [], [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["</s>", "<|im_start|>", "<|im_end|>", *byte_tokens]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([*CORPUS, "user assistant\n"], trainer)
    wrapped: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerBase = wrapped(tokenizer_object=made, eos_token="</s>")
    tokenizer.chat_template = find_template("chatml").source
    return tokenizer


@pytest.mark.parametrize("family", ["qwen", "gemma"])
def test_other_families_of_tokenizers_give_the_same_sentence(family: str) -> None:
    encoder = ChatEncoder(tokenizer_like(family), template="chatml")
    assert supervised(encoder, encoder.encode(TWO_TURNS)) == "hello!<|im_end|>later<|im_end|>"
    assert supervised(encoder, encoder.encode(talk("你好<|im_end|>", " 好 👍"))) == " 好 👍<|im_end|>"
    # Qwen's tokenizer composes characters; Gemma's keeps them.
    assert supervised(encoder, encoder.encode(talk("e\u0301", "e\u0301"))) in ("é<|im_end|>", "e\u0301<|im_end|>")


def test_a_tokenizer_that_puts_a_space_before_every_text_is_never_trained_with() -> None:
    encoder = ChatEncoder(tokenizer_like("llama2"), template="chatml")
    assert left_out(encoder, [TWO_TURNS]) == {"mask_not_verified": 1}


def test_a_template_that_strips_texts_trains_the_stripped_answer() -> None:
    encoder = encoder_with(
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content | trim + '<|im_end|>\n' }}{% endfor %}"
    )
    assert supervised(encoder, encoder.encode(talk(" hi ", " hello! "))) == "hello!<|im_end|>"


def left_out(
    encoder: ChatEncoder, conversations: Iterable[Conversation], max_length: int | None = None
) -> dict[str, int]:
    tally = Tally(read=len(list(conversations)))
    rows = encoder.encode_rows(conversations, tally, max_length)
    assert tally.used == len(rows)
    return tally.reasons


def test_rows_that_cannot_be_trained_on_are_counted_and_never_cut() -> None:
    call = json.dumps([{"name": "get_weather", "arguments": {"city": "苏州"}}], ensure_ascii=False)
    with_call = Conversation(1, (Message("user", "天气?"), Message("assistant", "", tool_calls=call)))
    offered = Conversation(2, TWO_TURNS.messages, tools='[{"type": "function", "function": {"name": "get_weather"}}]')
    assert left_out(encoder_for("chatml"), [with_call, offered, talk("a", "b")]) == {
        "template_cannot_express_tool_calls": 2
    }
    assert left_out(encoder_for("chatml"), [talk("a", "b " * 100), talk("a", "b")], 40) == {"too_long": 1}


TOOLS = (
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}"
    "{% for c in m.tool_calls or [] %}{{ '<call>' + c.function | tojson + '</call>' }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_template_that_expresses_tool_calls_trains_them() -> None:
    encoder = encoder_with(TOOLS)
    call = json.dumps([{"name": "add", "arguments": {"a": 1}}])
    row = encoder.encode(
        Conversation(
            0,
            (
                Message("user", "1+1?"),
                Message("assistant", "", tool_calls=call),
                Message("tool", "2", name="add"),
                Message("assistant", "It is 2."),
            ),
            tools='[{"name": "add"}]',
        )
    )
    assert supervised(encoder, row) == '<call>{"name": "add", "arguments": {"a": 1}}</call><|im_end|>It is 2.<|im_end|>'
    smuggled = call.replace("add", "<|im_end|>")
    assert left_out(
        encoder, [Conversation(0, (Message("user", "u"), Message("assistant", "", tool_calls=smuggled)))]
    ) == {"special_token_in_tool_call": 1}


# In the manner of Gemma 4: a call, its result and the answer are one turn, and a call ends where its result begins.
ONE_TURN = (
    "{% for m in messages %}{% set before = messages[loop.index0 - 1].role if loop.index0 else '' %}"
    "{% if m.role == 'tool' %}{{ m.content + '</result>' }}{% else %}"
    "{% if before != 'tool' %}{{ '<|im_start|>' + m.role + '\n' }}{% endif %}{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ 'call:' + c.function.name }}{% endfor %}"
    "{{ '<|result|>' if m.tool_calls else '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt and messages[-1].role != 'tool' %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# In the manner of GLM 4: what ends a turn is what opens the next one.
NEXT_ROLE = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>' + m.content }}"
    "{% for c in m.tool_calls or [] %}{{ 'call:' + c.function.name }}{% endfor %}"
    "{{ '<|result|>' if m.tool_calls else '<|im_end|>' }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>' }}{% endif %}"
)


def with_result(*after: Message) -> Conversation:
    call = Message("assistant", "", tool_calls=json.dumps([{"name": "look", "arguments": {}}]))
    return Conversation(4, (Message("user", "Weather?"), call, Message("tool", "sunny, 30", name="look"), *after))


def encoder_with_result(source: str) -> ChatEncoder:
    made = tokenizer_like("qwen")
    made.add_special_tokens({"additional_special_tokens": ["<|result|>"]})
    made.chat_template = source
    return ChatEncoder(made, template="theirs")


@pytest.mark.parametrize("source", [ONE_TURN, NEXT_ROLE])
def test_a_tools_result_is_never_trained_though_the_template_ends_a_call_with_another_token(source: str) -> None:
    encoder = encoder_with_result(source)
    row = encoder.encode(with_result(Message("assistant", "It is sunny.")))
    assert supervised(encoder, row) == "call:look<|result|>It is sunny.<|im_end|>"
    assert encoder.decode([t for t, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED]).count(
        "sunny, 30"
    )
    # Generation has to stop at both.
    assert [encoder.decode([token]) for token in encoder.stop_ids] == ["<|im_end|>", "<|result|>"]


def test_a_call_that_nothing_ends_before_the_result_costs_the_row() -> None:
    encoder = encoder_with_result(ONE_TURN.replace("'<|result|>' if m.tool_calls", "' -> ' if m.tool_calls"))
    assert left_out(encoder, [with_result(Message("assistant", "It is sunny.")), TWO_TURNS]) == {
        "template_cannot_express": 1
    }


MARK = 3  # the characters that stand for a text while spans are looked for


@pytest.mark.parametrize(
    ("conversation", "first", "stop"),
    [
        pytest.param(TWO_TURNS, MARK, 0, id="without the answer"),
        pytest.param(TWO_TURNS, -1, 0, id="with the end of the header"),
        pytest.param(TWO_TURNS, 0, 1, id="with what follows the end token"),
        pytest.param(TWO_TURNS, 0, -len("<|im_end|>"), id="without the end token"),
        pytest.param(with_result(Message("assistant", "Sunny.")), 0, MARK + len("</result>"), id="with the result"),
        pytest.param(with_result(Message("assistant", "Sunny.")), 0, MARK, id="with the result's text"),
    ],
)
def test_labels_made_from_a_wrong_span_are_found_out(
    conversation: Conversation, first: int, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left_out(encoder_with_result(ONE_TURN), [conversation]) == {}
    right = ChatRenderer._assistant_spans

    def wrong(*args: Any) -> list[tuple[int, int]]:
        (start, end), *others = right(*args)
        return [(start + first, end + stop), *others]

    monkeypatch.setattr(ChatRenderer, "_assistant_spans", wrong)
    assert left_out(encoder_with_result(ONE_TURN), [conversation]) == {"mask_not_verified": 1}


def test_a_template_that_changes_a_text_or_refuses_a_turn_costs_the_row() -> None:
    shout = encoder_with("{% for m in messages %}{{ m.content | upper + '<|im_end|>' }}{% endfor %}")
    assert left_out(shout, [talk("a", "b"), talk("A", "B")]) == {"template_changes_text": 1}
    strict = encoder_with(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
        "{{ m.content + '<|im_end|>' }}{% endfor %}"
    )
    with_system = Conversation(3, (Message("system", "s"), *TWO_TURNS.messages))
    assert left_out(strict, [with_system, TWO_TURNS]) == {"template_cannot_express": 1}


def test_an_answer_at_the_very_start_does_not_spill_over() -> None:
    encoder = encoder_with("{% for m in messages %}{{ m.content + '<|im_end|>' }}{% endfor %}")
    row = encoder.encode(talk("hi", "what?", "bye", first="assistant"))
    assert supervised(encoder, row) == "hi<|im_end|>bye<|im_end|>"


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}",
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content + '<|im_end|>' }}{% endif %}{% endfor %}",
        "{{ raise_exception('never') }}",
    ],
)
def test_a_template_without_an_end_of_turn_is_refused_by_name(source: str) -> None:
    with pytest.raises(UsageError, match=r"template theirs: (no special token|cannot be rendered)"):
        encoder_with(source)


def test_a_model_without_a_template_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="alpaca needs only an end token"):
        encoder_with("")


def test_templates_are_found_by_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'chatml'"):
        find_template("chatlm")
    with pytest.raises(jinja2.TemplateSyntaxError):
        jinja2.Environment(autoescape=True).parse(find_template("chatml").source)  # markers need transformers' own tag
