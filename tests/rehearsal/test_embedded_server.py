"""Server of the embedded AWS: what it refuses of those who may reach it on the same machine."""

import io
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from helpers.command import ROOT
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios import protocol
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws
from ultrafleet.rehearsal.scenarios.server import Application

NOW = datetime(2026, 12, 3, 10, 0, tzinfo=UTC)
TOKEN = "secret-of-this-test"  # noqa: S105 - made up


class _Simulation:
    """Stand-in that says which command reached it."""

    environment = type("Named", (), {"name": "dev", "account": "111122223333", "region": "us-east-2"})()

    def dispatch(self, command: str, **arguments: Any) -> Any:
        return {"reached": command, **arguments}


def ask(body: bytes = b'{"command": "status"}', **more: Any) -> tuple[str, dict[str, Any]]:
    """Answer to a command, with the token and a host of this machine unless said otherwise."""
    environ = {
        "PATH_INFO": protocol.PATH,
        "HTTP_HOST": "127.0.0.1:4000",
        "HTTP_X_ULTRAFLEET_TOKEN": TOKEN,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "",
        **more,
    }
    told: list[str] = []
    application = Application([_Simulation()], token=TOKEN)  # type: ignore[list-item]
    answer = b"".join(application(environ, lambda status, _headers: told.append(status)))
    return told[0], json.loads(answer)


def test_a_command_with_the_token_is_carried_out() -> None:
    assert ask() == ("200 OK", {"reached": "status"})
    assert ask(HTTP_HOST="LOCALHOST:4000")[0] == "200 OK"


def test_a_command_is_of_the_environment_that_it_names() -> None:
    assert ask(b'{"command": "ping", "environment": "dev"}') == ("200 OK", "dev")
    status, told = ask(b'{"command": "status", "environment": "training"}')
    assert status == "400 Bad Request"
    assert "environment is 'training', expected one of dev" in told["error"]["message"]


@pytest.mark.parametrize("header", ["HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE"])
@pytest.mark.parametrize("path", [protocol.PATH, "/", "/2015-03-31/functions"])
def test_fails_for_a_browser(header: str, path: str) -> None:
    status, told = ask(PATH_INFO=path, **{header: "https://example.com"})
    assert status == "403 Forbidden"
    assert "a browser made this request" in told["message"]


@pytest.mark.parametrize("host", ["example.com", "example.com:4000", "127.0.0.1.example.com", "", "[::1]:4000"])
def test_fails_for_another_host(host: str) -> None:
    status, told = ask(PATH_INFO="/", HTTP_HOST=host)
    assert status == "403 Forbidden"
    assert "expected 127.0.0.1 or localhost" in told["message"]


@pytest.mark.parametrize("token", ["", "another", TOKEN + "x", "\udcff"])
def test_fails_without_the_token(token: str) -> None:
    assert ask(HTTP_X_ULTRAFLEET_TOKEN=token)[0] == "403 Forbidden"


def test_fails_for_the_api_of_moto_itself() -> None:
    assert ask(PATH_INFO="/moto-api/reset") == ("403 Forbidden", {"message": "/moto-api is switched off"})


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'"stop"'])
def test_fails_for_what_is_no_command(body: bytes) -> None:
    status, told = ask(body)
    assert status == "400 Bad Request"
    assert "not JSON" in told["message"] or "not a JSON object" in told["message"]


@pytest.mark.parametrize("length", ["-1", "99999999", "9" * 5000, "٣", "a"])
def test_fails_for_a_length_that_is_none(length: str) -> None:
    assert ask(CONTENT_LENGTH=length)[0] == "400 Bad Request"


def test_fails_for_an_environment_that_is_a_path(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="expected the name of an environment"):
        EmbeddedAws("../dev", folder=tmp_path / "state")


def test_stop_leaves_a_process_alone_that_it_did_not_start(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "dev.json").write_text(json.dumps({"port": 1, "pid": other.pid, "token": ""}))
        (tmp_path / "dev.server").touch()
        EmbeddedAws("dev", folder=tmp_path).stop()
        assert other.poll() is None
        assert not (tmp_path / "dev.json").exists()
    finally:
        other.kill()
        other.wait()


def test_a_port_on_which_somebody_else_is_silent_is_no_embedded_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultrafleet.rehearsal.scenarios.remote._PING_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (tmp_path / "dev.json").write_text(json.dumps({"port": silent.getsockname()[1], "pid": 1, "token": ""}))
        assert not EmbeddedAws("dev", folder=tmp_path).is_running


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    made = EmbeddedAws("dev", folder=tmp_path_factory.mktemp("state") / "new")
    made.start(environments=ROOT / "stacks" / "environments", now=NOW)
    yield made
    made.stop()


@pytest.mark.slow
def test_its_files_are_its_users_alone(aws: EmbeddedAws) -> None:
    folder = aws._file.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"dev.json", "dev.log", "dev.server"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.slow
def test_a_function_that_somebody_makes_is_not_run(aws: EmbeddedAws) -> None:
    given = {"endpoint_url": aws.endpoint, "region_name": "us-east-2", "aws_access_key_id": "any"}
    iam, client = (boto3.client(name, aws_secret_access_key="any", **given) for name in ("iam", "lambda"))  # type: ignore[call-overload]  # noqa: S106
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="any", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    client.create_function(
        FunctionName="asked-by-nobody",
        Runtime="python3.13",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": b"not looked into"},
    )
    answer = client.invoke(FunctionName="asked-by-nobody")
    assert "FunctionError" not in answer
    assert b"docker" not in answer["Payload"].read().lower()


@pytest.mark.slow
def test_a_ping_is_answered_while_a_command_runs(aws: EmbeddedAws) -> None:
    running = threading.Thread(target=lambda: aws.dispatch("advance", hours=24 * 60))
    running.start()
    assert aws.is_running
    running.join()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_ended_and_no_second_one_is_started(tmp_path: Path) -> None:
    made = EmbeddedAws("dev", folder=tmp_path)
    environments = ROOT / "stacks" / "environments"
    made.start(environments=environments, now=NOW)
    known = json.loads((tmp_path / "dev.json").read_text())
    (tmp_path / "dev.json").write_text(json.dumps({**known, "token": "lost"}))
    assert not made.is_running
    with pytest.raises(FleetError, match="does not answer"):
        made.start(environments=environments, now=NOW)
    made.stop()
    os.waitpid(known["pid"], 0)
    made.start(environments=environments, now=NOW)
    again = json.loads((tmp_path / "dev.json").read_text())
    assert again["pid"] != known["pid"]
    made.stop()
