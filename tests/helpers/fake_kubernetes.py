"""A Kubernetes API on loopback for the acceptance gate: objects by path, pages, conflicts, and refusals on demand."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FakeKubernetes:
    """Objects by path, and what was asked for.

    Attributes:
        objects: objects by path of the collection and name.
        requests: every request, as method and path.
        refuse: HTTP status that is answered to requests by method and path.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.refuse: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def add(self, collection: str, manifest: dict[str, Any], created: str = "2026-12-01T12:00:00Z") -> None:
        metadata = {
            "creationTimestamp": created,
            "uid": f"uid-{next(self._numbers)}",
            "resourceVersion": str(next(self._numbers)),
            **manifest["metadata"],
        }
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{next(self._numbers)}")
        self.objects.setdefault(collection, {})[metadata["name"]] = {**manifest, "metadata": metadata}

    def answer(self, method: str, address: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        path, query = urlsplit(address).path.strip("/"), parse_qs(urlsplit(address).query)
        self.requests.append(f"{method} {path}")
        refused = next((status for asked, status in self.refuse.items() if asked == f"{method} {path}"), None)
        if refused is not None:
            return refused, {"message": "refused"}
        if method == "POST":
            return self._create(path, body or {})
        if method == "GET" and "labelSelector" in query:
            return 200, self._page(path, query)
        return self._one(method, path, body or {})

    def _create(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["metadata"].get("name") in self.objects.get(path, {}):
            return 409, {"message": "exists"}
        self.add(path, body)
        return 201, {}

    def _one(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        collection, name = path.rsplit("/", 1)
        found = self.objects.get(collection, {}).get(name)
        if found is None:
            return 404, {"message": "not found"}
        if method == "DELETE":
            del self.objects[collection][name]
        elif method == "PATCH":
            if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
                return 409, {"message": "changed"}
            body["metadata"]["resourceVersion"] = str(next(self._numbers))
            self.objects[collection][name] = merged(found, body)
        return 200, found

    def _page(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        (label,) = query["labelSelector"]
        every = [item for item in self.objects.get(path, {}).values() if label in item["metadata"].get("labels", {})]
        start, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        more = {"continue": str(start + limit)} if start + limit < len(every) else {}
        return {"kind": "List", "metadata": more, "items": every[start : start + limit]}


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7386)."""
    found = dict(under)
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            found[key] = merged(found.get(key) or {}, value)
        else:
            found[key] = value
    return found


@contextmanager
def served(cluster: FakeKubernetes) -> Iterator[str]:
    """Address of the cluster's API while it is served."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = cluster.answer(self.command, self.path, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def service_account(folder: Path, namespace: str = "acceptance") -> Path:
    """Folder of a pod's service account."""
    folder.mkdir(exist_ok=True)
    (folder / "namespace").write_text(namespace)
    (folder / "token").write_text("token")
    return folder
