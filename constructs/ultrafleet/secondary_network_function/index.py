"""Custom resources of secondary networks. Standard library and botocore only; it runs in Lambda.

`Custom::UltrafleetSecondarySubnet` is a secondary subnet, and `Custom::UltrafleetSecondaryInterfaces` a version of a
launch template with secondary interfaces. CloudFormation has neither (2026-11).

EC2 is called by its Query API, which takes a form and answers in XML, signed by botocore: the boto3 of a Lambda runtime
is older than secondary networks, and nothing says from which day on it knows them.
"""

import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from xml.etree import ElementTree as ET

SUBNET = "Custom::UltrafleetSecondarySubnet"
INTERFACES = "Custom::UltrafleetSecondaryInterfaces"
MADE_HERE = "secondary interfaces of version "
"""Beginning of the description of a launch template version that was made here; its source's number follows."""
POLL_S = 5
SPARE_S = 30
"""Seconds of the function's time that are kept for the answer."""
MOST_NAMED = 5

API_VERSION = "2016-11-15"
TRIES = 5
_TIMEOUT_S = 30
_AGAIN = {"RequestLimitExceeded", "Throttling", "InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"}
_SERVER_ERROR = 500

Call = Callable[..., dict[str, Any]]
"""Calls EC2: the action, and parameters as the Query API spells them. Answers as the XML does."""


class Context(Protocol):
    """Context that Lambda gives."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the function."""


class RefusedError(Exception):
    """Reason for which a resource can't be made, changed or deleted."""


def handler(event: Mapping[str, Any], context: Context) -> None:
    """Do what CloudFormation asks, and answer it whatever happens: without an answer a stack waits for an hour."""

    def time_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000 - SPARE_S

    answer: dict[str, Any] = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId") or failed_id(event),
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        answer |= handle(event, Ec2Query(os.environ["AWS_REGION"], os.environ.get("EC2_ENDPOINT")), time_left=time_left)
    except Exception as error:  # noqa: BLE001 - every error has to be told
        answer |= {"Status": "FAILED", "Reason": reason(event, error)}
    print(json.dumps({key: answer.get(key) for key in ("Status", "Reason", "PhysicalResourceId", "LogicalResourceId")}))  # noqa: T201 - the function's log
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310 - CloudFormation's address
    urllib.request.urlopen(request, timeout=SPARE_S).close()  # noqa: S310


def failed_id(event: Mapping[str, Any]) -> str:
    """Physical id of a resource whose creation failed: always the same, and no id of EC2's."""
    return f"{event['LogicalResourceId']}-not-made"


def reason(event: Mapping[str, Any], error: Exception) -> str:
    """Reason as a stack's events show it."""
    told = str(error) if isinstance(error, Ec2Error | RefusedError) else f"{type(error).__name__}: {error}"
    return f"{event['RequestType'].lower()} of {event['ResourceType']} {event['LogicalResourceId']}: {told}"[:1000]


