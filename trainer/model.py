"""The tokenizer and the model: made on the spot (`scratch:tiny`), or loaded by name or path."""

import os
import re
import socket
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from huggingface_hub import constants, try_to_load_from_cache
from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    set_seed,
)

from builder.config import Train
from builder.errors import DiskError, EndpointError, UsageError
from builder.language.messages import worded
from trainer.data import Conversation
from trainer.templates import ChatTemplate, find_template

SCRATCH = "scratch:tiny"
SCRATCH_POSITIONS = 4096  # tokens a scratch model can read

_END_OF_TEXT = "<|endoftext|>"
_SCRATCH_VOCABULARY = 2048
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_LEARNING_RATES = {"scratch": 1e-3, "lora": 2e-4, "full": 2e-5}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A tokenizer that carries the template to train with.

    Attributes:
        template: the template's name, as messages give it.
    """

    tokenizer: PreTrainedTokenizerBase
    template: str


def is_scratch(name: str) -> bool:
    """Whether the model is made on the spot.

    Raises:
        UsageError: an unknown scratch model.
    """
    if name.startswith("scratch:") and name != SCRATCH:
        raise UsageError(
            worded("train.model: unknown scratch model {name!r}", name=name),
            worded("There is {scratch}.", scratch=SCRATCH),
        )
    return name == SCRATCH


def learning_rate(settings: Train) -> float:
    """The rate from the settings, or the one that suits the model and the tuning."""
    kind = "scratch" if is_scratch(settings.model) else settings.tuning
    return settings.learning_rate if settings.learning_rate is not None else _LEARNING_RATES[kind]


def model_path(name: str) -> str:
    """A run folder of ours stands for the model in it; every other name stands for itself, a folder's as an absolute path."""
    inner = Path(name) / "model"
    return absolute_name(str(inner) if (Path(name) / "run.json").is_file() and inner.is_dir() else name)


def absolute_name(name: str) -> str:
    """A folder as an absolute path, which means the same wherever it is read; any other name as it is."""
    return str(Path(name).resolve()) if Path(name).is_dir() else name


def load_tokenizer(settings: Train, conversations: Iterable[Conversation]) -> Loaded:
    """The tokenizer with the template the settings ask for.

    Args:
        settings: the `train` section.
        conversations: training rows, from which a scratch tokenizer learns its vocabulary.

    Raises:
        UsageError: the model or the template does not exist, or does not fit the tokenizer.
        EndpointError: the model has to be downloaded and cannot be.
    """
    if is_scratch(settings.model):
        template = find_template(settings.template or "chatml")
        return Loaded(_train_tokenizer(conversations, template), template.name)
    tokenizer = load_saved_tokenizer(model_path(settings.model))
    if settings.template is None:
        return Loaded(tokenizer, f"{settings.model} (its own)")
    template = find_template(settings.template)
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    missing = [token for token in template.tokens if token not in special]
    if missing or (template.end is None and not tokenizer.eos_token):
        raise UsageError(
            worded(
                "train.template: {name} needs {missing}, which the tokenizer of {model} lacks",
                name=template.name,
                missing=", ".join(missing) or "an end token",
                model=settings.model,
            ),
            worded("Leave train.template empty for the model's own, or take alpaca, which needs only an end token."),
        )
    tokenizer.chat_template = template.source
    return Loaded(tokenizer, template.name)


def load_saved_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """A tokenizer by name or path.

    Raises:
        UsageError: the path holds none.
        EndpointError: the name has to be downloaded and cannot be.
    """
    _require_reachable(path, "tokenizer_config.json")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path)
    except Exception as error:  # files by anybody: the libraries raise what they stumble over
        raise _cannot_load(path, "tokenizer", error) from error
    return tokenizer


def load_config(path: str) -> PreTrainedConfig:
    """A model's configuration by name or path; raises as `load_saved_model` does."""
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(path)
    except Exception as error:
        raise _cannot_load(path, "configuration", error) from error
    return config


