"""Client of an embedded AWS in a process of its own: start, commands, stop.

One process may have several environments, in several accounts and regions; each of them has a file of its own that
leads to it, so that a command that is about one of them finds it by its name.
"""

import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO, cast

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios.protocol import HOST, PATH, TOKEN_HEADER, TOKEN_VARIABLE

_START_SECONDS: Final = 60
_PING_SECONDS: Final = 10
_COMMAND_SECONDS: Final = 1800
"""Longest command: weeks of a large environment are simulated in one `advance`."""
_OWN: Final = 0o600
_OWN_FOLDER: Final = 0o700


class EmbeddedAws:
    """Embedded AWS of one environment.

    Args:
        environment: name of the environment.
        folder: where its port, its token, its process, its locks and its log are kept, readable by their user alone.

    Raises:
        FleetError: the name is a path.
    """

    def __init__(self, environment: str, *, folder: Path) -> None:
        if Path(environment).name != environment:
            raise FleetError(
                path="environment", got=repr(environment), expected="the name of an environment", remedy="pass it"
            )
        self.environment = environment
        self._file = folder / f"{environment}.json"
        self._log = folder / f"{environment}.log"
        self._lock = folder / f"{environment}.lock"
        self._alive = folder / f"{environment}.server"

    @contextmanager
    def alone(self, command: str) -> Iterator[None]:
        """Context manager: no other command that holds the environment runs until it ends; a killed one holds nothing.

        Args:
            command: what is run, for whoever else tries.

        Raises:
            FleetError: another command holds the environment; the message names it.
        """
        self._make_folder()
        with _open_own(self._lock, "a+") as held:
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
        except (OSError, ValueError, KeyError, TypeError) as error:
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
        # By number: another user's program may listen on localhost's other address.
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        """True where the server answers for its environment."""
        try:
            return bool(self._send("ping", {}, seconds=_PING_SECONDS) == self.environment)
        except FleetError:
            return False

    def start(self, *, environments: Path, now: datetime, port: int | None = None) -> None:
        """Start the server and wait until it answers.

        Args:
            environments: folder of environment files.
            now: simulated time at which it starts.
            port: its port. Default: a free one.

        Raises:
            FleetError: it doesn't start.
        """
        self._make_folder()
        wanted, token = port or _free_port(), secrets.token_hex()
        command = [
            sys.executable, "-m", "ultrafleet.rehearsal.scenarios.server", self.environment,
            "--environments", str(environments.resolve()), "--port", str(wanted), "--now", now.isoformat(),
        ]  # fmt: skip
        with _open_own(self._log, "w") as log, _open_own(self._alive, "a") as alive:
            try:
                # The server inherits the lock, and so holds it as long as it lives.
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise self._silent(f"stop it with `make stop ENV={self.environment}` and deploy again") from error
            process = subprocess.Popen(  # noqa: S603  # our own module
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[alive.fileno()],
                env={**os.environ, TOKEN_VARIABLE: token},
            )
        with _open_own(self._file, "w") as file:
            json.dump({"port": wanted, "pid": process.pid, "token": token}, file)
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

    def host(self, names: Sequence[str]) -> None:
        """Let the server have these environments, too, in their accounts and regions, and read their files again.

        Args:
            names: of the environments.

        Raises:
            FleetError: it doesn't run, or a file can't be used.
        """
        self.dispatch("host", names=list(names))
        known = self._file.read_text(encoding="utf-8")
        for name in names:
            with _open_own(self._file.with_name(f"{name}.json"), "w") as file:
                file.write(known)

    def stop(self) -> None:
        """Stop the server; its state is dropped. A process that isn't the server this folder started is left alone."""
        try:
            self._send("stop", {}, seconds=_PING_SECONDS)
        except FleetError:
            self._kill()
        token = self._token
        for path in self._file.parent.glob("*.json"):  # of all environments that it had
            if path == self._file or (token and _token_of(path) == token):
                path.unlink(missing_ok=True)

    def dispatch(self, command: str, **arguments: Any) -> Any:  # JSON
        """Send a command to the simulation; arguments and answer are JSON.

        Raises:
            FleetError: it doesn't run, doesn't answer in half an hour, or can't do it.
        """
        return self._send(command, arguments, seconds=_COMMAND_SECONDS)

    def _send(self, command: str, arguments: dict[str, Any], *, seconds: int) -> Any:  # JSON
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}{PATH}",
            data=json.dumps({"command": command, "environment": self.environment, **arguments}).encode(),
            headers={"Content-Type": "application/json", TOKEN_HEADER: self._token},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=seconds) as answer:
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
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._silent(f"stop it with `make stop ENV={self.environment}` and deploy again") from error

    def _silent(self, remedy: str) -> FleetError:
        return FleetError(
            path=f"the embedded AWS of {self.environment}",
            verb="does not",
            got="answer",
            expected="it on the port of its file",
            remedy=remedy,
        )

    def variables(self, *, account: str, region: str) -> dict[str, str]:
        """Environment variables with which AWS tools use this endpoint alone."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
        return {
            **kept,
            # By a number, also so that buckets aren't looked up as names below localhost, which not every system knows.
            "AWS_ENDPOINT_URL": self.endpoint,
            # moto takes a number's first part for a bucket; this address of templates is read by it and never asked.
            "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION": f"http://localhost:{self.port}",
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

    @property
    def _token(self) -> str:
        return _token_of(self._file)

    def _make_folder(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.parent.chmod(_OWN_FOLDER)

    def _kill(self) -> None:
        """End the server, where one lives: the process of a stale file may be anybody's by now."""
        try:
            with self._alive.open("r+") as alive:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        except OSError:
            return
        else:
            return
        try:
            os.kill(int(json.loads(self._file.read_text())["pid"]), signal.SIGTERM)
        except (OSError, ValueError, KeyError, TypeError):
            return


def _token_of(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _open_own(path: Path, mode: str) -> TextIO:
    """A file that only its user reads, an old one made so."""

    def opener(name: str, flags: int) -> int:
        file = os.open(name, flags, _OWN)
        os.fchmod(file, _OWN)
        return file

    return cast("TextIO", open(path, mode, encoding="utf-8", opener=opener))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
