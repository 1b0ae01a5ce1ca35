"""`ultrafleet network plan`: CIDRs for the subnets of an environment that have none."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.catalog.limits import MAX_PODS_PER_SMALL_NODE
from ultrafleet.cli._completion import environment_names
from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.facts import pool_ip_demand
from ultrafleet.environment.file_replacement import digest_of, read_exactly, replace_text
from ultrafleet.environment.loading import environment_files
from ultrafleet.environment.network_editing import state_cidrs
from ultrafleet.environment.network_settings import SubnetSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.ip_budget import PoolIpDemand, SubnetIpBudget, node_ip_demand, subnet_ip_budget
from ultrafleet.rules.network_plan import HEADROOM, NoRoomError, SubnetRequest, propose_subnets
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec

SYSTEM_MAX_PODS: Final = MAX_PODS_PER_SMALL_NODE.value
"""Pods of a system node."""

_SHARED_CIDRS: Final = ("100.64.0.0/16", "100.65.0.0/16", "100.66.0.0/16", "100.67.0.0/16")
"""Further CIDRs of a VPC: with its own five, which a VPC has by default (VPC guide, quotas, medium: not read again)."""

network = typer.Typer(
    help="Propose CIDRs for an environment's subnets.",
    no_args_is_help=True,
    epilog="Example: ultrafleet network plan training",
)


@network.callback()
def _group() -> None:
    pass  # without it `plan` would be the command itself


@network.command(epilog="Example: ultrafleet network plan training --headroom 2")
def plan(
    environment: Annotated[
        str | None,
        typer.Argument(metavar="ENV", help="name of one environment; default: all", autocompletion=environment_names),
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    file: Annotated[Path | None, typer.Option(help="path of one environment file, instead of ENV")] = None,
    headroom: Annotated[
        float, typer.Option(help="IP addresses planned for each one that the pools take now")
    ] = HEADROOM,
    write: Annotated[bool, typer.Option("--write", help="write the proposals into the file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Propose CIDRs for subnets that have none; given CIDRs are kept.

    Prints the lines of `network.subnets`. With --write they are in the file, where nothing moves them any more: a pool
    that is added later takes what is free.
    """
    if file is not None and environment is not None:
        raise FleetError(
            path="ENV",
            got=f"{environment} and --file {file}",
            expected="one of them",
            remedy="leave one out",
        )
    if not math.isfinite(headroom):
        raise FleetError(
            path="headroom",
            got=headroom,
            expected="a number of 1 or more",
            remedy="pass another --headroom",
        )
    paths = [file] if file is not None else environment_files(environments, only=environment)
    loaded = {path: load_environment(path) for path in paths}
    plans = {item.name: _plan(item, headroom) for item in loaded.values()}
    if as_json:
        print(json.dumps({name: [_row(*one) for one in plan.subnets] for name, plan in plans.items()}, indent=2))
    for path, item in loaded.items():
        plan = plans[item.name]
        if not as_json:
            print(f"# {item.name}: network.subnets")
            kept = {subnet.name: _kept(subnet) for subnet in item.network.subnets}
            for planned in plan.subnets:
                print(_line(*planned, kept=kept[planned[0].name]))
        for note in plan.notes(headroom):
            print(f"{item.name}: {note}", file=sys.stderr)
        if write:
            _write(path, plan)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Subnets of an environment with their CIDRs and budgets, and whether each CIDR was stated."""

    subnets: list[tuple[SubnetSpec, SubnetIpBudget, bool]]
    secondary_cidrs: list[str]

    def notes(self, headroom: float) -> Iterator[str]:
        """Notes on what was given up, or added."""
        if self.secondary_cidrs:
            yield (
                f"the VPC's CIDR has no room: secondary_cidrs: [{', '.join(self.secondary_cidrs)}] of network are "
                "proposed, of the shared address space, which a VPC with a private CIDR takes (VPC guide, medium)"
            )
        for spec, budget, stated in self.subnets:
            room = budget.usable / budget.used if budget.used else headroom
            if not stated and room < headroom:
                yield f"subnet {spec.name} has {room:.2f} IPs for each one that is taken, not {headroom:g}"


def _write(path: Path, plan: _Plan) -> None:
    """Write the proposals into the file; nothing else of it changes."""
    cidrs = {spec.name: spec.cidr for spec, _, stated in plan.subnets if not stated}
    if not cidrs:
        print(f"{path}: every subnet has its cidr", file=sys.stderr)
        return
    text = read_exactly(path)
    replace_text(
        path,
        state_cidrs(text, cidrs=cidrs, secondary_cidrs=plan.secondary_cidrs),
        was=digest_of(text),
    )
    print(f"{path}: wrote {len(cidrs)} CIDR{'' if len(cidrs) == 1 else 's'}", file=sys.stderr)


def _plan(environment: Environment, headroom: float) -> _Plan:
    try:
        return _with_room(environment, _requests(environment), headroom)
    except FleetError as error:
        raise error.within(environment.name) from error


def _with_room(environment: Environment, requests: Sequence[SubnetRequest], headroom: float) -> _Plan:
    """Plan in the VPC's own CIDRs, or else with further ones where none is stated and the VPC is made here."""
    network = environment.network
    added: list[str] = []
    while True:
        try:
            specs = (
                propose_subnets(
                    vpc_cidr=network.cidr,
                    subnets=requests,
                    headroom=headroom,
                    secondary_cidrs=[*network.secondary_cidrs, *added],
                )
                if network.cidr is not None
                else [_stated(request) for request in requests]  # of an existing VPC, in which nothing is made
            )
            break
        except NoRoomError:
            if network.secondary_cidrs or not network.is_made_here or len(added) == len(_SHARED_CIDRS):
                raise
            added.append(_SHARED_CIDRS[len(added)])
    budgets = [_budget(spec, request.demands) for spec, request in zip(specs, requests, strict=True)]
    for budget in budgets:
        budget.check()
    stated = [request.cidr is not None for request in requests]
    return _Plan(subnets=list(zip(specs, budgets, stated, strict=True)), secondary_cidrs=added)


