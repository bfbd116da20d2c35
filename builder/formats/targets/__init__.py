"""What rows are written for, as `--format` names it: to add a target, add a file and a line here."""

from collections.abc import Callable, Mapping

from builder.formats import FORMATS
from builder.formats.prompt_completion import write_flat
from builder.formats.targets.axolotl import AXOLOTL
from builder.formats.targets.llama_factory import LLAMA_FACTORY
from builder.formats.targets.ms_swift import MS_SWIFT
from builder.formats.targets.openai import OPENAI
from builder.formats.targets.target import FLAT, NESTED, Row, Target, Write
from builder.formats.targets.trl import TRL, UNSLOTH
from builder.schema import Sample

__all__ = ["TARGETS"]


def _as_one_kind(name: str) -> Write:
    write = _writer(name)
    return lambda sample: ("rows", write(sample))


def _by_preference(write: Callable[[Sample], Row]) -> Write:
    return lambda sample: ("sft" if sample.rejected is None else "preference", write(sample))


def _writer(name: str) -> Callable[[Sample], Row]:
    write = FORMATS[name].write
    assert write is not None
    return write


_ANY = {"rows": ""}
_TRL_KINDS = {"sft": "SFTTrainer", "preference": "DPOTrainer"}

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("messages", _as_one_kind("messages"), _ANY, layout="file"),
        Target("sharegpt", _as_one_kind("sharegpt"), _ANY, layout="file"),
        Target(
            "prompt_completion",
            _by_preference(_writer("prompt_completion")),
            _TRL_KINDS,
            suffixes=NESTED + FLAT,
            flat=_by_preference(write_flat),
        ),
        Target(
            "alpaca",
            _as_one_kind("alpaca"),
            _ANY,
            layout="file",
            suffixes=NESTED + FLAT,
            flat=_as_one_kind("alpaca"),
        ),
        TRL,
        UNSLOTH,
        OPENAI,
        AXOLOTL,
        LLAMA_FACTORY,
        MS_SWIFT,
    )
}