def load_model(settings: Train, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """The model before training; a scratch model is the same for the same seed and vocabulary.

    Raises:
        UsageError: the path holds no model.
        EndpointError: the name has to be downloaded and cannot be.
    """
    if is_scratch(settings.model):
        return _make_scratch(tokenizer, seed)
    return load_saved_model(model_path(settings.model))


def load_saved_model(path: str) -> PreTrainedModel:
    """A causal language model by name or path, an adapter together with its base, in float32."""
    _require_reachable(path, "config.json")
    is_adapter = (Path(path) / "adapter_config.json").is_file()
    loader: Any = AutoPeftModelForCausalLM if is_adapter else AutoModelForCausalLM
    try:
        with _peft_speaking_old_names():
            model: PreTrainedModel = loader.from_pretrained(path, dtype=torch.float32)
    except Exception as error:
        raise _cannot_load(path, "model", error) from error
    return model


def source_dtype(settings: Train) -> torch.dtype:
    """What the weights that training starts from are in, as their config says."""
    if is_scratch(settings.model):
        return torch.float32
    config = AutoConfig.from_pretrained(model_path(settings.model))
    given: Any = config.dtype or config.get_text_config().dtype
    return given if isinstance(given, torch.dtype) else torch.float32


def saved_dtype(settings: Train) -> torch.dtype:
    """What a fully tuned model is saved in."""
    return source_dtype(settings) if settings.save_dtype == "base" else _DTYPES[settings.save_dtype]


def add_lora(model: PreTrainedModel, settings: Train, seed: int) -> PeftModel:
    """Wrap a model with LoRA adapters on all its linear layers; alpha is twice the rank."""
    set_seed(seed)
    adapters = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with _peft_speaking_old_names():
        wrapped = get_peft_model(model, adapters)
    if not isinstance(wrapped, PeftModel):
        raise TypeError(f"get_peft_model returned a {type(wrapped).__name__}")
    return wrapped


@contextmanager
def _peft_speaking_old_names() -> Iterator[None]:
    """Without the warning that peft 0.21 asks transformers for an attribute by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def _train_tokenizer(conversations: Iterable[Conversation], template: ChatTemplate) -> PreTrainedTokenizerBase:
    """A byte-level BPE over the rows' texts: any text has tokens, so nothing is ever unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_SCRATCH_VOCABULARY,
        special_tokens=list(dict.fromkeys((_END_OF_TEXT, *template.tokens))),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((m.content for c in conversations for m in c.messages), trainer)
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=template.end or _END_OF_TEXT,
        pad_token=_END_OF_TEXT,
        bos_token=_END_OF_TEXT,
        model_max_length=SCRATCH_POSITIONS,
    )
    made.chat_template = template.source
    return made


def _make_scratch(tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """About 0.66 million parameters in Llama's shape.

    Not in Qwen2's: transformers 5.23 loads a tokenizer saved beside a Qwen2 model with Qwen2's own pre-tokenizer, whatever
    its tokenizer.json says, so the model would read other tokens than it was trained on.
    """
    set_seed(seed)
    config = LlamaConfig(
        vocab_size=_SCRATCH_VOCABULARY,
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=SCRATCH_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _require_reachable(name: str, file: str) -> None:
    """Fail at once without a network: the hub's client retries an unknown host for most of a minute."""
    if Path(name).exists() or isinstance(try_to_load_from_cache(name, file), str):
        return
    host = urlsplit(constants.ENDPOINT).hostname
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")) or host is None:
        return
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise EndpointError(
            worded(
                "train.model: {name} is neither a local folder nor in the cache, and {host} cannot be reached",
                name=name,
                host=host,
            ),
            worded("Check the network, give a local path, or use {scratch}, which needs no download.", scratch=SCRATCH),
        ) from error


@contextmanager
def saving(out: Path) -> Iterator[None]:
    """Turn what safetensors and torch make of a disk that is full or fails into one clear error.

    Raises:
        DiskError: a file could not be written whole.
    """
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        found = _SYSTEM_ERROR.search(str(error))
        if found is None:
            raise
        why = os.strerror(int(found[1])) if found[1] else worded("a file could not be written whole")
        raise DiskError(
            f"{out}: {why}",
            worded("Everything finished before this is valid. Free some space and run the same command again."),
        ) from error


# "…: I/O error: No space left on device (os error 28)" of safetensors; torch says where it noticed, and not why.
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)|unexpected pos \d+ vs|PytorchStreamWriter failed")


def _cannot_load(path: str, what: str, error: Exception) -> Exception:
    problem = (str(error).strip() or type(error).__name__).splitlines()[0]
    if Path(path).exists():
        return UsageError(
            worded(
                "train.model: {path} holds no {what} that can be loaded ({problem})",
                path=path,
                what=what,
                problem=problem,
            )
        )
    return EndpointError(
        worded("train.model: the {what} of {path} cannot be loaded ({problem})", what=what, path=path, problem=problem),
        worded(
            "Check the name and the network, log in where the model asks for it, give a local path, or use "
            "{scratch}, which needs no download.",
            scratch=SCRATCH,
        ),
    )
