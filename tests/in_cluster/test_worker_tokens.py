"""Tokens of worker clusters: signatures as botocore makes them, and one look from Pod Identity to the secret."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from ultrafleet.in_cluster.worker_tokens import CLUSTER_HEADER, Credentials, Endpoint, cluster_token, signed_url
from ultrafleet.in_cluster.worker_tokens_command import look

NOW = "20261126T210000Z"
ROLE = "arn:aws:iam::444455556666:role/dallas-a-gb200x72-t001-multikueue"
KEYS = Credentials("AKIDEXAMPLE", "secret/with+signs", "token==/+")


def botos(url: str, headers: Mapping[str, str], endpoint: Endpoint, seconds: int) -> str:
    request = AWSRequest(method="GET", url=url, headers=dict(headers))
    credentials = BotoCredentials(KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token)
    with mock.patch("botocore.auth.get_current_datetime", create=True) as now:
        from datetime import UTC, datetime  # noqa: PLC0415 - beside its only use

        now.return_value = datetime(2026, 11, 26, 21, 0, 0, tzinfo=UTC)
        SigV4QueryAuth(credentials, endpoint.service, endpoint.region, expires=seconds).add_auth(request)
    return str(request.url)


@pytest.mark.parametrize("headers", [{}, {CLUSTER_HEADER: "research"}])
def test_a_signature_is_botocores(headers: dict[str, str]) -> None:
    endpoint = Endpoint.of("sts", "us-east-1")
    query = {"Action": "AssumeRole", "RoleArn": ROLE, "Version": "2011-06-15"}
    ours = signed_url(endpoint, KEYS, now=NOW, query=query, headers=headers)
    plain = f"https://{endpoint.host}/?Action=AssumeRole&RoleArn={ROLE}&Version=2011-06-15"
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(botos(plain, headers, endpoint, 60)).query)


def test_a_token_is_for_one_cluster() -> None:
    token = cluster_token("research", "us-west-2", KEYS, now=NOW)
    assert token.startswith("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(token.removeprefix("k8s-aws-v1.") + "==").decode()
    assert urlsplit(url).hostname == "sts.us-west-2.amazonaws.com"
    assert parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]


class Api:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

    def call(self, method: str, path: str, body: Any = None, content_type: str = "") -> dict[str, Any]:
        assert content_type == "application/merge-patch+json"
        self.calls.append((method, path, body))
        return {}


def row(region: str = "us-east-1") -> dict[str, str]:
    return {
        "account": "multikueue-manager",
        "cluster": "dallas-a-gb200x72-t001",
        "namespace": "kueue-system",
        "region": region,
        "role": ROLE,
        "secret": "worker-a",
    }


def get(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.hostname == "169.254.170.23":
        assert headers == {"Authorization": "of the pod"}
        return {"AccessKeyId": "own", "SecretAccessKey": "own", "Token": "own"}
    if str(parts.hostname).startswith("sts."):
        assert parse_qs(parts.query)["RoleArn"] == [ROLE]
        keys = {"AccessKeyId": "role", "SecretAccessKey": "role", "SessionToken": "role"}
        return {"AssumeRoleResponse": {"AssumeRoleResult": {"Credentials": keys}}}
    if parts.hostname == "eks.us-west-2.amazonaws.com":
        raise OSError("no route")
    assert parts.path == "/clusters/dallas-a-gb200x72-t001"
    return {"cluster": {"endpoint": "https://1.eks", "certificateAuthority": {"data": "Y2E="}}}


def post(url: str, authority: str, token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    assert url == "https://1.eks/api/v1/namespaces/kueue-system/serviceaccounts/multikueue-manager/token"
    assert (authority, token[:11]) == ("Y2E=", "k8s-aws-v1.")
    assert body["spec"] == {"expirationSeconds": 86400}
    return {"status": {"token": "of a day", "expirationTimestamp": "2026-11-27T21:00:00Z"}}


def test_one_look_renews_what_answers_and_says_what_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("of the pod\n")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")
    api = Api()
    log: list[Mapping[str, Any]] = []
    workers = {"a": row(), "b": row("us-west-2")}
    assert look(workers, api, get=get, post=post, now=NOW, log=log.append) == ["b"]  # type: ignore[arg-type]
    [(method, path, body)] = api.calls
    assert (method, path) == ("PATCH", "api/v1/namespaces/kueue-system/secrets/worker-a")
    config = json.loads(base64.b64decode(body["data"]["kubeconfig"]))
    assert config["users"] == [{"name": "a", "user": {"token": "of a day"}}]
    assert config["clusters"][0]["cluster"] == {"server": "https://1.eks", "certificate-authority-data": "Y2E="}
    assert [entry["event"] for entry in log] == ["renewed", "failed"]
    assert "of a day" not in json.dumps(log)
