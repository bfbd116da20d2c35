"""A real HTTP server on loopback that answers from a script, and one that is the embedded teacher."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


def completion(content: str | None, finish_reason: str = "stop") -> dict[str, Any]:
    """A chat completion in OpenAI's shape: 10 prompt tokens, 5 completion tokens."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


@dataclass(frozen=True)
class Answer:
    """One scripted answer."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Endpoint:
    """A running server: its address, and the bodies and headers it was sent."""

    url: str
    bodies: list[Any] = field(default_factory=list)
    authorisations: list[str] = field(default_factory=list)

    @property
    def posts(self) -> int:
        return len(self.bodies)


class _Server(uvicorn.Server):
    """Uvicorn, but it ends when it is told to: its own loops sleep for a tenth of a second each time they look."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        # A client that was killed leaves requests behind that sleep for as long as the script says: they are not waited for.
        patience = time.monotonic() + 0.2
        while (state.connections or state.tasks) and time.monotonic() < patience:
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of this machine; yields its address with /v1."""
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def scripted(*answers: Answer) -> Iterator[Endpoint]:
    """Answer POSTs from the script; the last answer repeats."""
    endpoint = Endpoint("")

    async def chat(request: Request) -> Response:
        endpoint.bodies.append(json.loads(await request.body()))
        endpoint.authorisations.append(request.headers.get("authorization", ""))
        answer = answers[min(endpoint.posts, len(answers)) - 1]
        if answer.delay:
            await asyncio.sleep(answer.delay)
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, ensure_ascii=False)
        return Response(body, answer.status, answer.headers, media_type="application/json")

    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        endpoint.url = url
        yield endpoint
