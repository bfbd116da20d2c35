"""The catalogue of encoders: texts in, vectors out. To add one, add a file and one line in `ENCODERS`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from builder.config import Settings
from builder.encoders.characters import CharacterEncoder, character_codes
from builder.encoders.encoder import Codes, Encoder, cosines, norms, paired_cosines, quantise

__all__ = [
    "ENCODERS",
    "CharacterEncoder",
    "Codes",
    "Encoder",
    "character_codes",
    "cosines",
    "norms",
    "paired_cosines",
    "quantise",
]


def _open_openai(settings: Settings, ledger: Path, environ: Mapping[str, str]) -> Encoder:
    from builder.encoders.openai import OpenAIEncoder

    return OpenAIEncoder(settings, ledger, environ)


def _open_local(settings: Settings, ledger: Path, environ: Mapping[str, str]) -> Encoder:
    from builder.encoders.local import LocalEncoder

    return LocalEncoder(settings.meaning.model or "")


def _open_e5(settings: Settings, ledger: Path, environ: Mapping[str, str]) -> Encoder:
    from builder.encoders.e5 import E5Encoder

    return E5Encoder()


# Imported when one is needed: the openai package takes over a second to load.
ENCODERS: Mapping[str, Callable[[Settings, Path, Mapping[str, str]], Encoder]] = {
    "characters": lambda settings, ledger, environ: CharacterEncoder(),
    "e5": _open_e5,
    "openai": _open_openai,
    "local": _open_local,
}
