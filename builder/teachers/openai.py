"""Any OpenAI-compatible endpoint, and the embedded teacher through the same client.

Of an answer at most `MOST_KEPT` bytes are held; the rest of a longer one is counted and hashed as it goes by.
"""

import asyncio
import base64
import contextlib
import hashlib
import html
import json
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2
import openai

from builder.config import Teacher
from builder.errors import EndpointError
from builder.language.messages import worded
from builder.requests.transport import HttpReply, TransportError, name_endpoint
from builder.teachers.connections import Connections

# Twice what the ledger keeps of a reply in characters, so that no whole reply of Chinese text is cut here first.
MOST_KEPT = 8 * 1024 * 1024
NO_KEY = "none"  # for endpoints that ask for none: a key has to be sent
_SHORTEST_KEY = 12  # characters; providers' keys have 20 and more
_PIECE = 64 * 1024  # bytes that a compressed body may grow by at a time
_BODY = "seedbed.body"
_OPENAI = (
    "https://api.openai.com/v1"  # named, since the package would read another address from $OPENAI_BASE_URL, unchecked
)
# The loggers that speak of addresses, headers and status lines, which can echo a key.
_LOGGERS = (
    "openai",
    "openai._base_client",
    "openai._legacy_response",
    "openai._response",
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
)


class _Body:
    """A body while it arrives: its beginning, its length and its hash."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hash: hashlib._Hash | None = None  # a body that is kept whole needs none
        self._kept = bytearray()
        self.length = 0
        self.broke_off = False

    def add(self, data: bytes) -> None:
        if self._hash is None and self.length + len(data) > self._most:
            self._hash = hashlib.sha256(self._kept)
        if self._hash is not None:
            self._hash.update(data)
        self.length += len(data)
        if len(self._kept) < self._most:
            self._kept += data[: self._most - len(self._kept)]

    def take(self) -> bytes:
        """The beginning, handed over: it is not held twice."""
        kept = bytes(self._kept)
        self._kept.clear()
        return kept

    @property
    def sha256(self) -> str | None:
        """Of the whole body where only its beginning is kept, else None."""
        return self._hash.hexdigest() if self._hash else None


class _KeyFilter(logging.Filter):
    """Takes a key out of log records that echo it, in their message or in the traceback of their error."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        super().__init__()
        self._clean = clean

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        cleaned = self._clean(message)
        if cleaned != message:
            record.msg, record.args = cleaned, None
        if record.exc_info:
            trace = _TRACEBACKS.formatException(record.exc_info)
            if (cleaned := self._clean(trace)) != trace:
                record.exc_text, record.exc_info = cleaned, None
        return True


_TRACEBACKS = logging.Formatter()


