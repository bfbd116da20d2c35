"""A server that answers with kept replies after a delay: an endpoint that costs its machine next to nothing.

python -m benchmarks.replaying PORT SECONDS FILE     FILE: a JSON object of lists of replies, by language (en, zh)

POST answers with the next reply of the prompt's language; GET with the number of replies that were sent.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path

from builder.text import detect_language


class _Replies:
    def __init__(self, replies: dict[str, list[str]], latency: float) -> None:
        self._latency = latency
        self._next = {language: itertools.cycle([r.encode() for r in kept]) for language, kept in replies.items()}
        self._sent = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it is closed."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if head.startswith(b"get "):
                    writer.write(_response(b"%d" % self._sent))
                    continue
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                asked = json.loads(await reader.readexactly(length))["messages"][0]["content"]
                await asyncio.sleep(self._latency)
                writer.write(_response(next(self._next["zh" if detect_language(asked[:200]) == "zh" else "en"])))
                await writer.drain()
                self._sent += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def _serve(port: int, latency: float, replies: dict[str, list[str]]) -> None:
    server = await asyncio.start_server(_Replies(replies, latency).answer, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))))
