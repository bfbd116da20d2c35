"""What stands before the embedded teacher on a port: who may speak to it, how much they may send, and how slowly.

A page in a browser reaches a server on this machine under a name of its own (DNS rebinding), so only addresses, `localhost` and
the name that the server was told to listen on are answered.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from builder.procedural.teacher.request_error import RequestError

# A prompt with a chunk of 4,000 words is below 100 kB; a file of a batch holds `growth.window` of them.
MOST_BODY = 4 << 20
MOST_FILE = 32 << 20
# Bytes of bodies that are being read or answered, of all clients together.
MOST_HELD = 256 << 20
BODY_SECONDS = 30.0


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than `localhost` counts as reachable from elsewhere."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Guard:
    """An ASGI application that passes on what it lets in, each body whole.

    Args:
        app: what it stands before.
        host: that the server listens on.
        api_key: the only bearer token that is let in, asked for before a body is read; None lets every one in.
        body_seconds: until a body has to be there.
    """

    def __init__(self, app: ASGIApp, host: str, api_key: str | None, *, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._host = host.lower()
        self._key = api_key
        self._seconds = body_seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            try:
                self._let_in(Headers(scope=scope))
                whole = await self._in_time(body, receive, MOST_FILE if scope["path"] == "/v1/files" else MOST_BODY)
            except RequestError as error:
                await _refuse(error, scope, receive, send)
                return
            if whole:
                await self._app(scope, _Replayed(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    def _let_in(self, headers: Headers) -> None:
        named = _host_of(headers.get("host", ""))
        if named != self._host and named != "localhost" and not _is_address(named):
            raise RequestError(421, f"This server does not answer to the name {named[:80]!r}; use its address.")
        if self._key is not None:
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._key.encode()):
                raise RequestError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _in_time(self, body: bytearray, receive: Receive, most: int) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(body, receive, most)
        except TimeoutError:
            raise RequestError(408, f"The body was not there after {self._seconds:g} seconds.") from None

    async def _read(self, body: bytearray, receive: Receive, most: int) -> bool:
        """Fill `body`; False where the client left before its end."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part: bytes = message.get("body", b"")
            if len(body) + len(part) > most:
                raise RequestError(413, f"A body may hold {most:,} bytes.")
            if self._held + len(part) > MOST_HELD:
                raise RequestError(503, "Too much is being read at once; send it again later.")
            body += part
            self._held += len(part)
            if not message.get("more_body", False):
                return True


class _Replayed:
    """What the application receives: the body that was read, then whatever comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._first: MutableMapping[str, Any] | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def __call__(self) -> Message:
        if self._first is None:
            return await self._receive()
        first, self._first = self._first, None
        return first


async def _refuse(error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
    response = error.response()
    response.headers["Connection"] = "close"  # what is left of the body is not read
    await response(scope, receive, send)


def _host_of(header: str) -> str:
    """A Host header without its port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
