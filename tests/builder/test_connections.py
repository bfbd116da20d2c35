"""A connection for each request in flight, against a real server on loopback."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from builder.teachers.connections import Connections


@pytest.fixture
def served() -> Iterator[tuple[str, list[int]]]:
    """An address that answers every request, and how many requests each connection brought; /cut ends before the answer."""
    counts: list[int] = []

    def serve(connection: socket.socket, place: int) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                if line.startswith(b"GET"):
                    path = line.split()[1]
                if line == b"\r\n":
                    if path == b"/cut":
                        return
                    counts[place] += 1
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            counts.append(0)
            pool.submit(serve, connection, len(counts) - 1)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(16) as pool:
        pool.submit(accept)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", counts
        listener.shutdown(socket.SHUT_RDWR)


def test_one_after_the_other_share_a_connection(served: tuple[str, list[int]]) -> None:
    url, counts = served

    async def run() -> list[str]:
        async with httpx2.AsyncClient(transport=Connections()) as client:
            return [(await client.get(url)).text for _ in range(5)]

    assert asyncio.run(run()) == ["ok"] * 5
    assert counts == [5]


def test_each_in_flight_has_its_own_and_later_ones_use_those(served: tuple[str, list[int]]) -> None:
    url, counts = served

    async def run() -> None:
        async with httpx2.AsyncClient(transport=Connections()) as client:
            for _ in range(3):
                await asyncio.gather(*(client.get(url) for _ in range(8)))

    asyncio.run(run())
    assert (len(counts), sum(counts)) == (8, 24)


def test_a_connection_that_broke_is_replaced(served: tuple[str, list[int]]) -> None:
    url, counts = served

    async def run() -> str:
        async with httpx2.AsyncClient(transport=Connections()) as client:
            await client.get(url)
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get(f"{url}/cut")
            return (await client.get(url)).text

    assert asyncio.run(run()) == "ok"
    assert counts == [1, 1]


def test_a_response_that_nobody_reads_gives_its_connection_back(served: tuple[str, list[int]]) -> None:
    url, counts = served

    async def run() -> None:
        async with httpx2.AsyncClient(transport=Connections()) as client:
            for _ in range(3):
                async with client.stream("GET", url):
                    pass

    asyncio.run(run())
    assert sum(counts) == 3
