"""Model servers and Bedrock as they are seen from a gateway: OpenAI's API, with the faults of real ones.

They send the headers of a stream at once, as engines do, and tokens later.
"""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CHUNK = json.dumps(
    {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1764150000,
        "model": "gpt-oss-120b",
        "choices": [{"index": 0, "delta": {"content": " token"}, "logprobs": None, "finish_reason": None}],
    }
)
"""A token of a stream, in the size that engines send."""
CUT_AFTER = 5
"""Tokens before a stream breaks or stops."""


class Fault(StrEnum):
    """What an engine does with a request."""

    NONE = "answers"
    HANGS = "takes the request, sends headers, and no token"
    STOPS = "stops after some tokens"
    CUTS = "closes the connection after some tokens"
    FAILS = "answers with status 500"


@dataclass
class FakeEngine:
    """A server on a port of the loopback address.

    Attributes:
        name: stands in the header `x-engine` of its answers.
        fault: what it does.
        tokens: tokens of an answer.
        seconds_a_token: time between two.
        requests: bodies that it was asked with, and headers under `headers`.
        at_once: requests that run, and the most that ran.
    """

    name: str
    fault: Fault = Fault.NONE
    tokens: int = 10
    seconds_a_token: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    at_once: list[int] = field(default_factory=lambda: [0, 0])
    port: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, engine: FakeEngine) -> None:
        self.engine, self.received = engine, b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self.received = rest[size:]
            if head.startswith(b"GET"):
                self._whole(200, {})
                continue
            task = asyncio.get_running_loop().create_task(self._answer(head.decode(), json.loads(rest[:size])))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _whole(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nx-engine: {self.engine.name}\r\ncontent-length: {len(text)}\r\n\r\n"
        self.transport.write(head.encode() + text)

    async def _answer(self, head: str, body: dict[str, Any]) -> None:
        running = self.engine.at_once
        running[0] += 1
        running[1] = max(running)
        self.engine.requests.append({**body, "headers": head})
        try:
            await self._tell(body)
        finally:
            running[0] -= 1

    async def _tell(self, body: dict[str, Any]) -> None:
        engine, fault = self.engine, self.engine.fault
        if fault is Fault.FAILS:
            return self._whole(500, {"error": "planted"})
        if not body.get("stream"):
            if fault is Fault.HANGS:
                await asyncio.Event().wait()
            return self._whole(200, {"choices": []})
        head = f"HTTP/1.1 200 OK\r\nx-engine: {engine.name}\r\ncontent-type: text/event-stream\r\n"
        self.transport.write(head.encode() + b"transfer-encoding: chunked\r\n\r\n")
        if fault is Fault.HANGS:
            await asyncio.Event().wait()
        clock = asyncio.get_running_loop()
        start = clock.time()
        for number in range(body.get("max_tokens", engine.tokens)):
            # By the clock, or a busy loop would be slower than it says.
            await asyncio.sleep(max(0, start + number * engine.seconds_a_token - clock.time()))
            if number == CUT_AFTER and fault is Fault.CUTS:
                return self.transport.close()
            if number == CUT_AFTER and fault is Fault.STOPS:
                await asyncio.Event().wait()
            self._piece(f"data: {CHUNK}\n\n")
        self._piece("data: [DONE]\n\n")
        return self.transport.write(b"0\r\n\r\n")

    def _piece(self, text: str) -> None:
        self.transport.write(f"{len(text):x}\r\n{text}\r\n".encode())


@contextmanager
def running(*engines: FakeEngine) -> Iterator[None]:
    """The engines on free ports, in a thread."""
    loop = asyncio.new_event_loop()

    async def start() -> None:
        for engine in engines:
            server = await loop.create_server(lambda engine=engine: _Connection(engine), "127.0.0.1", engine.port)
            engine.port = server.sockets[0].getsockname()[1]

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
