"""The teacher that needs no key and no network: an OpenAI-compatible server of procedural tasks.

    POST /v1/chat/completions    {"model": "seedbed-procedural", "messages": [{"role": "user", "content":
                                  "…\\n- number of tasks: 8\\n- language: English\\n- instances per task: 2"}]}
    reply's content              {"tasks": [{"instruction": "Total the ages …", "category": "mathematics", "language": "en",
                                  "is_classification": false, "instances": [{"input": "4, 9", "output": "13",
                                  "answer_key": {"family": "numbers_sum", "check": "number", "answer": "13"}}]}]}

A reply is a pure function of model, messages and seed. It is reached through the same client as any endpoint: in-process
through `httpx2.ASGITransport`, or on a port through `serve`. `embedded_batches` answers the Batch API.
"""

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from builder import __version__
from builder.errors import UsageError
from builder.language.messages import worded
from builder.procedural.teacher.embedded_batches import BatchDesk
from builder.procedural.teacher.faults import Faults, damage
from builder.procedural.teacher.guard import Guard
from builder.procedural.teacher.lessons import MODELS, compose_reply
from builder.procedural.teacher.mistakes import spoil
from builder.procedural.teacher.request_error import RequestError
from builder.text import tokenise

__all__ = ["MODELS", "Faults", "create_app", "serve"]

# What a chat format adds to each message: its role and its marks.
_TOKENS_PER_MESSAGE = 4
_MOST_BODIES = 100_000  # 12 MB of hashes
# Connections at once; each may hold one body.
_MOST_CONNECTIONS = 256
_FINGERPRINT = f"seedbed-{__version__}"
_HTML = "<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1><p>The upstream did not answer.</p>"


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a reply depends on, read from a request body."""

    model: str
    messages: tuple[tuple[str, str], ...]
    seed: int | None
    max_tokens: int | None

    @property
    def reply_hash(self) -> str:
        """The hash that the reply is drawn from: model, messages and seed, but not the length limit."""
        return _hash([self.model, self.messages, self.seed])

    @property
    def prompt_tokens(self) -> int:
        return sum(len(tokenise(text)) + _TOKENS_PER_MESSAGE for _, text in self.messages)


class BodyCounts:
    """How often each body came, by its hash; of the most recent bodies only, so that a server can run for ever.

    Attributes:
        total: of all that came.
        distinct: bodies that were new when they came.
        again: of these, the ones that came more than once.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self.total = self.distinct = self.again = 0

    def add(self, body_hash: str) -> int:
        """Count one; returns how often this body came by now."""
        count = self._counts.pop(body_hash, 0) + 1
        self._counts[body_hash] = count
        self.total += 1
        self.distinct += count == 1
        self.again += count == 2
        if len(self._counts) > _MOST_BODIES:
            del self._counts[next(iter(self._counts))]
        return count


class Tally:
    """Counts of what was received and answered, shown at /stats."""

    def __init__(self) -> None:
        self.attempts = BodyCounts()
        self.statuses: Counter[int] = Counter()
        self.served = BodyCounts()

    def as_json(self) -> dict[str, Any]:
        """The counts.

        `requests`: chat requests received; `served`: chat completions sent with status 200 and a choice; `by_status`;
        `distinct_bodies`; `repeated_bodies`: bodies received more than once; `bodies_served_again`: bodies that got more than
        one completion, that is, were bought twice.
        """
        return {
            "requests": self.attempts.total,
            "served": self.served.total,
            "by_status": {str(status): count for status, count in sorted(self.statuses.items())},
            "distinct_bodies": self.attempts.distinct,
            "repeated_bodies": self.attempts.again,
            "bodies_served_again": self.served.again,
        }


