"""Chunks a second that the gateway's Envoy forwards with a core, and where conversations go.

    PYTHONPATH=tests python benchmarks/gateway.py

Both by CPU time of the process and by counts of requests, so that a busy machine changes little.
"""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path

import psutil

from helpers.data_plane import PATH, data_plane
from helpers.fake_engines import FakeEngine, running
from helpers.workloads import gateway

STREAMS, SECONDS, SECONDS_A_TOKEN = 200, 8, 0.04
CONVERSATIONS, TURNS, ENGINES = 96, 5, 8


async def _ask(port: int, question: str, *, tokens: int) -> int:
    """Chunks of one answer."""
    body = json.dumps(
        {"messages": [{"role": "user", "content": question}], "stream": True, "max_tokens": tokens}
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer key-default\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    chunks = 0
    while data := await reader.read(65536):
        chunks += data.count(b'"delta"')
    writer.close()
    return chunks


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def throughput(folder: Path) -> None:
    """Chunks a second and core."""
    engines = [FakeEngine(f"engine-{number}", seconds_a_token=SECONDS_A_TOKEN) for number in range(2)]
    bedrock = FakeEngine("bedrock")
    with running(*engines, bedrock), data_plane(gateway(), folder, engines=engines, bedrock=bedrock) as plane:

        async def load() -> int:
            tokens = round(SECONDS / SECONDS_A_TOKEN)
            return sum(
                await asyncio.gather(*(_ask(plane.port, str(number), tokens=tokens) for number in range(STREAMS)))
            )

        for _ in range(3):
            before = _cpu_seconds(plane.pid)
            chunks = asyncio.run(load())
            spent = _cpu_seconds(plane.pid) - before
            print(f"{chunks:,} chunks, {spent:.2f} s of CPU: {chunks / spent:,.0f} chunks a second and core")


def routing(folder: Path) -> None:
    """Turns of conversations that come to the server of the turn before, and the most requests at one server."""
    engines = [FakeEngine(f"engine-{number}", seconds_a_token=0.2) for number in range(ENGINES)]
    bedrock = FakeEngine("bedrock")
    with running(*engines, bedrock), data_plane(gateway(), folder, engines=engines, bedrock=bedrock) as plane:

        async def conversation(number: int) -> None:
            for _ in range(TURNS):
                await _ask(plane.port, f"{number}: " + "why? " * 100, tokens=5)

        async def all_of_them() -> None:
            await asyncio.gather(*(conversation(number) for number in range(CONVERSATIONS)))

        asyncio.run(all_of_them())
    seen: dict[str, Counter[str]] = {}
    for engine in engines:
        for request in engine.requests:
            question = request["messages"][0]["content"]
            seen.setdefault(question, Counter())[engine.name] += 1
    same = sum(max(counts.values()) for counts in seen.values()) / (CONVERSATIONS * TURNS)
    most = max(engine.at_once[1] for engine in engines)
    print(
        f"{CONVERSATIONS} conversations of {TURNS} turns on {ENGINES} servers: {same:.0%} of the turns at one "
        f"server each; at most {most} requests at one server, {CONVERSATIONS / ENGINES:.0f} on average; "
        f"requests by server {sorted(len(engine.requests) for engine in engines)}"
    )


def main() -> None:
    """Both."""
    with tempfile.TemporaryDirectory() as folder:
        throughput(Path(folder))
        routing(Path(folder))


if __name__ == "__main__":
    main()
