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
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from ultrafleet.environment import Environment, load_environments
from ultrafleet.errors import FleetError
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
        simulation: what answers the commands.
        token: what commands have to bring in the header `X-Ultrafleet-Token`.
    """

    def __init__(self, simulation: Simulation, *, token: str) -> None:
        self._token = token
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._simulation = simulation
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
            return _answer(start_response, *self._cloud_control(target.removeprefix(cloud_control.TARGET), request))
        return _answer(start_response, *self._dispatch(request))

    def _has_token(self, environ: dict[str, Any]) -> bool:
        given = str(environ.get(f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}", ""))
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _cloud_control(self, action: str, request: dict[str, Any]) -> tuple[str, Any]:
        environment = self._simulation.environment
        try:
            with self._lock:
                return "200 OK", cloud_control.answer(
                    action, request, account_id=environment.account, region=environment.region
                )
        except Refusal as refusal:
            return "400 Bad Request", {"__type": refusal.code, "message": str(refusal.message)}

    def _dispatch(self, request: dict[str, Any]) -> tuple[str, Any]:
        command = request.pop("command", "")
        if command == "stop":
            self.stopped.set()
            return "200 OK", {}
        if command == "ping":  # also while another command is carried out
            return "200 OK", self._simulation.environment.name
        try:
            with self._lock:
                return "200 OK", self._simulation.dispatch(command, **request)
        except FleetError as error:
            return "400 Bad Request", {"error": error.as_json()}


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


def serve(*, environment: str, environments: Path, port: int, now: datetime) -> None:
    """Serve an environment's account until the command `stop`."""
    token = os.environ.pop(TOKEN_VARIABLE)
    # What this process calls is itself, whatever its caller's AWS is.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]

    def read() -> Environment:
        (loaded,) = load_environments(environments, only=environment)
        return loaded

    embedded.start(read(), now=now)
    application = Application(Simulation(read(), read_again=read), token=token)
    server = make_server(HOST, port, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    application.stopped.wait()
    server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("environment")
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    serve(**vars(parser.parse_args()))