def create_app(
    faults: Faults = Faults(),  # noqa: B008 (frozen)
    api_key: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Make the server.

    Args:
        faults: how it misbehaves; see `builder.procedural.teacher.faults`.
        api_key: the only bearer token that is accepted, or None for any that is not empty.
        clock: seconds; what batches go by.
    """
    tally = Tally()

    async def answer(raw: bytes) -> Response:
        body_hash = hashlib.sha256(raw).hexdigest()
        attempt = tally.attempts.add(body_hash)
        try:
            return await _answer(_read_request(raw), body_hash, attempt, tally, faults)
        except RequestError as error:
            return error.response()

    async def chat(request: Request) -> Response:
        raw = await request.body()
        try:
            authorise(request)
            response = await answer(raw)
        except RequestError as error:
            tally.attempts.add(hashlib.sha256(raw).hexdigest())
            response = error.response()
        tally.statuses[response.status_code] += 1
        return response

    def authorise(request: Request) -> None:
        _authorise(request.headers, api_key)

    async def models(request: Request) -> Response:
        try:
            authorise(request)
        except RequestError as error:
            return error.response()
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "seedbed"} for name in MODELS]
        return JSONResponse({"object": "list", "data": listed})

    async def stats(request: Request) -> Response:
        return JSONResponse(tally.as_json())

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/stats", stats),
            *BatchDesk(answer, authorise, faults, clock).routes,
        ]
    )


def serve(host: str, port: int, faults: Faults, api_key: str | None) -> None:
    """Run the server on a real port until it is interrupted, behind `Guard`.

    Raises:
        UsageError: uvicorn is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise UsageError(
            worded("`seedbed teacher serve` needs uvicorn"), worded("pip install 'seedbed[serve]'")
        ) from error
    app = Guard(create_app(faults, api_key), host, api_key)
    uvicorn.run(app, host=host, port=port, log_level="warning", limit_concurrency=_MOST_CONNECTIONS)


async def _answer(chat: ChatRequest, body_hash: str, attempt: int, tally: Tally, faults: Faults) -> Response:
    strike = faults.strike(body_hash, attempt)
    delay = faults.latency + (faults.slow_seconds if strike == "slow" else 0)
    if delay:
        await asyncio.sleep(delay)
    match strike:
        case "rate_429":
            error = RequestError(429, "Rate limit reached, as `faults` asked.", code="rate_limit_exceeded")
            response = error.response()
            response.headers["Retry-After"] = f"{faults.retry_after:g}"
            return response
        case "rate_500":
            return RequestError(500, "The server had an error, as `faults` asked.").response()
        case "html":
            return HTMLResponse(_HTML)
        case "error_body":
            error = RequestError(500, "The model is overloaded, as `faults` asked.", code="overloaded")
            return Response(error.response().body, 200, media_type="application/json")
    completion = _complete(chat, body_hash, faults)
    if strike == "empty_choices":
        return JSONResponse(completion | {"choices": []})
    tally.served.add(body_hash)
    return JSONResponse(completion)


def _complete(chat: ChatRequest, body_hash: str, faults: Faults) -> dict[str, Any]:
    """The completion object, with the faults that are properties of its content."""
    reply_hash = chat.reply_hash
    content = compose_reply(chat.model, [text for role, text in chat.messages if role == "user"], reply_hash)
    finish = "stop"
    if faults.wrong or faults.unkeyed or faults.slips:
        rng = random.Random(f"mistakes/{reply_hash}")
        content = spoil(content, wrong=faults.wrong, unkeyed=faults.unkeyed, slips=faults.slips, rng=rng)
    rng = random.Random(f"faults/{reply_hash}")
    if faults.damages(body_hash):
        content = damage(content, rng)
    if faults.cuts(body_hash):
        chat = replace(
            chat, max_tokens=min(chat.max_tokens or 10**9, int(len(tokenise(content)) * rng.uniform(0.2, 0.9)))
        )
    tokens = len(tokenise(content))
    if chat.max_tokens is not None and tokens > chat.max_tokens:
        content, tokens, finish = first_tokens(content, chat.max_tokens), chat.max_tokens, "length"
    prompt = chat.prompt_tokens
    return {
        "id": f"chatcmpl-{reply_hash[:24]}",
        "object": "chat.completion",
        "created": 0,
        "model": chat.model,
        "system_fingerprint": _FINGERPRINT,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens},
    }


def first_tokens(text: str, count: int) -> str:
    """The longest beginning of a text that holds at most `count` tokens of `builder.text.tokenise`."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if len(tokenise(text[:middle])) <= count:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def _authorise(headers: Mapping[str, str], api_key: str | None) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if (
        scheme.lower() != "bearer"
        or not token
        or (api_key is not None and not hmac.compare_digest(token.encode(), api_key.encode()))
    ):
        raise RequestError(401, "Incorrect API key provided.", code="invalid_api_key")


def _read_request(raw: bytes) -> ChatRequest:
    """Read and check a request body; raises RequestError naming the parameter at fault."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RequestError(400, "The request body is not JSON.") from None
    if not isinstance(body, dict):
        raise RequestError(400, "The request body is not a JSON object.")
    if body.get("stream"):
        raise RequestError(400, "This teacher does not stream; send `stream: false`.", param="stream")
    if body.get("n") not in (None, 1):
        raise RequestError(400, "This teacher gives one choice; send `n: 1`.", param="n")
    model = body.get("model")
    if model not in MODELS:
        message = f"The model {model!r} does not exist; use one of: {', '.join(MODELS)}."
        raise RequestError(404, message, param="model", code="model_not_found")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError(400, "`messages` must be a list with at least one message.", param="messages")
    limits = [_integer(body, name) for name in ("max_completion_tokens", "max_tokens")]
    limit = next((value for value in limits if value is not None), None)
    if limit is not None and limit < 1:
        raise RequestError(400, "The token limit must be at least 1.", param="max_tokens")
    return ChatRequest(str(model), tuple(map(_read_message, messages)), _integer(body, "seed"), limit)


def _integer(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise RequestError(400, f"`{name}` must be an integer.", param=name)


def _read_message(message: object) -> tuple[str, str]:
    if isinstance(message, dict) and isinstance(message.get("role"), str):
        match message.get("content"):
            case str(text):
                return message["role"], text
            case None:
                return message["role"], ""
            case list(parts) if all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
                return message["role"], "".join(part["text"] for part in parts)
    raise RequestError(400, "A message needs a `role` and a text as `content`.", param="messages")


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