class OpenAIConnection:
    """A connection to one endpoint through the openai package: no retries and no redirects of its own.

    Args:
        settings: address, model, time-out.
        api_key: the key. Wherever the endpoint echoes it, as it is or encoded, it is replaced by *** before anything else
            sees the answer: so it is in no ledger, no row, no rejection and no error, not even where a reply's content
            repeats it. What the endpoint shows of it in parts is not recognised, and a key of fewer than 12 characters, such
            as the EMPTY that local servers are given, stays in the text of good replies, where it may be a word.
        transport: an ASGI app's in-process transport, or None for the network.
    """

    def __init__(self, settings: Teacher, api_key: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.settings = settings
        self._name = name_endpoint(settings)
        self._secrets = _encodings(api_key) if len(api_key) >= 4 and api_key != NO_KEY else []
        self._may_be_a_word = len(api_key) < _SHORTEST_KEY
        self._escaped = re.compile("".join(map(_escapes, api_key))) if self._secrets else None
        self._filter = _KeyFilter(self._clean)
        # Through a proxy too, one connection for each request in flight: a smaller pool would queue them inside the time-out.
        limits = httpx2.Limits(
            max_connections=settings.concurrency,
            max_keepalive_connections=settings.concurrency,
        )
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=settings.base_url or _OPENAI,
            max_retries=0,
            timeout=settings.timeout,
            # Other encodings could not be unpacked piece by piece here.
            default_headers={"Accept-Encoding": "gzip"},
            http_client=httpx2.AsyncClient(
                transport=transport,
                # Beside a mount, unlike with a transport, the proxies that the environment names still hold.
                mounts=None if transport else {"all://": Connections()},
                limits=limits,
                follow_redirects=False,
                timeout=settings.timeout,
                event_hooks={"response": [self._bound]},
            ),
        )

    async def __aenter__(self) -> Self:
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._client.close()
        finally:
            for name in _LOGGERS:
                logging.getLogger(name).removeFilter(self._filter)

    async def _bound(self, response: httpx2.Response) -> None:
        """Read the body before the client does, holding no more than its beginning; also where the connection breaks off."""
        if response.status_code == 200 and response.request.url.path.endswith("/content"):
            return  # a batch's file, which is read line by line
        body = _Body(MOST_KEPT)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        unpack = _unpacker(response.headers.get("content-encoding", ""))
        try:
            # The client's own time-out is for each read: an endpoint that drips would hold the request for ever.
            async with asyncio.timeout(self.settings.timeout):
                async for chunk in stream:
                    for piece in unpack(chunk):
                        body.add(piece)
        except (TimeoutError, httpx2.TransportError, zlib.error):
            body.broke_off = True
        finally:
            await stream.aclose()
        response.stream = httpx2.ByteStream(body.take())
        response.headers.pop("content-encoding", None)
        response.extensions[_BODY] = body

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> HttpReply:
        return self._read(await self._catch(call))

    async def _catch(self, call: Callable[[], Awaitable[Any]]) -> httpx2.Response:
        """The answer of any status behind a call of the openai package."""
        try:
            answer = await call()
            response: httpx2.Response = answer if isinstance(answer, httpx2.Response) else answer.http_response
        except openai.APIStatusError as error:
            return error.response
        except openai.APITimeoutError as error:
            sent = not isinstance(error.__cause__, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise TransportError("no answer within teacher.timeout", sent=sent, timed_out=True) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            refused = isinstance(cause, httpx2.ConnectError)
            said = self._clean(str(cause or error))
            raise TransportError(
                worded("no connection ({said})", said=said), sent=not refused, refused=refused
            ) from None
        return response

    def _read(self, response: httpx2.Response) -> HttpReply:
        body = response.extensions[_BODY]
        assert isinstance(body, _Body)
        sha256 = body.sha256
        if response.status_code == 200 and self._may_be_a_word:
            text = response.text
        else:
            text = self._clean(response.text)
            text = self._clean_end(text) if sha256 or body.broke_off else text
        return HttpReply(
            response.status_code,
            {name.lower(): self._clean(value) for name, value in response.headers.items()},
            text,
            self._name,
            broke_off=body.broke_off,
            length=body.length if sha256 else None,
            sha256=sha256,
        )

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if self._escaped is not None and ("\\/" in text or "\\u00" in text or _PERCENT.search(text)):
            text = self._escaped.sub("***", text)
        return text

    def _clean_end(self, text: str) -> str:
        """Where a body ends early, it may end in the middle of the key."""
        for secret in self._secrets:
            for size in range(len(secret) - 1, 3, -1):
                if text.endswith(secret[:size]):
                    return text[:-size] + "***"
        return text


class ChatClient(OpenAIConnection):
    """Chat completions from one endpoint.

    Args:
        settings: address, model, time-out.
        api_key: the key; it is replaced by *** wherever the endpoint echoes it.
        transport: an ASGI app's in-process transport, or None for the network.
        weight: its share of the requests among several endpoints, where it also puts its own model into each body; None is
            an endpoint by itself.
    """

    def __init__(
        self,
        settings: Teacher,
        api_key: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        weight: float | None = None,
    ) -> None:
        super().__init__(settings, api_key, transport)
        self._own_model = {} if weight is None else {"model": settings.model}
        self.weight = 1.0 if weight is None else weight
        # Whole, so that it is not put together for each request anew.
        self._address = f"{str(self._client.base_url).rstrip('/')}/chat/completions"

    async def post(self, body: Mapping[str, Any]) -> HttpReply:
        """Send one chat-completions body once. See `builder.requests.transport.ChatTransport`."""
        # Not `chat.completions.create`, which walks through the body's types first: a sixth of a request's CPU.
        sent = {**body, **self._own_model}
        return await self._call(lambda: self._client.post(self._address, cast_to=httpx2.Response, body=sent))


class ChatPool:
    """Several endpoints, opened and closed together; opening gives the sequence of them."""

    def __init__(self, clients: Sequence[ChatClient]) -> None:
        self._clients = clients
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Sequence[ChatClient]:
        for client in self._clients:
            await self._stack.enter_async_context(client)
        return self._clients

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def connect_openai(settings: Teacher, environ: Mapping[str, str]) -> ChatClient:
    """Connect to one compatible endpoint with the key in `teacher.api_key_env`.

    Raises:
        EndpointError: no key is set, and the address is not on this machine.
    """
    return ChatClient(settings, read_key(settings, environ))


def connect_endpoints(settings: Teacher, environ: Mapping[str, str]) -> ChatPool:
    """Connect to all of `teacher.endpoints`, each with its own key.

    Raises:
        EndpointError: a key is not set.
    """
    clients = []
    for endpoint in settings.endpoints:
        own = settings.model_copy(
            update={
                "base_url": endpoint.base_url,
                "model": endpoint.model or settings.model,
                "api_key_env": endpoint.api_key_env,
                "endpoints": (),
            }
        )
        clients.append(ChatClient(own, read_key(own, environ), weight=endpoint.weight))
    return ChatPool(clients)


def read_key(settings: Teacher, environ: Mapping[str, str]) -> str:
    """The key in `teacher.api_key_env`; a placeholder where none is set and the address is on this machine.

    Raises:
        EndpointError: no key is set, or what is set is none.
    """
    key = environ.get(settings.api_key_env, "").strip()
    if not key:
        host = httpx2.URL(settings.base_url).host if settings.base_url else ""
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise EndpointError(
                worded("${api_key_env} is not set", api_key_env=settings.api_key_env),
                worded(
                    "export {api_key_env}=…, name another variable in teacher.api_key_env, or use `teacher.provider: "
                    "embedded`, which needs no key.",
                    api_key_env=settings.api_key_env,
                ),
            )
        key = NO_KEY
    if not key.isascii() or any(c.isspace() for c in key):
        raise EndpointError(
            worded(
                "${api_key_env} does not hold a key: it has spaces or non-ASCII characters",
                api_key_env=settings.api_key_env,
            )
        )
    return key


def _encodings(key: str) -> list[str]:
    """A key as it is, in JSON, in HTML and in base64; the longest first, since one may hold another."""
    forms = {key, json.dumps(key)[1:-1], html.escape(key), base64.b64encode(key.encode()).decode().rstrip("=")}
    return sorted(forms, key=len, reverse=True)


def _escapes(character: str) -> str:
    """A pattern for one character, also where JSON or an address escapes it without need: \\/, \\u002d, %2D."""
    return rf"(?:\\?{re.escape(character)}|(?:\\u00|%)(?i:{ord(character):02x}))"


_PERCENT = re.compile("%[2-7][0-9A-Fa-f]")


def _unpacker(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    """Unpacks a body piece by piece, so that a small compressed body cannot become a large one in memory."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return lambda chunk: iter((chunk,))
    unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either header

    def unpack(chunk: bytes) -> Iterator[bytes]:
        left = chunk
        while left:
            yield unpacked.decompress(left, _PIECE)
            left = unpacked.unconsumed_tail

    return unpack
