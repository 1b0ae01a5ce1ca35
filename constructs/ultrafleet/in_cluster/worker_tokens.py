"""Signed requests to AWS, and kubeconfigs of worker clusters. Standard library only, no I/O."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

TOKEN_PREFIX: Final = "k8s-aws-v1."  # noqa: S105 - a form
CLUSTER_HEADER: Final = "x-k8s-aws-id"
"""Header by which a token is for one cluster alone (EKS user guide; aws-iam-authenticator, high)."""

_TOKEN_SECONDS = 60
_REQUEST_SECONDS = 60


@dataclass(frozen=True)
class Credentials:
    """Credentials of a role for a while.

    Attributes:
        access_key_id: id of the key.
        secret_access_key: the key.
        session_token: token of the session.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str


@dataclass(frozen=True)
class Endpoint:
    """An AWS service in a region.

    Attributes:
        service: name by which requests are signed, such as `sts`.
        region: region.
        host: host name.
    """

    service: str
    region: str
    host: str

    @classmethod
    def of(cls, service: str, region: str) -> "Endpoint":
        """The service in a region of the partition `aws`, or `aws-cn`."""
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return cls(service, region, f"{service}.{region}.{suffix}")


def signed_url(
    endpoint: Endpoint,
    credentials: Credentials,
    *,
    now: str,
    path: str = "/",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: int = _REQUEST_SECONDS,
) -> str:
    """URL of a GET that is signed in its query (AWS, Signature Version 4, query parameters, high).

    Args:
        endpoint: service and region.
        credentials: who asks.
        now: time as `20261126T205900Z`.
        path: path, as it is sent.
        query: parameters.
        headers: headers that are signed besides the host, which the request has to have.
        seconds: seconds for which it is valid.
    """
    scope = f"{now[:8]}/{endpoint.region}/{endpoint.service}/aws4_request"
    signed = {"host": endpoint.host, **{name.lower(): value for name, value in (headers or {}).items()}}
    names = ";".join(sorted(signed))
    parameters = {
        **(query or {}),
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": now,
        "X-Amz-Expires": str(seconds),
        "X-Amz-Security-Token": credentials.session_token,
        "X-Amz-SignedHeaders": names,
    }
    text = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(parameters.items())
    )
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = f"GET\n{path}\n{text}\n{lines}\n{names}\n{hashlib.sha256(b'').hexdigest()}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (now[:8], endpoint.region, endpoint.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), "sha256").hex()
    return f"https://{endpoint.host}{path}?{text}&X-Amz-Signature={signature}"


def cluster_token(cluster_name: str, region: str, credentials: Credentials, *, now: str) -> str:
    """Token of a role for an EKS cluster, valid for 15 minutes.

    Args:
        cluster_name: name of the cluster.
        region: its region.
        credentials: of the role.
        now: time as `20261126T205900Z`.
    """
    url = signed_url(
        Endpoint.of("sts", region),
        credentials,
        now=now,
        query={"Action": "GetCallerIdentity", "Version": "2011-06-15"},
        headers={CLUSTER_HEADER: cluster_name},
        seconds=_TOKEN_SECONDS,
    )
    return TOKEN_PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def kubeconfig(name: str, *, server: str, authority: str, token: str) -> str:
    """Kubeconfig of a worker, in the form that Kueue accepts: everything in it, no file and no program.

    Args:
        name: name of the worker.
        server: URL of its API.
        authority: its certificate authority, in base64.
        token: token of the manager's account there.
    """
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        sort_keys=True,
    )


def secret_patch(text: str) -> dict[str, Any]:
    """Patch of a secret of Kueue's namespace: the kubeconfig under Kueue's key.

    Args:
        text: the kubeconfig.
    """
    return {"data": {"kubeconfig": base64.b64encode(text.encode()).decode()}}
