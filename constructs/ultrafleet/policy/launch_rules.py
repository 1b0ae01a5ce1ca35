"""Rules of launch templates."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from ultrafleet.layout import layout_violations
from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.launch import launches
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Template

_RESERVATION_ID = re.compile(r"cr-[0-9a-f]{8,17}")
_USER_DATA_BYTES = 16_384
_BLOCKS_ONLY = {"capacity-block"}


def _efa_layout(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        layout, kind = launch.layout, launch.instance_type
        if isinstance(layout, Unknown):
            yield cannot_tell(launch.resource.logical_id, "the network interfaces", layout.reason)
        elif layout is not None and kind is not None:
            for violation in layout_violations(kind, layout):
                yield Problem(launch.resource.logical_id, violation.message)


def _public_ip(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        public = [
            item
            for item in launch.interfaces
            if isinstance(item, Mapping) and _is(item.get("AssociatePublicIpAddress"))
        ]
        if public and len(launch.interfaces) > 1:
            yield Problem(
                launch.resource.logical_id,
                f"AssociatePublicIpAddress is true on one of {len(launch.interfaces)} interfaces, expected none: "
                "take it out, and reach the internet through NAT",
            )


def _market(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        logical_id, kind, market, reservation = (
            launch.resource.logical_id, launch.instance_type, launch.market, launch.reservation,
        )  # fmt: skip
        if isinstance(market, Unknown):
            yield cannot_tell(logical_id, "the market type", market.reason)
        elif market == "capacity-block" and reservation is None:
            yield Problem(
                logical_id,
                "MarketType is capacity-block without a CapacityReservationTarget, expected the block's reservation: "
                "add CapacityReservationId or CapacityReservationResourceGroupArn",
            )
        elif market == "spot" and reservation is not None:
            yield Problem(
                logical_id,
                "MarketType is spot with a CapacityReservationTarget, expected capacity-block or no market type: spot "
                "instances use no reservation",
            )
        elif kind is not None and set(kind.purchase_options or ()) == _BLOCKS_ONLY and market != "capacity-block":
            yield Problem(
                logical_id,
                f"MarketType is {market or 'not stated'} for {kind}, expected capacity-block: it is sold no other way",
            )


def _reservation_id(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        named = launch.get("CapacityReservationSpecification", "CapacityReservationTarget", "CapacityReservationId")
        if isinstance(named, str) and not _RESERVATION_ID.fullmatch(named):
            hint = "; a cbr- id names the block, not its reservation" if named.startswith("cbr-") else ""
            yield Problem(
                launch.resource.logical_id,
                f"CapacityReservationId is {named!r}, expected cr- and 8 to 17 hexadecimal digits{hint}: correct it",
            )


def _placement(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        group = launch.get("Placement", "GroupName") or launch.get("Placement", "GroupId")
        if group is not None and launch.market == "capacity-block":
            yield Problem(
                launch.resource.logical_id,
                "there is a placement group beside MarketType capacity-block, expected none: a block places its "
                "instances itself, take Placement out",
            )


def _imds(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        tokens = launch.get("MetadataOptions", "HttpTokens")
        if isinstance(tokens, Unknown):
            yield cannot_tell(launch.resource.logical_id, "HttpTokens", tokens.reason)
        elif tokens != "required":
            yield Problem(
                launch.resource.logical_id,
                f"HttpTokens is {tokens or 'not stated'}, expected required: IMDSv1 hands credentials to any request "
                "that a pod can be made to send",
                Severity.ERROR if tokens == "optional" else Severity.WARNING,
            )


def _encryption(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        for mapping in launch.resource.items("LaunchTemplateData", "BlockDeviceMappings"):
            volume = mapping.get("Ebs") if isinstance(mapping, Mapping) else None
            if isinstance(volume, Mapping) and volume.get("Encrypted") is not None and not _is(volume["Encrypted"]):
                if isinstance(volume["Encrypted"], Unknown):
                    yield cannot_tell(launch.resource.logical_id, "Encrypted", volume["Encrypted"].reason)
                    continue
                yield Problem(
                    launch.resource.logical_id,
                    f"volume {mapping.get('DeviceName')} has Encrypted false, expected true: set it",
                )


def _ssh_key(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        if launch.get("KeyName") is not None:
            yield Problem(
                launch.resource.logical_id,
                "KeyName is stated, expected none: use Session Manager, whose sessions are logged and need no port",
            )


def _user_data(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        data = launch.get("UserData")
        if not isinstance(data, str):
            continue
        try:
            size = len(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError):
            size = len(data)
        if size > _USER_DATA_BYTES:
            yield Problem(
                launch.resource.logical_id,
                f"UserData has {size} bytes, expected at most {_USER_DATA_BYTES}: fetch the rest from S3",
            )


def _is(value: object) -> bool:
    return value is True or str(value).lower() == "true"


_EC2 = "EC2 user guide"
RULES = (
    Rule(
        id="efa-layout",
        severity=Severity.ERROR,
        protects_from="instances that EC2 refuses, or that launch with less bandwidth than they were bought with",
        source=f"{_EC2}, EFA interfaces by instance type, and network cards; see docs/efa-layout.md (high)",
        remedy="`ultrafleet layout TYPE` prints a layout that launches",
        check=_efa_layout,
    ),
    Rule(
        id="public-ip",
        severity=Severity.ERROR,
        protects_from="RunInstances refuses a public address on instances with several interfaces",
        source=f"{_EC2}, public IPv4 addresses (high)",
        remedy="take AssociatePublicIpAddress out",
        check=_public_ip,
    ),
    Rule(
        id="market-and-reservation",
        severity=Severity.ERROR,
        protects_from="launches that fail, or that run beside the block that was paid for",
        source=f"{_EC2}, launch instances using Capacity Blocks (high)",
        remedy="state MarketType capacity-block and the block's reservation together",
        check=_market,
    ),
    Rule(
        id="reservation-id",
        severity=Severity.ERROR,
        protects_from="a launch template that targets nothing",
        source="EKS user guide, Capacity Blocks (high)",
        remedy="pass the id that `aws ec2 describe-capacity-reservations` shows",
        check=_reservation_id,
    ),
    Rule(
        id="placement-with-block",
        severity=Severity.ERROR,
        protects_from="launches that EC2 refuses",
        source=f"{_EC2}, Capacity Blocks, considerations (high)",
        remedy="take the placement group out",
        check=_placement,
    ),
    Rule(
        id="imdsv2",
        severity=Severity.ERROR,
        protects_from="credentials of the node's role in the hands of whoever makes a pod send a request",
        source=f"{_EC2}, instance metadata (high)",
        remedy="MetadataOptions: HttpTokens: required",
        check=_imds,
    ),
    Rule(
        id="volume-encryption",
        severity=Severity.ERROR,
        protects_from="data on disks that anybody with a snapshot reads",
        source=f"{_EC2}, EBS encryption (high)",
        remedy="Encrypted: true",
        check=_encryption,
    ),
    Rule(
        id="ssh-key",
        severity=Severity.WARNING,
        protects_from="keys that are shared and never rotated",
        source=f"{_EC2}, key pairs (high); that there should be none: ours",
        remedy="take KeyName out",
        check=_ssh_key,
    ),
    Rule(
        id="user-data-size",
        severity=Severity.ERROR,
        protects_from="a launch template that EC2 refuses",
        source=f"{_EC2}, user data: 16 KB before encoding (high)",
        remedy="fetch what is large from S3",
        check=_user_data,
    ),
)
