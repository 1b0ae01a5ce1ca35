"""A shop of capacity blocks behind EC2's own protocol, in a process of its own, which loses answers on order.

It sells the same offering as often as it is asked, so that a second purchase shows. Its answers are validated by
botocore's model, its requests come from botocore. It keeps what was paid, whatever becomes of the one who pays.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session
from botocore.validate import ParamValidator

from helpers.today import now

ACCOUNT = "111122223333"
ZONE = "us-east-1-dfw-2a"
RESERVATION = "cr-0aaaaaaaaaaaaaaa1"
OFFERING = "cb-0123456789abcdef0"
EXTENSION = "cbe-0123456789abcdef0"
USD = "255999.7440"
PAYS = ("PurchaseCapacityBlock", "PurchaseCapacityBlockExtension")
HIDDEN_SECONDS = 0.25
"""Time for which an ordered shop shows nothing of a purchase, or works on it."""

_TODAY = now().replace(hour=11, minute=30, second=0, microsecond=0)

FAULTS = {
    "drop before": "the connection is closed, nothing is sold",
    "drop after": "it is sold, and the connection is closed without an answer",
    "half after": "it is sold, and the answer breaks off",
    "500 before": "an internal error, nothing is sold",
    "500 after": "it is sold, and the answer is an internal error",
    "throttle": "RequestLimitExceeded, nothing is sold",
    "slow after": "it is sold, and the answer comes after the client's patience",
    "late": "the answer is lost, and it is sold only afterwards",
    "hidden": "it is sold, the answer is lost, and the listings show it only afterwards",
}
"""What a shop can be ordered to do to the next call that pays."""


def day(days: int) -> datetime:
    """11:30 UTC, so many days from the day on which this process began; midnight may pass while it runs."""
    return _TODAY + timedelta(days=days)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _xml(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(
            f"<{name}>{_xml(member, value[key])}</{name}>"
            for key, member in shape.members.items()
            if key in value
            for name in [member.serialization.get("name", key)]
        )
    if shape.type_name == "list":
        return "".join(f"<item>{_xml(shape.member, item)}</item>" for item in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return escape(str(value))


def _body(operation: str, answer: dict[str, Any]) -> bytes:
    """The answer in the protocol of its service; one that isn't the model's is an error of this shop."""
    service = "sts" if operation == "GetCallerIdentity" else "ec2"
    shape = _model(service).operation_model(operation).output_shape
    report = ParamValidator().validate(answer, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
    inner = _xml(shape, answer)
    inner = (
        f"<{operation}Result>{inner}</{operation}Result>" if service == "sts" else f"<requestId>1</requestId>{inner}"
    )
    return f"<{operation}Response>{inner}</{operation}Response>".encode()


class _Shop:
    """What was paid, and the orders for the next calls."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset([])

    def reset(self, orders: list[str]) -> None:
        self.orders = orders
        self.blocks: list[dict[str, Any]] = []
        self.extensions: list[dict[str, Any]] = []
        self.hidden_until = 0.0
        self.calls: list[str] = []

    def sell(self, operation: str, params: dict[str, str]) -> dict[str, Any]:
        paid = now().replace(microsecond=0)
        if operation == "PurchaseCapacityBlockExtension":
            end = self.end()
            self.extensions.append(
                {**_extension(end), "CapacityReservationId": RESERVATION, "CapacityBlockExtensionPurchaseDate": paid}
                | {"CapacityBlockExtensionStatus": "payment-succeeded"}
            )
            return {"CapacityBlockExtensions": self.extensions[-1:]}
        number = len(self.blocks) + 1
        tags = {
            params[f"TagSpecification.1.Tag.{n}.Key"]: params[f"TagSpecification.1.Tag.{n}.Value"] for n in (1, 2, 3)
        }
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.blocks.append(
            {
                "CapacityBlockId": f"cbr-{number:017x}",
                "UltraserverType": "u-p6e-gb200x72",
                "AvailabilityZone": ZONE,
                "CapacityReservationIds": [f"cr-0bbb{number:013x}"],
                "StartDate": day(10),
                "EndDate": day(24),
                "CreateDate": paid,
                "State": "scheduled",
                "Tags": pairs,
            }
        )
        return {"CapacityBlocks": self.blocks[-1:], "CapacityReservations": [self.reservation(self.blocks[-1])]}

    def end(self) -> datetime:
        return day(10 + 14 * len(self.extensions))

    def reservation(self, block: dict[str, Any]) -> dict[str, Any]:
        return {
            "CapacityReservationId": block["CapacityReservationIds"][0],
            "CapacityBlockId": block["CapacityBlockId"],
            "AvailabilityZone": ZONE,
            "InstanceType": "p6e-gb200.36xlarge",
            "TotalInstanceCount": 18,
            "StartDate": block["StartDate"],
            "EndDate": block["EndDate"],
            "CreateDate": block["CreateDate"],
            "State": block["State"],
            "Tags": block["Tags"],
        }

    def answer(self, operation: str, params: dict[str, str]) -> dict[str, Any]:
        shown = time.monotonic() >= self.hidden_until
        if operation == "DescribeCapacityReservations" and "CapacityReservationId.1" in params:
            old = _existing(self.end() if shown else day(10))
            return {"CapacityReservations": [self.reservation(old)]}
        identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/buyer", "UserId": "AIDA"}
        answers: dict[str, dict[str, Any]] = {
            "GetCallerIdentity": identity,
            "DescribeCapacityBlockOfferings": {"CapacityBlockOfferings": [_offering()]},
            "DescribeCapacityBlockExtensionOfferings": {
                "CapacityBlockExtensionOfferings": [{**_extension(self.end()), "StartDate": day(-2)}]
            },
            "DescribeCapacityBlocks": {"CapacityBlocks": self.blocks if shown else []},
            "DescribeCapacityBlockExtensionHistory": {"CapacityBlockExtensions": self.extensions if shown else []},
            "DescribeCapacityReservations": {
                "CapacityReservations": list(map(self.reservation, self.blocks)) if shown else []
            },
        }
        return answers[operation]


