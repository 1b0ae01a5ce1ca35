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
_EXPECTED: Final = f"an active route to {_EVERYWHERE} through a NAT gateway"
_EXPECTED_OF_EXISTING: Final = "a way out, or endpoints of the services that nodes call"
_SERVICES: Final = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "s3", "sts")
"""Services that nodes of a private cluster call before pods run (EKS user guide, private clusters, high)."""


def _questions(environment: Environment) -> Iterator[Question]:
    if environment.network.egress == _NO_EGRESS:
        return
    for subnet in environment.network.subnets:
        if subnet.kind in _NODES:
            yield Question(
                subject=f"subnet {subnet.name} in {subnet.availability_zone}",
                expected=_EXPECTED if environment.network.is_made_here else _EXPECTED_OF_EXISTING,
                ask=partial(_ask, f"{environment.name}-network-{subnet.name}")
                if environment.network.is_made_here
                else partial(_ask_existing, f"{environment.name}-network-{subnet.name}", subnet.subnet_id),
                path="network.egress" if environment.network.is_made_here else "network.subnets",
            )


def _ask_existing(name: str, subnet_id: str | None, account: Account) -> Answer | None:
    """Answer on a subnet of an existing VPC, whose way out is its owner's: any target but an internet gateway."""
    by = {"Name": "subnet-id", "Values": [subnet_id]} if subnet_id else {"Name": "tag:Name", "Values": [name]}
    found = next(iter(account.pages("ec2", "describe_subnets", "Subnets", Filters=[by])), None)
    if found is None:
        return None
    own = {"Name": "association.subnet-id", "Values": [found["SubnetId"]]}
    main = [{"Name": "association.main", "Values": ["true"]}, {"Name": "vpc-id", "Values": [found["VpcId"]]}]
    tables = list(account.pages("ec2", "describe_route_tables", "RouteTables", Filters=[own])) or list(
        account.pages("ec2", "describe_route_tables", "RouteTables", Filters=main)
    )
    routes = [
        route for table in tables for route in table["Routes"] if route.get("DestinationCidrBlock") == _EVERYWHERE
    ]
    missing = _missing_endpoints(found["VpcId"], account) if not routes else ()
    if not routes and not missing:
        return yes("no default route, but an endpoint for each service that nodes call")
    if not routes:
        return no(
            f"no default route, and no endpoints for {', '.join(missing)}",
            "its owner adds the route or the endpoints: nodes don't join without",
        )
    target = next((str(routes[0][key]) for key in sorted(routes[0]) if key.endswith("Id")), "nothing")
    if target.startswith("igw-"):
        return no(
            f"the default route goes to {target}, and nodes have no public address",
            "use a private subnet, or another route table",
        )
    if routes[0].get("State", "active") != "active":
        return no(f"the route through {target} is a {routes[0]['State']}", "its owner repairs it")
    return yes(f"{_EVERYWHERE} through {target}; that packets arrive isn't shown by it")


def _missing_endpoints(vpc_id: str, account: Account) -> tuple[str, ...]:
    """Services that nodes call and the VPC has no endpoint of."""
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)
    there = {item["ServiceName"].partition("amazonaws.")[2].partition(".")[2].partition(".")[2] for item in found}
    return tuple(service for service in _SERVICES if service not in there)


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
    permissions=(
        Permission(action="ec2:DescribeRouteTables"),
        Permission(action="ec2:DescribeSubnets"),
        Permission(action="ec2:DescribeVpcEndpoints"),
    ),
    questions=_questions,
    later="the network isn't deployed yet",
)
