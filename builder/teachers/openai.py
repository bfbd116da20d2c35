"""Any OpenAI-compatible chat endpoint, and the embedded teacher through the same client."""

from collections.abc import Mapping
from typing import Any, Self

import httpx2
import openai

from builder.config import Teacher
from builder.errors import EndpointError
from builder.requests.sender import HttpReply, TransportError


class ChatClient:
    """One endpoint through the openai package: no retries and no redirects of its own.

    Args:
        settings: address, model, time-out.
        api_key: the key; it is replaced by *** wherever the endpoint echoes it.
        transport: an ASGI app's in-process transport, or None for the network.
    """

    def __init__(
        self,
        settings: Teacher,
        api_key: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._api_key = api_key
        # One connection for each request in flight; a smaller pool would queue them inside the time-out.
        limits = httpx2.Limits(
            max_connections=settings.concurrency,
            max_keepalive_connections=settings.concurrency,
        )
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=settings.base_url,
            max_retries=0,
            timeout=settings.timeout,
            http_client=httpx2.AsyncClient(
                transport=transport,
                limits=limits,
                follow_redirects=False,
                timeout=settings.timeout,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def post(self, body: Mapping[str, Any]) -> HttpReply:
        """Send one chat-completions body once. See `builder.requests.sender.ChatTransport`."""
        try:
            raw = await self._client.chat.completions.with_raw_response.create(**body)
            response = raw.http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            raise TransportError("no answer within teacher.timeout", sent=True) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            sent = not isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise TransportError(f"no connection ({self._clean(str(cause or error))})", sent=sent) from None
        return HttpReply(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            self._clean(response.text),
        )

    def _clean(self, text: str) -> str:
        return text.replace(self._api_key, "***") if len(self._api_key) >= 4 else text


def connect_openai(settings: Teacher, environ: Mapping[str, str]) -> ChatClient:
    """Connect to a compatible endpoint with the key in `teacher.api_key_env`.

    Raises:
        EndpointError: no key is set, and the address is not on this machine.
    """
    key = environ.get(settings.api_key_env, "").strip()
    if not key:
        host = httpx2.URL(settings.base_url).host if settings.base_url else ""
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise EndpointError(
                f"${settings.api_key_env} is not set",
                f"export {settings.api_key_env}=…, name another variable in teacher.api_key_env, "
                "or use `teacher.provider: embedded`, which needs no key.",
            )
        key = "none"
    if not key.isascii() or any(c.isspace() for c in key):
        raise EndpointError(f"${settings.api_key_env} does not hold a key: it has spaces or non-ASCII characters")
    return ChatClient(settings, key)