def handle(
    event: Mapping[str, Any],
    call: Call,
    *,
    time_left: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Physical id and data of a resource after a create, update or delete.

    Args:
        event: CloudFormation's request.
        call: calls EC2: the action, and parameters as the Query API spells them.
        time_left: seconds until an answer is due.
        sleep: waits for seconds.

    Raises:
        RefusedError: it can't be done.
        Ec2Error: EC2 refused it.
    """
    made: dict[str, Any] = {
        SUBNET: _subnet,
        INTERFACES: _interfaces,
    }[event["ResourceType"]](event, _Ec2(call, time_left, sleep))
    return made


class _Ec2:
    """EC2 with time."""

    def __init__(self, call: Call, time_left: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.call = call
        self._time_left = time_left
        self._sleep = sleep

    def subnet(self, subnet_id: str) -> dict[str, Any] | None:
        """A secondary subnet that isn't deleted, or None."""
        found = _items(
            self.call("DescribeSecondarySubnets", Filter=[{"Name": "secondary-subnet-id", "Value": [subnet_id]}]),
            "secondarySubnetSet",
        )
        return next((item for item in found if item.get("state") != "delete-complete"), None)

    def users(self, subnet_id: str) -> list[str]:
        """Instances that have an interface in a secondary subnet."""
        answer = self.call(
            "DescribeSecondaryInterfaces", Filter=[{"Name": "secondary-subnet-id", "Value": [subnet_id]}]
        )
        attached = (item.get("attachment") or {} for item in _items(answer, "secondaryInterfaceSet"))
        return sorted({item["instanceId"] for item in attached if item.get("instanceId")})

    def wait(self, what: str) -> None:
        """Wait a moment.

        Raises:
            RefusedError: no time is left.
        """
        if self._time_left() < POLL_S:
            raise RefusedError(f"{what} took longer than the function may run: see EC2, then deploy again")
        self._sleep(POLL_S)


def _items(answer: object, name: str) -> list[dict[str, Any]]:
    found = answer.get(name) if isinstance(answer, Mapping) else None
    return list(found) if isinstance(found, list) else []


def _token(event: Mapping[str, Any]) -> str:
    """Token of a request: a repeated one makes nothing a second time."""
    return hashlib.sha256(f"{event['RequestId']}/{event['LogicalResourceId']}".encode()).hexdigest()[:32]


def _subnet(event: Mapping[str, Any], ec2: _Ec2) -> dict[str, Any]:
    """A secondary subnet: whatever changes but its name makes another one, and CloudFormation deletes the old."""
    wanted, old = event["ResourceProperties"], event.get("OldResourceProperties") or {}
    subnet_id = event.get("PhysicalResourceId") or ""
    if event["RequestType"] == "Delete":
        if subnet_id != failed_id(event):
            _delete(ec2, subnet_id)
        return {"PhysicalResourceId": subnet_id}
    fixed = ("SecondaryNetworkId", "Ipv4CidrBlock", "AvailabilityZone")
    if event["RequestType"] == "Update" and all(wanted[key] == old.get(key) for key in fixed):
        if wanted.get("Name") != old.get("Name"):
            raise RefusedError(f"the Name of {subnet_id} can't change: deploy the name {old.get('Name')} again")
        return _made(subnet_id)
    created = ec2.call(
        "CreateSecondarySubnet",
        **{key: wanted[key] for key in fixed},
        ClientToken=_token(event),
        TagSpecification=[{"ResourceType": "secondary-subnet", "Tag": [{"Key": "Name", "Value": wanted["Name"]}]}],
    )["secondarySubnet"]
    _wait_until_made(ec2, created["secondarySubnetId"])
    return _made(created["secondarySubnetId"])


def _made(subnet_id: str) -> dict[str, Any]:
    return {"PhysicalResourceId": subnet_id, "Data": {"SecondarySubnetId": subnet_id}}


def _wait_until_made(ec2: _Ec2, subnet_id: str) -> None:
    while True:
        found = ec2.subnet(subnet_id) or {}
        if found.get("state") == "create-complete":
            return
        if found.get("state") == "create-failed":
            _delete(ec2, subnet_id)
            raise RefusedError(f"EC2 could not make {subnet_id}: {found.get('stateReason') or 'no reason given'}")
        ec2.wait(f"making {subnet_id}")


def _delete(ec2: _Ec2, subnet_id: str) -> None:
    """Delete a secondary subnet, and wait until it is gone: its network can't be deleted before."""
    if ec2.subnet(subnet_id) is None:
        return
    users = ec2.users(subnet_id)
    if users:
        named = ", ".join(users[:MOST_NAMED]) + (f" and {len(users) - MOST_NAMED} more" if users[MOST_NAMED:] else "")
        raise RefusedError(
            f"secondary subnet {subnet_id} has interfaces of {len(users)} instances, {named}: empty their pools first"
        )
    ec2.call("DeleteSecondarySubnet", SecondarySubnetId=subnet_id)
    while (found := ec2.subnet(subnet_id)) is not None:
        if found.get("state") == "delete-failed":
            raise RefusedError(f"EC2 could not delete {subnet_id}: {found.get('stateReason') or 'no reason given'}")
        ec2.wait(f"deleting {subnet_id}")


def _interfaces(event: Mapping[str, Any], ec2: _Ec2) -> dict[str, Any]:
    """A version of a launch template with secondary interfaces, from the newest version that wasn't made here.

    Versions go with their launch template, so a deletion leaves them. None becomes the default version.
    """
    wanted = event["ResourceProperties"]
    template_id = wanted["LaunchTemplateId"]
    physical_id = f"{template_id}/secondary-interfaces"
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    newest = _version(ec2, template_id, "$Latest")
    described = str(newest.get("versionDescription") or "")
    own = described.removeprefix(MADE_HERE) if described.startswith(MADE_HERE) else None
    interfaces = [_interface(item) for item in wanted["SecondaryInterfaces"]]
    if own is not None and _has(newest, interfaces):
        return {"PhysicalResourceId": physical_id, "Data": {"VersionNumber": newest["versionNumber"]}}
    source = own or newest["versionNumber"]
    created = ec2.call(
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=template_id,
        SourceVersion=source,
        VersionDescription=f"{MADE_HERE}{source}",
        ClientToken=_token(event),
        LaunchTemplateData={"SecondaryInterface": interfaces},
    )
    warning = created.get("warning")
    if isinstance(warning, Mapping) and warning.get("errorSet"):
        raise RefusedError(f"EC2 made a version of {template_id} that it warns of: {json.dumps(warning)}")
    return {
        "PhysicalResourceId": physical_id,
        "Data": {"VersionNumber": created["launchTemplateVersion"]["versionNumber"]},
    }


def _version(ec2: _Ec2, template_id: str, number: str) -> dict[str, Any]:
    answer = ec2.call("DescribeLaunchTemplateVersions", LaunchTemplateId=template_id, LaunchTemplateVersion=[number])
    found = _items(answer, "launchTemplateVersionSet")
    if not found:
        raise RefusedError(f"launch template {template_id} has no version {number}")
    return found[0]


def _interface(item: Mapping[str, Any]) -> dict[str, Any]:
    """An interface as EC2 takes it: CloudFormation passes numbers as text."""
    return {
        "NetworkCardIndex": int(item["NetworkCardIndex"]),
        "DeviceIndex": int(item["DeviceIndex"]),
        "InterfaceType": "secondary",
        "SecondarySubnetId": item["SecondarySubnetId"],
        "PrivateIpAddressCount": 1,
        "DeleteOnTermination": True,
    }


def _has(version: Mapping[str, Any], interfaces: list[dict[str, Any]]) -> bool:
    """True if a version has just these interfaces."""
    data = version.get("launchTemplateData")
    found = _items(data, "secondaryInterfaceSet") if isinstance(data, Mapping) else []
    has = sorted(
        (str(item.get("networkCardIndex")), str(item.get("deviceIndex")), str(item.get("secondarySubnetId")))
        for item in found
    )
    return has == sorted(
        (str(item["NetworkCardIndex"]), str(item["DeviceIndex"]), str(item["SecondarySubnetId"])) for item in interfaces
    )


class Ec2Error(Exception):
    """Error that EC2 answered with.

    Attributes:
        code: EC2's code.
        message: EC2's message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


def form(action: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Form of a call: nested parameters with dots, items of lists by their number from 1.

    Args:
        action: the operation.
        parameters: in the spelling of the Query API, in which a list has the name of its item: `Filter`, `Value`.
    """
    return {"Action": action, "Version": API_VERSION, **dict(_flat("", parameters))}


def _flat(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value, start=1):
            yield from _flat(f"{prefix}.{number}", inner)
    elif isinstance(value, bool):
        yield prefix, str(value).lower()
    else:
        yield prefix, str(value)


def read(text: str | bytes) -> dict[str, Any]:
    """Answer of EC2 as dictionaries, lists (of `item` elements) and strings; names as in the XML."""
    found = _value(ET.fromstring(text))  # noqa: S314 - EC2's answer over TLS
    return found if isinstance(found, dict) else {}


def _value(element: ET.Element) -> dict[str, Any] | list[Any] | str:
    children = list(element)
    if not children:
        return (element.text or "").strip()
    if all(_name(child) == "item" for child in children):
        return [_value(child) for child in children]
    return {_name(child): _value(child) for child in children}


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


class Ec2Query:
    """EC2 of a region, called with the credentials of the environment.

    Args:
        region: the region.
        endpoint: address of EC2. Default: that of the region.
    """

    def __init__(self, region: str, endpoint: str | None = None) -> None:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        self._region = region
        self._endpoint = endpoint or f"https://ec2.{region}.{suffix}/"

    def __call__(self, action: str, **parameters: object) -> dict[str, Any]:
        """Answer of an operation.

        Raises:
            Ec2Error: EC2 refused the call, or throttled every try.
        """
        body = urllib.parse.urlencode(form(action, parameters)).encode()
        for attempt in range(TRIES):
            try:
                return self._send(body)
            except Ec2Error as error:
                if error.code not in _AGAIN or attempt == TRIES - 1:
                    raise
                time.sleep(2**attempt)
        raise AssertionError("the last try answers or raises")

    def _send(self, body: bytes) -> dict[str, Any]:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - loaded in Lambda alone
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415

        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest(method="POST", url=self._endpoint, data=body, headers=kind)
        given = Credentials(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ.get("AWS_SESSION_TOKEN")
        )
        SigV4Auth(given, "ec2", self._region).add_auth(request)
        plain = urllib.request.Request(  # noqa: S310 - the address of EC2
            self._endpoint, data=body, headers=dict(request.headers.items()), method="POST"
        )
        try:
            with urllib.request.urlopen(plain, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return read(answer.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except OSError as error:
            raise Ec2Error("Unavailable", f"EC2 didn't answer: {error}") from error


def _refusal(error: urllib.error.HTTPError) -> Ec2Error:
    text = error.read()
    try:
        found = next(item for item in ET.fromstring(text).iter() if _name(item) == "Error")  # noqa: S314
    except (ET.ParseError, StopIteration):
        return Ec2Error("Unavailable" if error.code >= _SERVER_ERROR else "Unreadable", f"EC2 answered {error.code}")
    told = {_name(child): child.text or "" for child in found}
    return Ec2Error(told.get("Code", ""), told.get("Message", ""))
