"""What a teacher is to the sender: bodies go in, HTTP answers of any status come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from builder.config import Teacher


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An HTTP answer of any status.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        text: the body; of one that is too long or that broke off, its beginning.
        served_by: the endpoint and the model that answered, such as `http://127.0.0.1:8000/v1 (qwen)`.
        broke_off: the connection ended before the body did.
        length: bytes of the whole body where `text` is only its beginning, else None.
        sha256: of the whole body in that case, else None.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    served_by: str = ""
    broke_off: bool = False
    length: int | None = None
    sha256: str | None = None

    @property
    def whole(self) -> bool:
        """Whether `text` is all that the endpoint sent, and was going to send."""
        return not self.broke_off and self.length is None


class TransportError(Exception):
    """No HTTP answer.

    Args:
        message: what happened.
        sent: False where the request cannot have arrived.
        refused: nothing listens at the address.
        timed_out: it took longer than `teacher.timeout`.
    """

    def __init__(self, message: str, *, sent: bool, refused: bool = False, timed_out: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.refused = refused
        self.timed_out = timed_out


class ChatTransport(Protocol):
    """One endpoint."""

    @property
    def settings(self) -> Teacher:
        """Its address, model and key variable, and its limits."""

    @property
    def weight(self) -> float:
        """Its share of the requests among several endpoints."""

    async def post(self, body: Mapping[str, Any]) -> HttpReply:
        """Send one chat-completions body once, without retries.

        Raises:
            TransportError: no answer came.
        """


def name_endpoint(settings: Teacher) -> str:
    """The endpoint and its model as errors and the ledger name them."""
    address = "embedded teacher" if settings.provider == "embedded" else settings.base_url or "endpoint"
    return f"{address} ({settings.model})"
