"""`python3 -m ultrafleet.in_cluster.worker_tokens_command`: renews kubeconfigs of workers. Standard library only."""

import base64
import json
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ultrafleet.in_cluster.kubernetes_api import KubernetesApi
from ultrafleet.in_cluster.worker_tokens import (
    Credentials,
    Endpoint,
    cluster_token,
    kubeconfig,
    secret_patch,
    signed_url,
)

_SECONDS = 20
_MOST_BYTES = 1024 * 1024
_TOKEN_SECONDS = 24 * 60 * 60

Get = Callable[[str, Mapping[str, str]], dict[str, Any]]
Post = Callable[[str, str, str, Mapping[str, Any]], dict[str, Any]]
Log = Callable[[Mapping[str, Any]], None]


def look(
    workers: Mapping[str, Mapping[str, str]], api: KubernetesApi, *, get: Get, post: Post, now: str, log: Log
) -> list[str]:
    """One look: each worker's secret gets a kubeconfig with a token of a day. A worker that fails stops no other.

    Args:
        workers: cluster, region, role, account, namespace and secret by worker.
        api: the manager's own API.
        get: GET of a URL with headers, as parsed JSON.
        post: POST to a server with its authority and a token, as parsed JSON.
        now: time as `20261126T205900Z`.
        log: takes what was done.

    Returns:
        Names of the workers that failed.
    """
    own = _pod_identity(get)
    failed = []
    for name, worker in sorted(workers.items()):
        try:
            text, until = _kubeconfig(name, worker, own, get=get, post=post, now=now)
            path = f"api/v1/namespaces/{worker['namespace']}/secrets/{worker['secret']}"
            api.call("PATCH", path, secret_patch(text), "application/merge-patch+json")
        except (OSError, KeyError, TypeError, ValueError) as error:
            failed.append(name)
            log({"event": "failed", "worker": name, "why": f"{type(error).__name__}: {error}"[:500]})
        else:
            log({"event": "renewed", "worker": name, "until": until})
    return failed


def _pod_identity(get: Get) -> Credentials:
    """Credentials that EKS Pod Identity gives the pod."""
    token = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    found = get(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], {"Authorization": token})
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])


def _kubeconfig(
    name: str, worker: Mapping[str, str], own: Credentials, *, get: Get, post: Post, now: str
) -> tuple[str, str]:
    region, cluster = worker["region"], worker["cluster"]
    query = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": worker["role"],
        "RoleSessionName": "multikueue",
        "DurationSeconds": "900",
    }
    url = signed_url(Endpoint.of("sts", region), own, now=now, query=query)
    answer = get(url, {"Accept": "application/json"})["AssumeRoleResponse"]["AssumeRoleResult"]["Credentials"]
    role = Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    path = f"/clusters/{urllib.parse.quote(cluster, safe='')}"
    found = get(signed_url(Endpoint.of("eks", region), role, now=now, path=path), {})["cluster"]
    server, authority = found["endpoint"], found["certificateAuthority"]["data"]
    request = f"{server}/api/v1/namespaces/{worker['namespace']}/serviceaccounts/{worker['account']}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _TOKEN_SECONDS},
    }
    status = post(request, authority, cluster_token(cluster, region, role, now=now), body)["status"]
    return kubeconfig(name, server=server, authority=authority, token=status["token"]), status["expirationTimestamp"]


def _get(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - AWS, or the agent of the node
    return _answer(request, None)


def _post(url: str, authority: str, token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the worker's API
        url,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="POST",
    )
    return _answer(request, ssl.create_default_context(cadata=_pem(authority)))


def _pem(authority: str) -> str:
    return base64.b64decode(authority).decode("ascii")


def _answer(request: urllib.request.Request, context: ssl.SSLContext | None) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=_SECONDS, context=context) as answer:  # noqa: S310
        found: dict[str, Any] = json.loads(answer.read(_MOST_BYTES))
    return found


def main(arguments: list[str]) -> int:
    """0 all renewed, 1 some weren't: their tokens of before go on to the end of their day."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        failed = look(json.loads(arguments[0]), KubernetesApi(), get=_get, post=_post, now=now, log=_log)
    except (OSError, KeyError, TypeError, ValueError) as error:
        _log({"event": "stopped", "why": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    return 1 if failed else 0


def _log(entry: Mapping[str, Any]) -> None:
    print(json.dumps({"program": "worker-tokens", **entry}), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
