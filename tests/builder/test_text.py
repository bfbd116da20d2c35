import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.text import (
    count_words,
    detect_language,
    fingerprint,
    ngrams,
    normalise,
    token_mode,
    tokenise,
    tokenise_column,
    visible,
    visible_message,
)


def test_cjk_characters_and_latin_words_are_tokens() -> None:
    assert tokenise("用Python 3写一个函数。") == ["用", "python", "3", "写", "一", "个", "函", "数"]
    assert tokenise("ＡＢＣ１２ full") == ["abc12", "full"]
    assert tokenise("Привет, мир!") == ["привет", "мир"]
    assert tokenise("…!?") == []


def test_the_normaliser_folds_case_width_and_spacing() -> None:
    assert normalise("  Ｈｅｌｌｏ\u3000\nWORLD ") == "hello world"
    assert fingerprint("你好　Ａ") == fingerprint("你好 a")
    assert fingerprint("你好") != fingerprint("您好")


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("写一首诗", "zh"),
        ("用 Python 写一个 for 循环", "zh"),
        ("Write a poem", "en"),
        ('The word "你好" is a common greeting used in China every day', "en"),
        ("これは日本語の文です", "ja"),
        ("한국어 문장입니다", "ko"),
        ("Это предложение", "other"),
        ("42 + 1 = 43", "und"),
        ("", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_words_are_counted_as_a_reader_counts_them() -> None:
    assert count_words("写一首诗。") == 4
    assert count_words("Don't stop, café!") == 3
    assert count_words("用 Python 写诗") == 4
    assert count_words(" -- ") == 0


def test_ngrams() -> None:
    assert ngrams(["a", "b", "c"], 2) == [("a", "b"), ("b", "c")]
    assert ngrams(["a"], 2) == []


def test_the_mode_tells_how_a_score_was_made() -> None:
    assert (token_mode("Write"), token_mode("写 code")) == ("word", "cjk")


@pytest.mark.parametrize("frame", ["{}", "aB{}C1", "写{}Σ"])
def test_a_column_is_tokenised_as_its_texts_are_whatever_the_character(frame: str) -> None:
    codes = [*range(0xD800), *range(0xE000, 0x10800), *range(0x1F000, 0x20100), 0x3FFFF, 0x10FFFF]
    texts = [frame.format(chr(code)) for code in codes]
    assert tokenise_column(pl.Series(texts)).to_list() == [tokenise(text) for text in texts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_column_is_tokenised_as_its_texts_are(texts: list[str]) -> None:
    assert tokenise_column(pl.Series(texts, dtype=pl.String)).to_list() == [tokenise(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "keep", "shown"),
    [
        ("plain, 中文　全角 é 👍🏽", "", "plain, 中文　全角 é 👍🏽"),
        ("a\x1b[31mb\x9bc\x7f", "", r"a\x1b[31mb\x9bc\x7f"),
        ("a\r\nb\tc", "", r"a\r\nb\tc"),
        ("a\r\nb\tc", "\n\t", "a\\r\nb\tc"),
        ("a\u202eb\u2066c\u2028d\ud800", "", r"a\u202eb\u2066c\u2028d\ud800"),
        ("नमस्ते \u200d\u200c", "", "नमस्ते \u200d\u200c"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, keep: str, shown: str) -> None:
    assert visible(text, keep) == shown


def test_no_value_of_a_message_begins_a_line_of_its_own() -> None:
    message = "settings: 2 mistakes\n  - a\tb\n  - no category 'x\nseedbed: all is well\r\n\x1b[2J'\n"
    shown = "settings: 2 mistakes\n  - a\tb\n  - no category 'x\\nseedbed: all is well\\r\\n\\x1b[2J'\\n"
    assert visible_message(message) == shown
