"""The embedded teacher's side of OpenAI's Batch API: files and batches, in memory.

A line of an input file, and the line of the output file that answers it:

    {"custom_id": "r000012.0", "method": "POST", "url": "/v1/chat/completions", "body": {"model": …, "messages": […]}}
    {"id": "batch_req_…", "custom_id": "r000012.0", "response": {"status_code": 200, "body": {…}}, "error": null}

A batch is `validating`, then `in_progress`, then `completed` after `faults.batch_seconds`. Lines that fail go to the error
file.
"""

import asyncio
import email.parser
import email.policy
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from builder.procedural.teacher.faults import Faults, unit
from builder.procedural.teacher.request_error import RequestError

_URL = "/v1/chat/completions"
# What is kept, of all clients together.
_MOST_BYTES = 256 << 20
_MOST_FILES = 1000
_MOST_BATCHES = 200
_VALIDATING = 1 / 4  # share of a batch's time

Answer = Callable[[bytes], Awaitable[Response]]
Authorise = Callable[[Request], None]


@dataclass(frozen=True, slots=True)
class _File:
    id: str
    name: str
    purpose: str
    content: bytes
    created_at: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass(slots=True)
class _Batch:
    id: str
    input: _File
    metadata: dict[str, str] | None
    created_at: float
    status: str = "validating"
    problem: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    total: int = 0
    failed: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def ended(self) -> bool:
        return self.status in ("failed", "completed", "expired", "cancelled")

    def as_json(self) -> dict[str, Any]:
        errors = None
        if self.problem is not None:
            listed = [{"code": "invalid_request", "message": self.problem, "param": None, "line": None}]
            errors = {"object": "list", "data": listed}
        done = self.total - self.failed if self.ended else 0
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": _URL,
            "errors": errors,
            "input_file_id": self.input.id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": int(self.created_at),
            "request_counts": {"total": self.total, "completed": done, "failed": self.failed},
            "metadata": self.metadata,
        }


