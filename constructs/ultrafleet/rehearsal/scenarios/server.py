"""Server of the embedded AWS on localhost: AWS's APIs by moto, and `/_rehearsal` for commands to the simulation."""

import argparse
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
from ultrafleet.rehearsal.scenarios.simulation import Simulation
from ultrafleet.rehearsal.simulated_account import Refusal

PATH: Final = "/_rehearsal"
HOST: Final = "127.0.0.1"

StartResponse = Callable[..., object]


class Application:
    """WSGI application: moto's, and the commands of the simulation at one path."""

    def __init__(self, simulation: Simulation) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._simulation = simulation
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        by_cloud_control = target.startswith(cloud_control.TARGET)  # which moto doesn't know
        if environ.get("PATH_INFO") != PATH and not by_cloud_control:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        length = int(environ.get("CONTENT_LENGTH") or 0)
        request = json.loads(environ["wsgi.input"].read(length) or b"{}")
        if by_cloud_control:
            status, result = self._cloud_control(target.removeprefix(cloud_control.TARGET), request)
        else:
            status, result = self._dispatch(request)
        body = json.dumps(result).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

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
        try:
            with self._lock:
                return "200 OK", self._simulation.dispatch(command, **request)
        except FleetError as error:
            return "400 Bad Request", {"error": error.as_json()}


def serve(*, environment: str, environments: Path, port: int, now: datetime) -> None:
    """Serve an environment's account until the command `stop`."""
    # What this process calls is itself, whatever its caller's AWS is.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]

    def read() -> Environment:
        (loaded,) = load_environments(environments, only=environment)
        return loaded

    embedded.start(read(), now=now)
    application = Application(Simulation(read(), read_again=read))
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
