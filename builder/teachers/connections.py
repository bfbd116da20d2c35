"""A connection for each request in flight, the one used last first."""

from collections.abc import AsyncIterator

import httpx2


class Connections(httpx2.AsyncBaseTransport):
    """Makes a connection where all others are in use; whoever uses it limits the requests in flight.

    httpx2's own pool looks at all its connections, and polls the idle ones, whenever a request starts or ends: with 64 in
    flight a quarter of a request's CPU.
    """

    def __init__(self) -> None:
        self._context = httpx2.create_ssl_context()
        self._all: list[httpx2.AsyncHTTPTransport] = []
        self._idle: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its connection is free again once the response is closed."""
        connection = self._idle.pop() if self._idle else self._make()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            self._idle.append(connection)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Released(response.stream, connection, self._idle)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._all:
            await connection.aclose()

    def _make(self) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
        connection = httpx2.AsyncHTTPTransport(verify=self._context, limits=limits)
        self._all.append(connection)
        return connection


class _Released(httpx2.AsyncByteStream):
    """A response's stream that gives its connection back when it is closed."""

    def __init__(
        self,
        stream: httpx2.AsyncByteStream,
        connection: httpx2.AsyncHTTPTransport,
        idle: list[httpx2.AsyncHTTPTransport],
    ) -> None:
        self._stream = stream
        self._connection: httpx2.AsyncHTTPTransport | None = connection
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        if self._connection is not None:
            self._idle.append(self._connection)
            self._connection = None