def _requests(environment: Environment) -> list[SubnetRequest]:
    subnets = [subnet for subnet in environment.network.subnets if subnet.is_made_here or subnet.cidr is not None]
    system_count = sum(subnet.kind == SubnetKind.SYSTEM.value for subnet in subnets)
    demands: dict[str, tuple[PoolIpDemand, ...]] = {}
    for subnet in subnets:
        if subnet.kind == SubnetKind.ACCELERATOR.value:
            demands[subnet.name] = tuple(
                pool_ip_demand(pool) for pool in environment.pools if pool.subnet == subnet.name
            )
        elif subnet.kind == SubnetKind.SYSTEM.value:
            nodes = environment.cluster.made_system_nodes
            if nodes is not None:
                demands[subnet.name] = (_system_demand(nodes.max_size, system_count),)
    return [
        SubnetRequest(
            name=subnet.name,
            kind=SubnetKind(subnet.kind),
            availability_zone=subnet.availability_zone,
            cidr=subnet.cidr,
            demands=demands.get(subnet.name, ()),
        )
        for subnet in subnets
    ]


def _stated(request: SubnetRequest) -> SubnetSpec:
    return SubnetSpec(
        name=request.name,
        kind=request.kind,
        availability_zone=request.availability_zone,
        cidr=request.cidr or "",
    )


def _system_demand(max_size: int, subnets: int) -> PoolIpDemand:
    # The Auto Scaling group spreads its nodes evenly. The default headroom is then room for the nodes of a zone that is
    # lost, or for those that an update adds.
    return PoolIpDemand(
        pool_name="system nodes",
        nodes=math.ceil(max_size / subnets),
        per_node=node_ip_demand(ip_interfaces=1, max_pods=SYSTEM_MAX_PODS, ipv4_per_interface=None),
    )


def _budget(spec: SubnetSpec, demands: Sequence[PoolIpDemand]) -> SubnetIpBudget:
    return subnet_ip_budget(subnet_name=spec.name, cidr=spec.cidr, demands=demands)


def _kept(subnet: SubnetSettings) -> str:
    """Keys of an entry that a plan leaves as they are."""
    stated = {"subnet_id": subnet.subnet_id, "route_table_id": subnet.route_table_id}
    return "".join(f", {key}: {value}" for key, value in stated.items() if value is not None)


def _line(spec: SubnetSpec, budget: SubnetIpBudget, stated: bool, *, kept: str) -> str:
    note = "stated" if stated else "proposed"
    if budget.by_pool:
        takers = ", ".join(demand.pool_name for demand in budget.by_pool)
        note = f"{note}: {takers} take {budget.used:,} of {budget.usable:,} IPs"
    return (
        f"    - {{ name: {spec.name}, kind: {spec.kind.value}, availability_zone: {spec.availability_zone}, "
        f"cidr: {spec.cidr}{kept} }} # {note}"
    )


def _row(spec: SubnetSpec, budget: SubnetIpBudget, stated: bool) -> dict[str, object]:
    return {
        "name": spec.name,
        "kind": spec.kind.value,
        "availability_zone": spec.availability_zone,
        "cidr": spec.cidr,
        "proposed": not stated,
        "used_ips": budget.used,
        "usable_ips": budget.usable,
    }
