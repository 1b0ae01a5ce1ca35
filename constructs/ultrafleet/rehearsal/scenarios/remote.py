"""Client of an embedded AWS in a process of its own: start, commands, stop."""

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError

_START_SECONDS: Final = 60


class EmbeddedAws:
    """Embedded AWS of one environment.

    Args:
        environment: name of the environment.
        folder: where its port, its process, its lock and its log are kept.
    """

    def __init__(self, environment: str, *, folder: Path) -> None:
        self.environment = environment
        self._file = folder / f"{environment}.json"
        self._log = folder / f"{environment}.log"
        self._lock = folder / f"{environment}.lock"

    @contextmanager
    def alone(self, command: str) -> Iterator[None]:
        """Context manager: no other command that holds the environment runs until it ends; a killed one holds nothing.

        Args:
            command: what is run, for whoever else tries.

        Raises:
            FleetError: another command holds the environment; the message names it.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                held.seek(0)
                raise FleetError(
                    path=f"environment {self.environment}",
                    got=f"in use by {held.read() or 'another command'}",
                    expected="one command at a time",
                    remedy="wait until it is over, and try again",
                ) from error
            held.truncate(0)
            held.write(f"`{command}`, process {os.getpid()}, since {datetime.now(UTC):%H:%M:%S} UTC")
            held.flush()
            yield

    @property
    def port(self) -> int:
        """Port of the server.

        Raises:
            FleetError: it isn't running.
        """
        try:
            return int(json.loads(self._file.read_text())["port"])
        except (OSError, ValueError, KeyError) as error:
            raise FleetError(
                path="no embedded AWS",
                verb="runs",
                got=f"for {self.environment}",
                expected="one",
                remedy=f"`make deploy ENV={self.environment}` starts it",
            ) from error

    @property
    def endpoint(self) -> str:
        """Endpoint URL of the AWS APIs."""
        return f"http://localhost:{self.port}"

    @property
    def is_running(self) -> bool:
        """True where the server answers for its environment."""
        try:
            return bool(self.dispatch("ping") == self.environment)
        except FleetError:
            return False

    def start(self, *, environments: Path, now: datetime, port: int | None = None) -> None:
        """Start the server and wait until it answers.

        Raises:
            FleetError: it doesn't start.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        wanted = port or _free_port()
        command = [
            sys.executable, "-m", "ultrafleet.rehearsal.scenarios.server", self.environment,
            "--environments", str(environments.resolve()), "--port", str(wanted), "--now", now.isoformat(),
        ]  # fmt: skip
        with self._log.open("w") as log:
            process = subprocess.Popen(  # noqa: S603  # our own module
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._file.write_text(json.dumps({"port": wanted, "pid": process.pid}))
        give_up = time.monotonic() + _START_SECONDS
        while not self.is_running:
            if process.poll() is not None or time.monotonic() > give_up:
                self._file.unlink(missing_ok=True)
                raise FleetError(
                    path="the embedded AWS",
                    verb="did not",
                    got="start",
                    expected=f"it on port {wanted}",
                    remedy=f"read {self._log}",
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server; its state is dropped."""
        try:
            self.dispatch("stop")
        except FleetError:
            self._kill()
        self._file.unlink(missing_ok=True)

    def dispatch(self, command: str, **arguments: Any) -> Any:  # JSON
        """Send a command to the simulation; arguments and answer are JSON.

        Raises:
            FleetError: it doesn't run, or can't do it.
        """
        request = urllib.request.Request(  # localhost
            f"http://127.0.0.1:{self.port}/_rehearsal",
            data=json.dumps({"command": command, **arguments}).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            body = error.read()
            try:
                parts = json.loads(body)["error"]
            except (ValueError, KeyError):
                raise FleetError(
                    path="the embedded AWS",
                    verb="failed",
                    got=f"with status {error.code}",
                    expected="an answer",
                    remedy=f"read {self._log}",
                ) from error
            raise FleetError(**parts) from error
        except (OSError, http.client.HTTPException) as error:
            raise FleetError(
                path=f"the embedded AWS of {self.environment}",
                verb="does not",
                got="answer",
                expected=f"it on port {self.port}",
                remedy=f"stop it with `make stop ENV={self.environment}` and deploy again",
            ) from error

    def variables(self, *, account: str, region: str) -> dict[str, str]:
        """Environment variables with which AWS tools use this endpoint alone."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.endpoint,
            # By a number, so that buckets aren't looked up as names below localhost, which not every system knows.
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_HOME": str((self._file.parent / "cdk").resolve()),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def _kill(self) -> None:
        try:
            os.kill(int(json.loads(self._file.read_text())["pid"]), signal.SIGTERM)
        except (OSError, ValueError, KeyError):
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
