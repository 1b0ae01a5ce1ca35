"""Output of `terraform show -json`: a plan or a state."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.importing.draft import Draft, DraftSubnet
from ultrafleet.importing.groups import carry_addon
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Document
from ultrafleet.importing.terraform_groups import GroupReader
from ultrafleet.importing.terraform_resources import Resource, Resources
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.zones import is_local_zone, is_zone, region_of_zone

_ARN: Final = re.compile(r"arn:[a-z-]+:eks:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):cluster/.*")
_NODE_GROUPS: Final = ("aws_eks_node_group", "aws_autoscaling_group")
_READ: Final = frozenset(
    {
        *_NODE_GROUPS, "aws_eks_cluster", "aws_launch_template", "aws_vpc", "aws_eks_addon",
        "aws_ec2_capacity_reservation", "aws_ec2_capacity_block_reservation",
    }
)  # fmt: skip
_MOST_ADDRESSES: Final = 3
_REASONS: Final = {
    "aws_subnet": "not carried over, but for the CIDR of a pool's subnet: the others are made here",
    "aws_nat_gateway": "network.egress says how nodes leave, a regional NAT gateway by default",
    "aws_internet_gateway": "made here where a NAT gateway needs it",
    "aws_route_table": "made here",
    "aws_security_group": "nodes are in the cluster's group and in an EFA group of their own",
    "aws_placement_group": "made here for pools that have one",
    "aws_iam": "roles are made here, for the nodes and through EKS Pod Identity",
    "aws_eks_access": "see cluster.admin_role_arns",
    "aws_eks_fargate_profile": "controllers run on system nodes",
    "aws_eks_pod_identity_association": "each add-on and controller gets a role of its own",
    "aws_kms": "not carried over",
    "helm_release": "the library installs its own charts; deliver others yourself",
    "kubectl": "deliver your own objects yourself",
    "kubernetes": "deliver your own objects yourself",
    "aws_fsx": "not carried over: a file system is a team's, teams[].file_system",
    "aws_efs": "not carried over: mount it from pods through its CSI driver (cluster.addons)",
}


def read_terraform(document: Document, side: SideInputs) -> Draft:
    """Fleet of a plan or a state.

    Args:
        document: the file.
        side: what the caller states.

    Raises:
        FleetError: its modules are nested too deeply.
    """
    return _Reader(document, side).read()


class _Reader:
    def __init__(self, document: Document, side: SideInputs) -> None:
        self._document = document
        self._side = side
        self._draft = Draft(tool="terraform show -json", file=Path(document.name).name)
        self._resources = Resources(document, document.name)

    def read(self) -> Draft:
        draft = self._draft
        self._cluster()
        self._place()
        subnets = self._subnets()
        draft.zones = tuple(sorted({item.zone for item in subnets.values() if not is_local_zone(item.zone)}))
        vpcs = [
            text for text in (item.values.get("cidr_block").text() for item in self._resources.of("aws_vpc")) if text
        ]
        if len(vpcs) == 1:
            draft.cidr = vpcs[0]
        elif vpcs:
            draft.note(
                f"{draft.file}: aws_vpc", f"{len(vpcs)} of them, {', '.join(vpcs)}: --cidr states that of the new VPC"
            )
        reader = GroupReader(draft, self._side, self._resources, subnets)
        for resource in self._resources.of(*_NODE_GROUPS):
            reader.read(resource)
        for addon in self._resources.of("aws_eks_addon"):
            carry_addon(draft, addon.values.get("addon_name"), addon.values.get("addon_version"))
        self._others(reader.used)
        draft.faults += self._document.faults
        return draft

    def _cluster(self) -> None:
        draft, clusters = self._draft, self._resources.of("aws_eks_cluster")
        stated = self._side.name
        chosen = (
            [item for item in clusters if item.values.get("name").text() == stated] if len(clusters) > 1 else clusters
        )
        if len(clusters) > 1 and len(chosen) != 1:
            names = ", ".join(str(item.values.get("name").value) for item in clusters)
            draft.refuse(
                draft.file, "one", "pass --name with one of them", got=f"a file of {len(clusters)} clusters: {names}"
            )
            return
        for cluster in chosen:
            draft.cluster_name = cluster.values.get("name").text()
            version = cluster.values.get("version")
            text = version.text()
            if text is not None:
                try:
                    parse_kubernetes_version(text)
                    draft.kubernetes_version = text
                except FleetError as error:
                    draft.note(
                        version,
                        f"not carried over: expected {error.expected}; the environment has the library's version",
                    )
            public = cluster.block("vpc_config").get("endpoint_public_access")
            if public.flag() is not False:
                draft.note(
                    public if public.value is not None else f"{cluster.values.place}: vpc_config",
                    "the API endpoint is private alone here; cluster.api_access_cidrs opens it to networks",
                )

    def _place(self) -> None:
        """Account and region, as far as the file has them."""
        draft = self._draft
        for cluster in self._resources.read_of("aws_eks_cluster"):
            found = _ARN.fullmatch(str(cluster.values.get("arn").value or ""))
            if found:
                draft.account, draft.region = found["account"], found["region"]
        for caller in self._resources.read_of("aws_caller_identity"):
            draft.account = draft.account or caller.values.get("account_id").text()
        draft.region = draft.region or self._provider_region()
        zones = {
            str(item.values.get("availability_zone").value) for item in self._resources.read_of("aws_subnet")
        }  # fmt: skip
        regions = {region_of_zone(zone) for zone in zones if is_zone(zone)}
        if draft.region is None and len(regions) == 1:
            draft.region = regions.pop()
            draft.note(
                "region", f"{draft.region}, that of the zones of the subnets: a plan has the provider's own alone"
            )

    def _provider_region(self) -> str | None:
        expression: Any = self._resources.configuration
        for key in ("provider_config", "aws", "expressions", "region"):
            expression = expression.get(key) if isinstance(expression, dict) else None
        if not isinstance(expression, dict):
            return None
        constant = expression.get("constant_value")
        if isinstance(constant, str):
            return constant
        references = expression.get("references")
        for reference in references if isinstance(references, list) else []:
            variable = self._resources.variables.get(str(reference).removeprefix("var."))
            if isinstance(variable, dict) and isinstance(variable.get("value"), str):
                return str(variable["value"])
        return None

    def _subnets(self) -> dict[str, DraftSubnet]:
        """Subnets by their addresses; those with public addresses are for nothing here."""
        found = {}
        for resource in self._resources.read_of("aws_subnet"):
            zone = resource.values.get("availability_zone").text()
            cidr = resource.values.get("cidr_block").text()
            if resource.values.get("map_public_ip_on_launch").flag():
                continue
            if zone is not None and is_zone(zone):
                found[resource.address] = DraftSubnet(zone=zone, cidr=cidr, subnet_id=resource.values.get("id").text())
        return found

    def _others(self, used: set[str]) -> None:
        """A line for each type that isn't carried over."""
        by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in self._resources.all:
            if resource.type not in _READ and resource.address not in used:
                by_type[resource.type].append(resource)
        for kind, resources in by_type.items():
            listed = ", ".join(item.address for item in resources[:_MOST_ADDRESSES])
            more = f" and {len(resources) - _MOST_ADDRESSES} more" if len(resources) > _MOST_ADDRESSES else ""
            reason = next((text for start, text in _REASONS.items() if kind.startswith(start)), "not carried over")
            self._draft.note(f"{self._draft.file}: {listed}{more}", f"{kind}: {reason}")
