"""eksctl's ClusterConfig (`eksctl.io/v1alpha5`)."""

from pathlib import Path

from ultrafleet.errors import FleetError
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftSubnet
from ultrafleet.importing.eksctl_groups import GroupReader
from ultrafleet.importing.eksctl_reasons import REASONS
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Document, Source
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.zones import is_zone


def read_eksctl(document: Document, side: SideInputs) -> Draft:
    """Fleet of a ClusterConfig.

    Args:
        document: the file.
        side: what the caller states.
    """
    return _Reader(document, side).read()


class _Reader:
    def __init__(self, document: Document, side: SideInputs) -> None:
        self._root = document.root
        self._side = side
        self._draft = Draft(tool="eksctl", file=Path(document.name).name)
        self._document = document
        self._by_name: dict[str, DraftSubnet] = {}

    def read(self) -> Draft:
        draft, root = self._draft, self._root
        root.get("apiVersion").read()
        root.get("kind").read()
        metadata = root.get("metadata")
        draft.cluster_name = draft.stated(metadata.get("name"))
        draft.region = draft.stated(metadata.get("region"))
        draft.kubernetes_version = self._version(metadata.get("version"))
        draft.zones = groups.zones(draft, root.get("availabilityZones"))
        self._vpc(root.get("vpc"))
        support = root.get("upgradePolicy", "supportType")
        if support:
            draft.upgrade_policy = (support.text() or "").upper() or None
        self._addons(root.get("addons"))
        reader = GroupReader(draft, self._side, self._by_name)
        for kind in ("managedNodeGroups", "nodeGroups"):
            for group in root.get(kind).items():
                reader.read(group, managed=kind == "managedNodeGroups")
        root.get("iam").entries()
        draft.note_unread(root, REASONS)
        draft.faults += self._document.faults
        return draft

    # The cluster.

    def _version(self, source: Source) -> str | None:
        version = self._draft.stated(source)
        if version is None or version in {"auto", "latest"}:
            if version:
                self._draft.note(source, "not carried over: the environment has the library's version")
            return None
        try:
            parse_kubernetes_version(version)
        except FleetError as error:
            self._draft.note(
                source, f"not carried over: expected {error.expected}; the environment has the library's version"
            )
            return None
        return version

    def _vpc(self, vpc: Source) -> None:
        draft = self._draft
        endpoints = vpc.get("clusterEndpoints")
        if not endpoints and not self._root.get("privateCluster"):
            draft.note(
                f"{draft.file}: vpc.clusterEndpoints",
                "not stated: eksctl's default has a public API endpoint, here it is private alone; "
                "cluster.api_access_cidrs opens it to networks",
            )
        cidr = vpc.get("cidr")
        if cidr:
            draft.cidr = cidr.text()
        existing = vpc.get("id")
        subnets = vpc.get("subnets")
        private, public = subnets.get("private"), subnets.get("public")
        for place, kind in ((private, "private"), (public, "public")):
            for entry in place.entries():
                self._existing(entry, kind)
        if existing:
            draft.vpc_id = existing.loose_text()
            draft.note(existing, "the environment makes a VPC of its own, and subnets; existing ones are not used")
        elif subnets:
            draft.note(subnets, "the environment makes a VPC of its own, and subnets; existing ones are not used")
        if not draft.zones:
            draft.zones = tuple(sorted({item.zone for item in self._by_name.values() if is_zone(item.zone)}))

    def _existing(self, entry: Source, kind: str) -> None:
        """A subnet under its zone or a name of its own."""
        subnet_id = entry.get("id").loose_text() if isinstance(entry.value, dict) else entry.loose_text()
        zone = entry.get("az").loose_text() or entry.key
        cidr = entry.get("cidr").loose_text()
        found = DraftSubnet(zone=zone if is_zone(zone) else "", cidr=cidr, subnet_id=subnet_id)
        if kind == "private":
            for name in (entry.key, subnet_id):
                if name:
                    self._by_name[name] = found

    def _addons(self, addons: Source) -> None:
        for addon in addons.items():
            groups.carry_addon(self._draft, addon.get("name"), addon.get("version"))