def _existing(end: datetime) -> dict[str, Any]:
    block = {"CapacityReservationIds": [RESERVATION], "CapacityBlockId": "cbr-0aaaaaaaaaaaaaaa1", "State": "active"}
    return {**block, "StartDate": day(-2), "EndDate": end, "CreateDate": day(-3), "Tags": []}


def _offering() -> dict[str, Any]:
    return {
        "CapacityBlockOfferingId": OFFERING,
        "InstanceType": "p6e-gb200.36xlarge",
        "AvailabilityZone": ZONE,
        "InstanceCount": 18,
        "StartDate": day(10),
        "EndDate": day(24),
        "CapacityBlockDurationHours": 336,
        "UpfrontFee": USD,
        "CurrencyCode": "USD",
        "UltraserverType": "u-p6e-gb200x72",
        "UltraserverCount": 1,
    }


def _extension(end: datetime) -> dict[str, Any]:
    return {
        "CapacityBlockExtensionOfferingId": EXTENSION,
        "InstanceType": "p6e-gb200.36xlarge",
        "InstanceCount": 18,
        "AvailabilityZone": ZONE,
        "CapacityBlockExtensionStartDate": end,
        "CapacityBlockExtensionEndDate": end + timedelta(days=14),
        "CapacityBlockExtensionDurationHours": 336,
        "UpfrontFee": USD,
        "CurrencyCode": "USD",
    }


SHOP = _Shop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.open = 0
        self.changed = threading.Condition()

    def process_request(self, request: Any, address: Any) -> None:
        with self.changed:
            self.open += 1  # here, in the order of the connections: those before are counted
        super().process_request(request, address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.changed:
            self.open -= 1
            self.changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # clients that were killed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/reset":
            SHOP.reset(json.loads(body))
            self._send(b"{}")
        elif self.path == "/state":
            with self.server.changed:
                self.server.changed.wait_for(lambda: self.server.open <= 1, timeout=30)
            self._send(json.dumps([SHOP.blocks, SHOP.extensions, SHOP.calls], default=str).encode())
        else:
            params = {key: values[0] for key, values in parse_qs(body.decode()).items()}
            SHOP.calls.append(params["Action"])
            self._serve(params["Action"], params)

    def _serve(self, operation: str, params: dict[str, str]) -> None:
        with SHOP.lock:
            order = SHOP.orders.pop(0) if operation in PAYS and SHOP.orders else ""
            if order.endswith("before") or order == "throttle":
                return self._refuse(order)
            if order == "late":
                self._drop()
                time.sleep(HIDDEN_SECONDS)
            if order == "hidden":
                SHOP.hidden_until = time.monotonic() + HIDDEN_SECONDS
            sold = SHOP.sell(operation, params) if operation in PAYS else SHOP.answer(operation, params)
        answer = _body(operation, sold)
        if order in {"drop after", "hidden", "late"}:
            return self._drop()
        if order == "500 after":
            return self._refuse(order)
        if order == "slow after":
            time.sleep(HIDDEN_SECONDS * 2)
        self._send(answer, cut=len(answer) // 2 if order == "half after" else None)
        if order == "half after":
            self._drop()
        return None

    def _refuse(self, order: str) -> None:
        if order.startswith("drop"):
            return self._drop()
        code, status = ("RequestLimitExceeded", 503) if order == "throttle" else ("InternalError", 500)
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
        return self._send(body.encode(), status=status)

    def _send(self, body: bytes, *, status: int = 200, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def _drop(self) -> None:
        """Reset the connection, as a dying load balancer does."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)


class Shop:
    """Client of the shop's own questions.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def reset(self, *orders: str) -> None:
        """Forget everything; the next calls that pay meet with these orders."""
        self._ask("/reset", orders)

    def state(self) -> tuple[list[Any], list[Any], list[str]]:
        """Blocks and extensions that are paid, and the calls, when every open request is through."""
        blocks, extensions, calls = self._ask("/state", None)
        return blocks, extensions, calls

    def _ask(self, path: str, content: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, json.dumps(content), {"Connection": "close"})
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found


@contextlib.contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it ends with the process that opened it
        os.close(read)
        server = _Server()
        _model("ec2"), _model("sts")
        os.write(write, str(server.server_address[1]).encode())
        os.close(write)
        server.serve_forever()
    os.close(write)
    port = int(os.read(read, 10))
    os.close(read)
    try:
        yield Shop(port)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
