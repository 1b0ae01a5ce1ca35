"""The account that `ultrafleet doctor` asks, where it can't be reached or has an endpoint of its own."""

import socket

import pytest

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.doctor import AwsRefusalError
from ultrafleet.environment import load_environment


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return endpoint


def test_fails_with_a_refusal_where_no_connection_is_made(nobody_listens: str) -> None:
    """Answers that are there already are kept: one service out of reach is no reason to ask all again."""
    account = AskedAccount(load_environment(ENVIRONMENTS / "training.yaml"))
    with pytest.raises(AwsRefusalError, match="sts:GetCallerIdentity: no answer: Could not connect"):
        account.call("sts", "get_caller_identity")
    with pytest.raises(AwsRefusalError) as caught:
        account.call("stepfunctions", "test_state", definition="{}")
    assert f'"{nobody_listens}/"' in caught.value.message, "an endpoint of one's own has no name with `sync-`"


def test_aws_is_asked_under_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    account = AskedAccount(load_environment(ENVIRONMENTS / "training.yaml"))
    assert account._client("stepfunctions").meta.config.inject_host_prefix
