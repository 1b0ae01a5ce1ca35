"""Probe of the ways out of the zones in which nodes run."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment

_EVERYWHERE: Final = "0.0.0.0/0"
_NO_EGRESS: Final = "none"
_NODES: Final = {"accelerator", "system"}


def _questions(environment: Environment) -> Iterator[Question]:
    if environment.network.egress == _NO_EGRESS:
        return
    for subnet in environment.network.subnets:
        if subnet.kind in _NODES:
            yield Question(
                subject=f"subnet {subnet.name} in {subnet.availability_zone}",
                expected=f"an active route to {_EVERYWHERE} through a NAT gateway",
                ask=partial(_ask, f"{environment.name}-network-{subnet.name}"),
                path="network.egress",
            )


def _ask(name: str, account: Account) -> Answer | None:
    subnets = list(
        account.pages("ec2", "describe_subnets", "Subnets", Filters=[{"Name": "tag:Name", "Values": [name]}])
    )
    if not subnets:
        return None
    if len(subnets) > 1:
        ids = ", ".join(sorted(item["SubnetId"] for item in subnets))
        return unclear(f"{len(subnets)} subnets are named {name}: {ids}", "delete or rename those of other networks")
    filters = [{"Name": "association.subnet-id", "Values": [subnets[0]["SubnetId"]]}]
    routes = [
        route
        for table in account.pages("ec2", "describe_route_tables", "RouteTables", Filters=filters)
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == _EVERYWHERE
    ]
    if not routes:
        return no(f"{subnets[0]['SubnetId']} has no route to {_EVERYWHERE}", "deploy the network's stack again")
    return _judged(routes[0])


def _judged(route: Mapping[str, Any]) -> Answer:
    gateway, state = route.get("NatGatewayId"), route.get("State", "active")
    if gateway is None:
        other = next((str(route[key]) for key in sorted(route) if key.endswith("Id")), "another target")
        return no(f"the route to {_EVERYWHERE} goes to {other}", "deploy the network's stack again")
    if state != "active":
        return no(f"the route through {gateway} is a {state}", "deploy the network's stack again: the gateway is gone")
    return yes(f"{_EVERYWHERE} through {gateway}; that packets arrive isn't shown by it")


EGRESS: Final = Probe(
    id="egress",
    asks="Do nodes of the subnet have a way out?",
    permissions=(Permission(action="ec2:DescribeRouteTables"), Permission(action="ec2:DescribeSubnets")),
    questions=_questions,
    later="the network isn't deployed yet",
)
