"""Any OpenAI-compatible embeddings endpoint, asked through the same sender, ledger and budget as a teacher.

    POST /v1/embeddings   {"model": "m", "input": ["Fix the bug", …], "encoding_format": "base64"}
    reply                 {"data": [{"index": 0, "embedding": "AACAPw…" or [0.1, …]}, …], "usage": {"prompt_tokens": 12}}

Replies stay in `embeddings/ledger.sqlite` until the vectors made of them are on disk, so that a run that breaks off pays for
nothing twice.
"""

import asyncio
import base64
import binascii
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from builder.config import Settings, Teacher
from builder.encoders.encoder import Vectors
from builder.errors import BudgetReachedError, EndpointError
from builder.language.messages import worded
from builder.requests.budget import Budget
from builder.requests.ledger import Ledger, Received, Request
from builder.requests.prices import known_prices
from builder.requests.sender import Completion, Sender
from builder.requests.spending import Spending, Usage
from builder.requests.transport import HttpReply
from builder.teachers.openai import OpenAIConnection, read_key

NAME = "openai"
_VERSION = 1
_TEXTS_PER_REQUEST = 32  # 32 texts of 3,072 dimensions are 0.5 MB in base64 and 2 MB as numbers; the ledger keeps 4
_LONGEST_TEXT = 4_000  # characters; most models end at 8,192 tokens, and a character is seldom two
_RECIPE = "embedding"


class EmbeddingClient(OpenAIConnection):
    """See `builder.requests.transport.ChatTransport`: its bodies are those of embeddings."""

    weight = 1.0

    async def post(self, body: Mapping[str, Any]) -> HttpReply:
        """Send one embeddings body once, without retries."""
        create: Any = self._client.embeddings.with_raw_response.create
        return await self._call(lambda: create(**body))


