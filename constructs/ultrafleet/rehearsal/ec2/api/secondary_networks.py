"""Operations on secondary networks. Codes of refusals aren't documented: those here are inferred (low)."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from moto.ec2.utils import random_id

from ultrafleet.catalog import limits
from ultrafleet.rehearsal.ec2.api.operations import add_operation, page
from ultrafleet.rehearsal.ec2.state.moto_backend import put_tags, specified_tags
from ultrafleet.rehearsal.ec2.state.secondary_networks import (
    SecondaryNetworkRecord,
    SecondaryNetworks,
    SecondarySubnetRecord,
)
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_SIZES: Final = range(limits.SECONDARY_CIDR_SHORTEST_PREFIX.value, limits.SECONDARY_CIDR_LONGEST_PREFIX.value + 1)


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("CreateSecondaryNetwork", create_network)
    add_operation("DescribeSecondaryNetworks", describe_networks)
    add_operation("DeleteSecondaryNetwork", delete_network)
    add_operation("CreateSecondarySubnet", create_subnet)
    add_operation("DescribeSecondarySubnets", describe_subnets)
    add_operation("DeleteSecondarySubnet", delete_subnet)
    add_operation("DescribeSecondaryInterfaces", describe_interfaces)


def create_network(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """CreateSecondaryNetwork: no more than a region takes."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    most = limits.SECONDARY_NETWORKS_PER_REGION.value
    if len(held.networks) >= most:
        raise Refusal(
            "SecondaryNetworkLimitExceeded", f"The maximum number of secondary networks has been reached: {most}"
        )
    cidr = _cidr(params["Ipv4CidrBlock"])
    network = SecondaryNetworkRecord(id=str(random_id("sn")), cidr=str(cidr))
    held.networks[network.id] = network
    put_tags(account_id, region, network.id, specified_tags(params, "secondary-network"))
    return {"SecondaryNetwork": held.network_answer(network, "create-in-progress"), "ClientToken": _token(params)}


def describe_networks(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeSecondaryNetworks."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    found = _asked(held.networks, params.get("SecondaryNetworkIds"), "InvalidSecondaryNetworkId.NotFound")
    return _page("SecondaryNetworks", [held.network_answer(item) for item in found], params)


def delete_network(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteSecondaryNetwork: its subnets have to be gone (EC2 API, high)."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    (network,) = _asked(held.networks, [params["SecondaryNetworkId"]], "InvalidSecondaryNetworkId.NotFound")
    if any(subnet.network_id == network.id for subnet in held.subnets.values()):
        raise Refusal(
            "DependencyViolation", f"The secondary network '{network.id}' has secondary subnets and cannot be deleted."
        )
    del held.networks[network.id]
    return {"SecondaryNetwork": held.network_answer(network, "delete-in-progress"), "ClientToken": _token(params)}


def create_subnet(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """CreateSecondarySubnet: within its network, apart from others; the same token makes one."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    token = _token(params)
    known = next((item for item in held.subnets.values() if token is not None and item.token == token), None)
    if known is not None:
        return {"SecondarySubnet": held.subnet_answer(known), "ClientToken": token}
    (network,) = _asked(held.networks, [params["SecondaryNetworkId"]], "InvalidSecondaryNetworkId.NotFound")
    cidr, others = _cidr(params["Ipv4CidrBlock"]), [i for i in held.subnets.values() if i.network_id == network.id]
    if len(others) >= limits.SECONDARY_SUBNETS_PER_NETWORK.value:
        raise Refusal("SecondarySubnetLimitExceeded", "The maximum number of secondary subnets has been reached.")
    if not cidr.subnet_of(ipaddress.IPv4Network(network.cidr)):
        raise Refusal("InvalidSecondarySubnet.Range", f"The CIDR '{cidr}' is not in '{network.cidr}'.")
    if any(cidr.overlaps(ipaddress.IPv4Network(item.cidr)) for item in others):
        raise Refusal("InvalidSecondarySubnet.Conflict", f"The CIDR '{cidr}' conflicts with another secondary subnet")
    zone = params.get("AvailabilityZone")
    if not zone or not zone.startswith(region):
        raise Refusal("InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid.")
    subnet = SecondarySubnetRecord(
        id=str(random_id("ssn")), network_id=network.id, cidr=str(cidr), zone=zone, token=token
    )
    held.subnets[subnet.id] = subnet
    put_tags(account_id, region, subnet.id, specified_tags(params, "secondary-subnet"))
    return {"SecondarySubnet": held.subnet_answer(subnet, "create-in-progress"), "ClientToken": token}


def describe_subnets(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeSecondarySubnets."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    found = _asked(held.subnets, params.get("SecondarySubnetIds"), "InvalidSecondarySubnetId.NotFound")
    return _page("SecondarySubnets", [held.subnet_answer(item) for item in found], params)


def delete_subnet(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteSecondarySubnet: it must not contain interfaces (EC2 API, high)."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    (subnet,) = _asked(held.subnets, [params["SecondarySubnetId"]], "InvalidSecondarySubnetId.NotFound")
    if held.interfaces(subnet_id=subnet.id):
        raise Refusal("DependencyViolation", f"The secondary subnet '{subnet.id}' has dependencies")
    del held.subnets[subnet.id]
    return {"SecondarySubnet": held.subnet_answer(subnet, "delete-in-progress"), "ClientToken": _token(params)}


def describe_interfaces(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeSecondaryInterfaces."""
    held = SIMULATED_ACCOUNT.part(SecondaryNetworks, account_id, region)
    found = {item.id: item for item in held.interfaces()}
    asked = _asked(found, params.get("SecondaryInterfaceIds"), "InvalidSecondaryInterfaceId.NotFound")
    answers = [held.interface_answer(item) for item in asked]
    instance = {item["SecondaryInterfaceId"]: item["Attachment"]["InstanceId"] for item in answers}
    for entry in params.get("Filters") or []:
        if entry["Name"] == "attachment.instance-id":
            answers = [item for item in answers if instance[item["SecondaryInterfaceId"]] in entry["Values"]]
    rest = [entry for entry in params.get("Filters") or [] if entry["Name"] != "attachment.instance-id"]
    return _page("SecondaryInterfaces", answers, {**params, "Filters": rest})


_FILTERS: Final = {
    "secondary-network-id": "SecondaryNetworkId",
    "secondary-subnet-id": "SecondarySubnetId",
    "state": "State",
}


def _page(name: str, answers: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    found = answers
    for entry in params.get("Filters") or []:
        if entry["Name"] not in _FILTERS:
            raise Refusal("InvalidParameterValue", f"The filter '{entry['Name']}' is invalid")
        found = [item for item in found if item.get(_FILTERS[entry["Name"]]) in entry["Values"]]
    items, token = page(found, params)
    return {name: items, "NextToken": token}


def _asked(held: Mapping[str, Any], ids: list[str] | None, code: str) -> list[Any]:
    missing = [one for one in ids or () if one not in held]
    if missing:
        raise Refusal(code, f"The ID '{missing[0]}' does not exist")
    return [held[one] for one in ids] if ids else list(held.values())


def _cidr(text: str) -> ipaddress.IPv4Network:
    try:
        found = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise Refusal("InvalidParameterValue", f"Value ({text}) for parameter ipv4CidrBlock is invalid.") from error
    if found.prefixlen not in _SIZES:
        raise Refusal("InvalidParameterValue", f"The CIDR '{text}' is invalid: from /{_SIZES[0]} to /{_SIZES[-1]}.")
    return found


def _token(params: Mapping[str, Any]) -> str | None:
    return params.get("ClientToken")
