"""The catalogue of teachers: whatever answers chat requests."""

from collections.abc import Callable, Mapping

import httpx2

from builder.config import Teacher
from builder.teachers.embedded import Faults, create_app
from builder.teachers.openai import ChatClient, connect_openai


def connect_embedded(settings: Teacher, environ: Mapping[str, str]) -> ChatClient:
    """Reach the embedded teacher in-process, through the same client and protocol as any endpoint."""
    app = create_app(Faults.parse(settings.faults))
    local = settings.model_copy(update={"base_url": "http://embedded.invalid/v1"})
    return ChatClient(local, "embedded", httpx2.ASGITransport(app=app))


TEACHERS: Mapping[str, Callable[[Teacher, Mapping[str, str]], ChatClient]] = {
    "embedded": connect_embedded,
    "openai": connect_openai,
}