class OpenAIEncoder:
    """Asks an endpoint.

    Args:
        settings: `meaning` names the model, its address and its key; `budget` caps what embedding costs by itself.
        ledger: the file that holds replies until their vectors are kept.
        environ: where the key is.
    """

    name = NAME

    def __init__(self, settings: Settings, ledger: Path, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._environ = environ
        self.version = f"{NAME}/{_VERSION}/{settings.meaning.model}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`.

        Raises:
            EndpointError: no key is set, or the endpoint cannot be used or does not give vectors.
            BudgetReachedError: the next request could exceed a cap; what was bought is kept.
        """
        there = [place for place, text in enumerate(texts) if text.strip()]
        asked = [texts[place][:_LONGEST_TEXT] for place in there]
        bodies = [
            {
                "model": self._settings.meaning.model,
                "input": asked[start : start + _TEXTS_PER_REQUEST],
                "encoding_format": "base64",
            }
            for start in range(0, len(asked), _TEXTS_PER_REQUEST)
        ]
        try:
            replies = asyncio.run(self._ask(bodies)) if bodies else []
        except EndpointError as error:
            raise type(error)(error.message, _in_words_of_meaning(error.remedy)) from None
        sizes = [len(asked[start : start + _TEXTS_PER_REQUEST]) for start in range(0, len(asked), _TEXTS_PER_REQUEST)]
        parts = [self._read(reply, size) for reply, size in zip(replies, sizes, strict=True)]
        dimensions = {part.shape[1] for part in parts}
        if len(dimensions) > 1:
            raise self._unusable(f"vectors of {' and '.join(map(str, sorted(dimensions)))} dimensions")
        vectors = np.zeros((len(texts), next(iter(dimensions), 1)), dtype=np.float32)
        if parts:
            vectors[there] = np.concatenate(parts)
        return vectors

    async def _ask(self, bodies: Sequence[Mapping[str, Any]]) -> list[str]:
        """The reply to each body; those that the ledger holds are not asked for again."""
        teacher = endpoint_of(self._settings)
        with Ledger(self._ledger) as ledger:
            steps = {_key(step.request.body): step for entry in ledger.entries() for step in entry.steps}
            replies = {
                key: step.received.reply for key, step in steps.items() if step.received and step.received.usable
            }
            lacking = {key: body for body in bodies if (key := _key(body)) not in replies}
            budget = _open_budget(self._settings, teacher, ledger.spending())
            async with EmbeddingClient(teacher, read_key(teacher, self._environ)) as client:
                sender = Sender(
                    client,
                    ledger,
                    budget,
                    teacher,
                    random=random.Random(self._settings.seed),
                    now=time.time,
                    read=_usable,
                )
                tasks: list[asyncio.Task[Received]] = []
                stopped: BudgetReachedError | None = None
                try:
                    for number, (key, body) in enumerate(lacking.items(), len(steps)):
                        await sender.room()
                        if any(task.done() and task.exception() for task in tasks):
                            break
                        if key not in steps:
                            ledger.add_job(number, _RECIPE, {})
                        request = steps[key].request if key in steps else Request(number, 0, body, _ceiling(body), 0)
                        try:
                            tasks.append(asyncio.create_task(sender.send(request, first=key not in steps)))
                        except BudgetReachedError as error:  # those before it may be sent
                            stopped = error
                            break
                    received = await asyncio.gather(*tasks)
                finally:
                    sender.close()
                    await asyncio.gather(*tasks, return_exceptions=True)
        if stopped is not None:
            raise stopped
        replies |= {key: one.reply for key, one in zip(lacking, received, strict=True)}
        return [replies[_key(body)] for body in bodies]

    def _read(self, reply: str, texts: int) -> Vectors:
        try:
            vectors = read_vectors(reply)
        except ValueError as error:
            raise self._unusable(f"a reply that holds no vectors ({error})") from None
        if len(vectors) != texts:
            raise self._unusable(f"{len(vectors)} vectors for {texts} texts")
        return vectors

    def _unusable(self, what: str) -> EndpointError:
        where = self._settings.meaning.base_url or "the endpoint"
        return EndpointError(
            worded("{where} ({model}): gave {what}", where=where, model=self._settings.meaning.model, what=what),
            worded("Check that meaning.model is an embeddings model; `meaning.encoder: characters` needs no endpoint."),
        )


def endpoint_of(settings: Settings) -> Teacher:
    """The embeddings endpoint in the terms of a teacher, which is what clients, senders and budgets know."""
    meaning = settings.meaning
    return settings.teacher.model_copy(
        update={
            "provider": "openai",
            "model": meaning.model,
            "base_url": meaning.base_url,
            "api_key_env": meaning.api_key_env,
            "endpoints": (),
            "send": "chat",
        }
    )


def read_vectors(reply: str) -> Vectors:
    """The vectors of a raw reply, in the order of the texts.

    Raises:
        ValueError: it holds none.
    """
    try:
        data = json.loads(reply)["data"]
        ordered = sorted(data, key=lambda item: item["index"])
        return np.stack([_vector(item["embedding"]) for item in ordered])
    except (KeyError, TypeError, ValueError, RecursionError, binascii.Error) as error:
        raise ValueError(type(error).__name__) from None


def _vector(embedding: Any) -> Vectors:
    """From base64 of little-endian float32, or from a list of numbers: endpoints that know no base64 send that."""
    if isinstance(embedding, str):
        vector: Vectors = np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
    else:
        vector = np.array([float(number) for number in embedding], dtype=np.float32)
    if not len(vector):
        raise ValueError("an empty vector")
    return vector


def _usable(reply: str) -> Completion | None:
    """None where the reply holds no vectors; the sender looks for the tokens itself."""
    try:
        read_vectors(reply)
    except ValueError:
        return None
    return Completion("", "stop", 0, 0)


def _open_budget(settings: Settings, teacher: Teacher, spent: Spending) -> Budget:
    unknown = spent.tokens - spent.prompt_tokens - spent.completion_tokens
    usage = Usage(
        job="r000000",
        step=0,
        recipe=_RECIPE,
        model=teacher.model,
        prompt_bytes=0,
        attempts=spent.attempts,
        usable=spent.received,
        unknown=spent.unknown,
        unstated=spent.unstated,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        unknown_prompt_tokens=unknown,
        unknown_completion_tokens=0,
        read_order=None,
    )
    return Budget(settings.budget, spent, prices=known_prices(teacher, settings.budget), usage=[usage])


def _ceiling(body: Mapping[str, Any]) -> int:
    # A byte-level tokenizer makes no more tokens than bytes, and some models add a mark at either end.
    return sum(len(text.encode("utf-8", "replace")) + 2 for text in body["input"])


def _key(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def _in_words_of_meaning(remedy: str) -> str:
    remedy = remedy.replace("`teacher.provider: embedded`", "`meaning.encoder: characters`")
    return remedy.replace("teacher.", "meaning.")
