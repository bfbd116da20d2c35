"""The catalogue of teachers: whatever answers chat requests."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from builder.config import Teacher

if TYPE_CHECKING:
    from builder.teachers.batch_client import BatchClient
    from builder.teachers.openai import ChatClient, ChatPool


def _connect_embedded(settings: Teacher, environ: Mapping[str, str]) -> "ChatClient":
    """Reach the embedded teacher in-process, through the same client and protocol as any endpoint."""
    import httpx2

    from builder.procedural.teacher.embedded import Faults, create_app
    from builder.teachers.openai import NO_KEY, ChatClient

    app = create_app(Faults.parse(settings.faults))
    local = settings.model_copy(update={"base_url": "http://embedded.invalid/v1"})
    return ChatClient(local, NO_KEY, httpx2.ASGITransport(app=app))


def _connect_openai(settings: Teacher, environ: Mapping[str, str]) -> "ChatClient | ChatPool":
    from builder.teachers.openai import connect_endpoints, connect_openai

    return connect_endpoints(settings, environ) if settings.endpoints else connect_openai(settings, environ)


# Imported when one is needed: the openai package takes over a second to load, and curating needs no teacher.
TEACHERS: Mapping[str, Callable[[Teacher, Mapping[str, str]], "ChatClient | ChatPool"]] = {
    "embedded": _connect_embedded,
    "openai": _connect_openai,
}


def connect_batches(settings: Teacher, environ: Mapping[str, str]) -> "BatchClient":
    """Connect to the Batch API of the teacher's endpoint.

    Raises:
        EndpointError: no key is set, and the address is not on this machine.
    """
    from builder.teachers.batch_client import connect_batches as connect

    return connect(settings, environ)