class BatchDesk:
    """Takes files and batches, and answers them with the chat side's own replies.

    Args:
        answer: gives the chat side's response to a raw body.
        authorise: raises RequestError for a request without the right key.
        faults: how it misbehaves.
        clock: seconds; states follow it.
    """

    def __init__(self, answer: Answer, authorise: Authorise, faults: Faults, clock: Callable[[], float]) -> None:
        self._answer = answer
        self._authorise = authorise
        self._faults = faults
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._batches: dict[str, _Batch] = {}
        self._numbered = self._created = 0

    @property
    def routes(self) -> list[Route]:
        """What to serve."""
        return [
            Route("/v1/files", self._guard(self._upload), methods=["POST"]),
            Route("/v1/files/{file}", self._guard(self._show_file)),
            Route("/v1/files/{file}/content", self._guard(self._download)),
            Route("/v1/batches", self._guard(self._create), methods=["POST"]),
            Route("/v1/batches", self._guard(self._list)),
            Route("/v1/batches/{batch}", self._guard(self._show_batch)),
            Route("/v1/batches/{batch}/cancel", self._guard(self._cancel), methods=["POST"]),
        ]

    def _guard(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                self._authorise(request)
                return await handler(request)
            except RequestError as error:
                return error.response()

        return guarded

    async def _upload(self, request: Request) -> Response:
        parts = _read_form(request.headers.get("content-type", ""), await request.body())
        if "file" not in parts or "purpose" not in parts:
            raise RequestError(400, "A file needs `file` and `purpose` as multipart/form-data.", param="file")
        name, content = parts["file"]
        waiting = {batch.input.id: batch.input for batch in self._batches.values() if not batch.ended}
        if sum(len(file.content) for file in waiting.values()) + len(content) > _MOST_BYTES:
            raise RequestError(429, "Too many files wait for their batches.", code="rate_limit_exceeded")
        return JSONResponse(self._store(name, parts["purpose"][1].decode("utf-8", "replace"), content).as_json())

    def _store(self, name: str, purpose: str, content: bytes) -> _File:
        self._numbered += 1
        digest = hashlib.sha256(content).hexdigest()[:12]
        stored = _File(f"file-{self._numbered:04d}{digest}", name, purpose, content, int(self._clock()))
        self._files[stored.id] = stored
        self._forget_oldest()
        return stored

    def _forget_oldest(self) -> None:
        """Keep memory bounded: the oldest files go first, then with them the batches that ended."""
        held = sum(len(file.content) for file in self._files.values())
        waiting = {batch.input.id for batch in self._batches.values() if not batch.ended}
        newest = next(reversed(self._files))
        for name in [name for name in self._files if name not in waiting and name != newest]:
            if held <= _MOST_BYTES and len(self._files) <= _MOST_FILES:
                break
            held -= len(self._files.pop(name).content)
        for name in [name for name, batch in self._batches.items() if batch.ended]:
            if len(self._batches) <= _MOST_BATCHES:
                break
            del self._batches[name]

    async def _show_file(self, request: Request) -> Response:
        return JSONResponse(self._file(request.path_params["file"]).as_json())

    async def _download(self, request: Request) -> Response:
        return Response(self._file(request.path_params["file"]).content, media_type="application/octet-stream")

    def _file(self, name: str) -> _File:
        if name not in self._files:
            raise RequestError(404, f"No such File object: {name}", param="id")
        return self._files[name]

    async def _create(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            source, url, window = (body[key] for key in ("input_file_id", "endpoint", "completion_window"))
        except (ValueError, KeyError, TypeError):
            raise RequestError(400, "A batch needs `input_file_id`, `endpoint` and `completion_window`.") from None
        if url != _URL or window != "24h":
            raise RequestError(400, f"This teacher knows `{_URL}` within `24h`.", param="endpoint")
        if sum(not batch.ended for batch in self._batches.values()) >= _MOST_BATCHES:
            raise RequestError(429, f"{_MOST_BATCHES} batches wait already.", code="rate_limit_exceeded")
        self._created += 1
        batch = _Batch(f"batch_{self._created:06d}", self._file(str(source)), body.get("metadata"), self._clock())
        self._batches[batch.id] = batch
        return JSONResponse(batch.as_json())

    async def _list(self, request: Request) -> Response:
        newest_first = [batch.as_json() for batch in reversed(self._batches.values())]
        after = request.query_params.get("after")
        start = next((place + 1 for place, batch in enumerate(newest_first) if batch["id"] == after), 0)
        asked = request.query_params.get("limit", "20")
        if not (asked.isascii() and asked.isdigit() and len(asked) <= 3 and 1 <= int(asked) <= 100):
            raise RequestError(400, "`limit` must be from 1 to 100.", param="limit")
        limit = int(asked)
        page = newest_first[start : start + limit]
        more = start + limit < len(newest_first)
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
        return JSONResponse({"object": "list", "data": page, "has_more": more, **ends})

    async def _show_batch(self, request: Request) -> Response:
        batch = self._batch(request)
        await self._advance(batch)
        return JSONResponse(batch.as_json())

    async def _cancel(self, request: Request) -> Response:
        batch = self._batch(request)
        await self._advance(batch)
        async with batch.lock:
            if not batch.ended:
                lines = _read_lines(batch.input.content)
                await self._end(batch, [] if isinstance(lines, str) else lines, "cancelled")
        return JSONResponse(batch.as_json())

    def _batch(self, request: Request) -> _Batch:
        name = request.path_params["batch"]
        if name not in self._batches:
            raise RequestError(404, f"No such Batch object: {name}", param="batch_id")
        return self._batches[name]

    async def _advance(self, batch: _Batch) -> None:
        """Bring a batch to where it is by now."""
        async with batch.lock:
            if batch.ended:
                return
            elapsed = self._clock() - batch.created_at
            total = self._faults.batch_seconds
            if elapsed < total * _VALIDATING:
                return
            lines = _read_lines(batch.input.content)
            if isinstance(lines, str) or unit(batch.input.id, "batch_failed") < self._faults.batch_failed:
                batch.problem = lines if isinstance(lines, str) else "The batch failed, as `faults` asked."
                batch.status = "failed"
                return
            batch.total = len(lines)
            batch.status = "in_progress"
            if elapsed >= total:
                expired = unit(batch.input.id, "batch_expired") < self._faults.batch_expired
                await self._end(batch, lines, "expired" if expired else "completed")

    async def _end(
        self, batch: _Batch, lines: list[tuple[str, bytes]], status: Literal["completed", "expired", "cancelled"]
    ) -> None:
        def left_out(place: int) -> str | None:
            """Every second line of a batch that expires is answered by then, and none of one that is cancelled."""
            return None if status == "completed" or (status == "expired" and place % 2 == 0) else status

        answers = await asyncio.gather(
            *(self._answer_line(*line, left_out=left_out(place)) for place, line in enumerate(lines))
        )
        outputs = [answer for answer in answers if answer["error"] is None and answer["response"]["status_code"] == 200]
        errors = [
            answer for answer in answers if answer["error"] is not None or answer["response"]["status_code"] != 200
        ]
        batch.failed = len(errors)
        batch.output_file = self._store_lines(f"{batch.id}_output.jsonl", outputs)
        batch.error_file = self._store_lines(f"{batch.id}_error.jsonl", errors)
        batch.status = status

    def _store_lines(self, name: str, lines: list[dict[str, Any]]) -> str | None:
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        return self._store(name, "batch_output", content.encode()).id if lines else None

    async def _answer_line(self, custom_id: str, body: bytes, *, left_out: str | None) -> dict[str, Any]:
        line: dict[str, Any] = {"id": f"batch_req_{custom_id}", "custom_id": custom_id, "response": None, "error": None}
        if left_out is not None:
            said = f"The batch was {left_out} before it came to this request."
            return line | {"error": {"code": f"batch_{left_out}", "message": said}}
        if unit(hashlib.sha256(body).hexdigest(), "batch_error") < self._faults.batch_error:
            response = RequestError(500, "The server had an error, as `faults` asked.").response()
        else:
            response = await self._answer(body)  # type: ignore[assignment]
        text = bytes(response.body).decode()
        try:
            content = json.loads(text)
        except ValueError:
            content = text
        return line | {"response": {"status_code": response.status_code, "request_id": custom_id, "body": content}}


def _read_lines(content: bytes) -> list[tuple[str, bytes]] | str:
    """Each line's `custom_id` and body, or what is wrong with the file."""
    lines: dict[str, bytes] = {}
    for number, line in enumerate(filter(None, content.split(b"\n")), start=1):
        try:
            value = json.loads(line)
            custom_id, body = value["custom_id"], value["body"]
        except (ValueError, KeyError, TypeError):
            return f"Line {number} is not a JSON object with `custom_id` and `body`."
        if value.get("url") != _URL or value.get("method") != "POST":
            return f"Line {number} is not a POST to {_URL}."
        if not isinstance(custom_id, str) or custom_id in lines:
            return f"Line {number} repeats the custom_id {custom_id!r}."
        lines[custom_id] = json.dumps(body, ensure_ascii=False).encode()
    return list(lines.items()) if lines else "The file is empty."


def _read_form(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Each part of a multipart form by name: its file name, empty for a field, and its bytes."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts: dict[str, tuple[str, bytes]] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = part.get_filename() or "", content
    return parts
