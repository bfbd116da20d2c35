"""Files and batches of one OpenAI-compatible endpoint."""

from collections.abc import Mapping
from typing import Any

import httpx2

from builder.config import Teacher
from builder.requests.batch import URL
from builder.requests.transport import HttpReply, TransportError
from builder.teachers.openai import MOST_KEPT, OpenAIConnection, read_key


class BatchClient(OpenAIConnection):
    """See `builder.requests.batch.BatchTransport`."""

    async def upload(self, lines: bytes) -> HttpReply:
        """Store a JSONL file for a batch."""
        files = self._client.files.with_raw_response
        return await self._call(lambda: files.create(file=("requests.jsonl", lines), purpose="batch"))

    async def create(self, file_id: str, name: str) -> HttpReply:
        """Start a batch on a file; `name` is stored with it."""
        batches = self._client.batches.with_raw_response
        return await self._call(
            lambda: batches.create(
                input_file_id=file_id, endpoint=URL, completion_window="24h", metadata={"seedbed": name}
            )
        )

    async def retrieve(self, batch_id: str) -> HttpReply:
        """A batch's state."""
        return await self._call(lambda: self._client.batches.with_raw_response.retrieve(batch_id))

    async def cancel(self, batch_id: str) -> HttpReply:
        """End a batch early; what was answered stays."""
        return await self._call(lambda: self._client.batches.with_raw_response.cancel(batch_id))

    async def page(self, after: str | None, size: int) -> HttpReply:
        """Batches, newest first, those after the one named."""
        query: dict[str, Any] = {"limit": size} if after is None else {"limit": size, "after": after}
        return await self._call(lambda: self._client.batches.with_raw_response.list(**query))

    async def download(self, file_id: str) -> tuple[HttpReply, list[str]]:
        """A file's lines, of each at most `MOST_KEPT` bytes; without any where the status is not 200."""
        lines: list[str] = []

        async def stream() -> Any:
            async with self._client.files.with_streaming_response.content(file_id) as response:
                line = bytearray()
                async for chunk in response.iter_bytes():
                    end, *others = chunk.split(b"\n")
                    line += end[: MOST_KEPT - len(line)]
                    for other in others:
                        lines.append(self._clean(line.decode("utf-8", "replace")))
                        line = bytearray(other[:MOST_KEPT])
                lines.append(self._clean(line.decode("utf-8", "replace")))
                return response

        try:
            response = await self._catch(stream)
        except httpx2.TransportError as error:
            raise TransportError(f"the download broke off ({type(error).__name__})", sent=True) from None
        if response.status_code != 200:
            return self._read(response), []
        return HttpReply(200, {}, "", self._name), [line for line in lines if line.strip()]


def connect_batches(settings: Teacher, environ: Mapping[str, str]) -> BatchClient:
    """Connect to the Batch API of a compatible endpoint with the key in `teacher.api_key_env`.

    Raises:
        EndpointError: no key is set, and the address is not on this machine.
    """
    return BatchClient(settings, read_key(settings, environ))
