"""Server of the embedded AWS on this machine: AWS's APIs by moto, and `/_rehearsal` for commands to the simulation.

Other programs of this machine can reach it, a browser that shows a stranger's page among them. So requests that a
browser made and host names that a stranger's DNS resolves to this machine are refused, commands need the token of the
file that only its user reads, and nothing that the API is given is run.
"""

import argparse
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from ultrafleet.environment import Environment, environment_files, load_environment
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.cloudformation.api import cloud_control
from ultrafleet.rehearsal.scenarios import embedded
from ultrafleet.rehearsal.scenarios.protocol import HOST, PATH, TOKEN_HEADER, TOKEN_VARIABLE
from ultrafleet.rehearsal.scenarios.simulation import Simulation
from ultrafleet.rehearsal.simulated_account import Refusal

_NAMES: Final = ("127.0.0.1", "localhost")
_BY_A_BROWSER: Final = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE")
_OWN_API_OF_MOTO: Final = "/moto-api"
_MOST_BYTES: Final = 1 << 20

StartResponse = Callable[..., object]


class Application:
    """WSGI application: moto's, and the commands of the simulation at one path.

    Args:
        simulations: what answers the commands, one for each environment; a command that names none is the first's.
        token: what commands have to bring in the header `X-Ultrafleet-Token`.
        added: simulation of an environment that comes later. Default: none does.
    """

    def __init__(
        self, simulations: Sequence[Simulation], *, token: str, added: Callable[[str], Simulation] | None = None
    ) -> None:
        self._token = token
        self._added = added
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._simulations = {simulation.environment.name: simulation for simulation in simulations}
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        refused = _refusal(environ)
        if refused is not None:
            return _answer(start_response, "403 Forbidden", {"message": refused})
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        by_cloud_control = target.startswith(cloud_control.TARGET)  # which moto doesn't know
        if environ.get("PATH_INFO") != PATH and not by_cloud_control:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        if not by_cloud_control and not self._has_token(environ):
            return _answer(start_response, "403 Forbidden", {"message": "the token is missing or another's"})
        try:
            request = _request(environ)
        except ValueError as error:
            return _answer(start_response, "400 Bad Request", {"message": str(error)})
        if by_cloud_control:
            action = target.removeprefix(cloud_control.TARGET)
            return _answer(start_response, *self._cloud_control(action, request, environ))
        return _answer(start_response, *self._dispatch(request))

    def _has_token(self, environ: dict[str, Any]) -> bool:
        given = str(environ.get(f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}", ""))
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _cloud_control(self, action: str, request: dict[str, Any], environ: dict[str, Any]) -> tuple[str, Any]:
        first = next(iter(self._simulations.values())).environment
        account, region = extension.caller(str(environ.get("HTTP_AUTHORIZATION", "")))
        given = {"account_id": account or first.account, "region": region or first.region}
        try:
            with self._lock:
                return "200 OK", cloud_control.answer(action, request, **given)
        except Refusal as refusal:
            return "400 Bad Request", {"__type": refusal.code, "message": str(refusal.message)}

    def _dispatch(self, request: dict[str, Any]) -> tuple[str, Any]:
        command = request.pop("command", "")
        if command == "stop":
            self.stopped.set()
            return "200 OK", {}
        name = request.pop("environment", next(iter(self._simulations)))
        try:
            simulation = self._simulation(name)
            if command == "ping":  # also while another command is carried out
                return "200 OK", name
            with self._lock:
                if command == "host":
                    return "200 OK", self._host(**request)
                return "200 OK", simulation.dispatch(command, **request)
        except FleetError as error:
            return "400 Bad Request", {"error": error.as_json()}

    def _host(self, *, names: Sequence[str]) -> list[str]:
        """Add the environments that aren't there, and prepare all of them; names of those that were added."""
        added = [name for name in names if name not in self._simulations] if self._added is not None else []
        for name in added:
            if self._added is not None:
                self._simulations[name] = self._added(name)
        for name in names:
            self._simulation(name).prepare()
        return added

    def _simulation(self, name: str) -> Simulation:
        if name not in self._simulations:
            raise FleetError(
                path="environment", got=repr(name), expected=f"one of {', '.join(self._simulations)}", remedy="name one"
            )
        return self._simulations[name]


def _refusal(environ: dict[str, Any]) -> str | None:
    """Reason to refuse a request before anything reads it."""
    if any(name in environ for name in _BY_A_BROWSER):
        return "a browser made this request: the embedded AWS answers command lines and SDKs alone"
    name = str(environ.get("HTTP_HOST", "")).rsplit(":", 1)[0].lower()
    if name not in _NAMES:
        return f"the host is {name or 'not stated'}, expected 127.0.0.1 or localhost"
    if str(environ.get("PATH_INFO", "")).startswith(_OWN_API_OF_MOTO):
        return f"{_OWN_API_OF_MOTO} is switched off"
    return None


def _request(environ: dict[str, Any]) -> dict[str, Any]:
    """Body of a request, a JSON object."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not (length.isascii() and length.isdigit() and len(length) < 9) or int(length) > _MOST_BYTES:  # noqa: PLR2004 - digits
        raise ValueError(f"the length of the request is {length[:20]}, expected at most {_MOST_BYTES} bytes")
    try:
        request = json.loads(environ["wsgi.input"].read(int(length)) or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError("the request is not JSON") from error
    if not isinstance(request, dict):
        raise ValueError("the request is not a JSON object")  # noqa: TRY004 - of a caller, as the others
    return request


def _answer(start_response: StartResponse, status: str, result: Any) -> list[bytes]:  # JSON
    body = json.dumps(result).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def serve(*, environment: Sequence[str], environments: Path, port: int, now: datetime) -> None:
    """Serve the accounts and regions of environments until the command `stop`.

    Args:
        environment: names of the environments.
        environments: folder of their files.
        port: of the server.
        now: simulated time at which it starts.
    """
    token = os.environ.pop(TOKEN_VARIABLE)
    # What this process calls is itself, whatever its caller's AWS is.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]

    def reader(name: str) -> Callable[[], Environment]:
        return lambda: load_environment(environment_files(environments, only=name)[0])

    def simulation(name: str) -> Simulation:
        return Simulation(reader(name)(), read_again=reader(name))

    simulations = [simulation(name) for name in environment]
    embedded.start([one.environment for one in simulations], now=now)
    application = Application(simulations, token=token, added=simulation)
    server = make_server(HOST, port, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    application.stopped.wait()
    server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("environment", nargs="+")
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    serve(**vars(parser.parse_args()))
