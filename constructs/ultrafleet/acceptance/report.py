"""Result of a run as an object of the cluster that it ran in. Standard library only."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder where Kubernetes mounts token, namespace and authority of a pod's service account."""

ADDRESS = "https://kubernetes.default.svc"
"""The cluster's API from within it."""

_SECONDS = 30


def result_name(run: str) -> str:
    """Name of the ConfigMap with a run's result, under the key `result.json`."""
    return f"result-{run}"


def write_result(result: Mapping[str, Any], *, run: str, account: Path = ACCOUNT, address: str = ADDRESS) -> None:
    """Creates the ConfigMap of a run's result; a result that is there already is not replaced.

    Args:
        result: the result.
        run: name of the run.
        account: folder of the service account.
        address: the cluster's API.

    Raises:
        FileExistsError: there is one already.
        OSError: the API doesn't answer, or refuses.
    """
    namespace = (account / "namespace").read_text(encoding="utf-8").strip()
    token = (account / "token").read_text(encoding="utf-8").strip()
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": result_name(run), "labels": {"ultrafleet/acceptance-run": run}},
        "data": {"result.json": json.dumps(result)},
    }
    request = urllib.request.Request(  # noqa: S310 - the cluster's own address
        f"{address}/api/v1/namespaces/{namespace}/configmaps",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="POST",
    )
    authority = account / "ca.crt"
    context = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=context):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.CONFLICT:
            raise FileExistsError(f"ConfigMap {result_name(run)} of an earlier run is there: delete it") from error
        raise OSError(f"the API answered {error.code} {error.reason}: {error.read(2000)!r}") from error
