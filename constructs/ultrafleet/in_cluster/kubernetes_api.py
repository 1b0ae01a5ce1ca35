"""The cluster's API, as a pod's service account may use it. Standard library only."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder where Kubernetes mounts token, namespace and authority of a pod's service account."""

ADDRESS: Final = "https://kubernetes.default.svc"
"""The cluster's API from within it."""

CONFLICT: Final = 409
NOT_FOUND: Final = 404

_SECONDS = 20
_PAGE = 200
_MOST_PAGES = 500
_MOST_BYTES = 64 * 1024 * 1024


class ApiError(OSError):
    """An answer of the Kubernetes API that isn't a success.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class KubernetesApi:
    """The cluster's API, as a pod's service account may use it.

    Args:
        account: folder of the service account.
        address: the cluster's API.
    """

    def __init__(self, *, account: Path = ACCOUNT, address: str = ADDRESS) -> None:
        self.namespace = (account / "namespace").read_text(encoding="utf-8").strip()
        self._token = (account / "token").read_text(encoding="utf-8").strip()
        self._address = address
        authority = account / "ca.crt"
        self._context = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """One request.

        Raises:
            ApiError: the API refuses.
            OSError: it doesn't answer, or with more than is read.
        """
        request = urllib.request.Request(  # noqa: S310 - the cluster's own address
            f"{self._address}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": content_type},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS, context=self._context) as answer:  # noqa: S310
                text = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, f"{method} {path}: {error.code} {error.read(500)!r}") from error
        if len(text) > _MOST_BYTES:
            raise OSError(f"{method} {path}: more than {_MOST_BYTES} bytes")
        found: dict[str, Any] = json.loads(text)
        return found

    def list(self, path: str, selector: str) -> Iterator[dict[str, Any]]:
        """Every object with a label, page by page.

        Raises:
            OSError: the API refuses, doesn't answer, or has more pages than are read.
        """
        token = ""
        for _ in range(_MOST_PAGES):
            query = {"labelSelector": selector, "limit": str(_PAGE), **({"continue": token} if token else {})}
            answer = self.call("GET", f"{path}?{urllib.parse.urlencode(query)}")
            kind = str(answer.get("kind", "")).removesuffix("List")
            for item in answer.get("items") or []:
                yield {"kind": kind, **item}
            token = answer.get("metadata", {}).get("continue") or ""
            if not token:
                return
        raise OSError(f"{path}: more than {_MOST_PAGES} pages")
