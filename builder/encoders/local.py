"""A model of model2vec (small and fast) or of sentence-transformers: in a folder, or by its name on the Hugging Face hub.

A folder whose `modules.json` lists more than a table of word vectors is read by sentence-transformers, any other by model2vec.
Only what a name such as `minishlab/potion-base-8M` asks for is downloaded, its weights as safetensors; no code in it is run.
"""

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from builder.encoders.encoder import Vectors
from builder.errors import InputFileError, UsageError
from builder.language.messages import worded

NAME = "local"
_VERSION = 1
_MODULES = "modules.json"
_OF_STATIC_MODELS = frozenset({"StaticEmbedding", "Normalize"})
_READ = (".safetensors", ".bin", ".json", ".txt", ".model")
_HUB = "huggingface_hub"
_DOWNLOADED = ["*.safetensors", "*.json", "*.txt", "*.model"]
_ON_THE_HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*")


class LocalEncoder:
    """Loads the model when the first text is encoded.

    Args:
        model: a folder, or a name on the hub where there is no such folder.

    Raises:
        InputFileError: it is neither, or holds no model.
        UsageError: the library that reads it is not installed.
    """

    name = NAME

    def __init__(self, model: str) -> None:
        folder = Path(model)
        if not folder.is_dir():
            folder = _download(model)
        self._folder, self._model = folder, Path(model).resolve().name
        if not (folder / "config.json").is_file() and not (folder / _MODULES).is_file():
            raise InputFileError(
                folder,
                worded(
                    "holds no model: expected config.json of model2vec or {modules} of sentence-transformers",
                    modules=_MODULES,
                ),
            )
        self._transformer = not _listed_modules(folder / _MODULES) <= _OF_STATIC_MODELS
        library = "sentence_transformers" if self._transformer else "model2vec"
        if importlib.util.find_spec(library) is None:
            package = "sentence-transformers" if self._transformer else "'seedbed[meaning]'"
            raise UsageError(
                worded(
                    "meaning.encoder: local, and {folder} needs {library}, which is not installed",
                    folder=folder,
                    library=library,
                ),
                worded("pip install {package}", package=package),
            )

    @cached_property
    def version(self) -> str:
        """The model's name and a hash of its weights and settings: the vectors of another model are not these."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self._folder.rglob("*") if path.suffix in _READ):
            with path.open("rb") as file:
                digest.update(path.relative_to(self._folder).as_posix().encode())
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"{NAME}/{_VERSION}/{self._model}-{digest.hexdigest()[:12]}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`."""
        there = [place for place, text in enumerate(texts) if text.strip()]
        encoded = np.asarray(self._encode([texts[place] for place in there]) if there else np.zeros((0, 1)))
        vectors = np.zeros((len(texts), encoded.shape[1]), dtype=np.float32)
        vectors[there] = encoded
        return vectors

    @cached_property
    def _encode(self) -> Callable[[list[str]], Any]:
        try:
            return self._load_transformer() if self._transformer else self._load_static()
        except (OSError, ValueError, KeyError) as error:
            raise InputFileError(self._folder, worded("the model cannot be loaded ({error})", error=error)) from error

    def _load_static(self) -> Callable[[list[str]], Any]:
        from model2vec import StaticModel

        model = StaticModel.from_pretrained(str(self._folder))
        return lambda texts: model.encode(texts, use_multiprocessing=False)

    def _load_transformer(self) -> Callable[[list[str]], Any]:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)
        return lambda texts: model.encode(texts, show_progress_bar=False, convert_to_numpy=True)


def _download(name: str) -> Path:
    """The folder in which the hub's library keeps a model; what is there already is not fetched again."""
    remedy = worded(
        "meaning.model names a folder that holds a model, or one on the hub, such as minishlab/potion-base-8M."
    )
    if not _ON_THE_HUB.fullmatch(name):
        raise InputFileError(name, worded("no such folder"), remedy=remedy)
    if importlib.util.find_spec(_HUB) is None:
        raise UsageError(
            worded("meaning.encoder: local, and {name} needs {hub}, which is not installed", name=name, hub=_HUB),
            worded("pip install {hub}", hub=_HUB),
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_DOWNLOADED))
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise InputFileError(
            name, worded("no such folder, and not to be had from the hub ({error})", error=error), remedy=remedy
        ) from error


def _listed_modules(path: Path) -> set[str]:
    """The last words of the modules' types; none where there is no such file."""
    if not path.is_file():
        return set()
    try:
        return {str(module["type"]).rpartition(".")[2] for module in json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, KeyError, TypeError) as error:
        raise InputFileError(path, worded("not a list of modules ({name})", name=type(error).__name__)) from error
