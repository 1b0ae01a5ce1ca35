"""Managed node groups."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    only_changed,
    provides,
)
from ultrafleet.rehearsal.cloudformation.providers.eks_names import camel, pascal, set_tags, tag_map
from ultrafleet.rehearsal.refusals.eks_updates import COMBINED_UPDATE
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, refused

_CONFIG: Final = ("Labels", "NodeRepairConfig", "ScalingConfig", "Taints", "UpdateConfig")
_VERSION: Final = ("LaunchTemplate", "ReleaseVersion", "Version")
_STEP: Final = timedelta(minutes=1)
_LONGEST_UPDATE: Final = timedelta(hours=36)
"""Time for which CloudFormation waits for the update of a node group (its schema, `handlers.update`, high)."""


@provides
class NodegroupProvider(Provider):
    """Managed node group."""

    type = "AWS::EKS::Nodegroup"
    known = frozenset(
        {
            "AmiType", "CapacityType", "ClusterName", "DiskSize", "ForceUpdateEnabled", "InstanceTypes", "Labels",
            "LaunchTemplate", "NodeRepairConfig", "NodeRole", "NodegroupName", "ReleaseVersion", "ScalingConfig",
            "Subnets", "Tags", "Taints", "UpdateConfig", "Version",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        given = camel(
            {key: value for key, value in properties.items() if key not in {"Tags", "ForceUpdateEnabled"}},
            keep=frozenset({"Labels"}),
        )
        cluster, name = properties["ClusterName"], properties.get("NodegroupName", context.name(most=63))
        arguments = {**given, "nodegroupName": name, "tags": tag_map(properties)}
        created = _physical(call("eks", "create_nodegroup", **arguments)["nodegroup"])
        found = self.describe(call, created, properties)
        if found["status"] == "CREATE_FAILED":
            # CloudFormation reports the group's health issues and deletes it; the next deployment creates it again.
            message = health(found)
            call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)
            raise Refusal("NotStabilized", message)
        return created

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        cluster, name = resource.physical_id.split("/")
        found: Mapping[str, Any] = call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=name)[
            "nodegroup"
        ]
        return found

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        described = {"labels": {}, "taints": [], "tags": {}, **self.describe(call, resource, properties)}
        live: dict[str, Any] = pascal(described, keep=frozenset({"labels", "tags"}))
        return {key: value for key, value in live.items() if key in self.known}

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        cluster, _, name = identifier["Id"].partition("/")
        return _physical(call("eks", "describe_nodegroup", clusterName=cluster, nodegroupName=name)["nodegroup"])

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        """Update a group; a version that is live is not sent again, so that taking back a refused one rolls no node."""
        cluster, name = resource.physical_id.split("/")
        changed = only_changed(old, new, *_CONFIG, *_VERSION, "ForceUpdateEnabled", "Tags")
        versions = sorted(key for key in _VERSION if key in changed and self._differs(call, resource, key, new))
        others = sorted(changed & {*_CONFIG, "Tags"})
        if versions and others:
            raise refused(COMBINED_UPDATE, "Version and ReleaseVersion updates cannot be combined with other updates")
        self._update_config(call, resource, old, new, changed)
        if versions:
            answer = call(
                "eks",
                "update_nodegroup_version",
                clusterName=cluster,
                nodegroupName=name,
                version=new.get("Version"),
                releaseVersion=new.get("ReleaseVersion"),
                launchTemplate=camel(new.get("LaunchTemplate")),
                force=new.get("ForceUpdateEnabled"),
            )
            self._wait(call, resource, update_id=answer["update"]["id"])
        set_tags(call, resource.attributes["Arn"], old, new)

    def _differs(self, call: Calls, resource: PhysicalResource, key: str, new: Properties) -> bool:
        live, wanted = self.read(call, resource, new).get(key), new.get(key)
        if isinstance(wanted, Mapping) and isinstance(live, Mapping):
            return any(str(value) != str(live.get(name)) for name, value in wanted.items())
        return wanted is not None and wanted != live

    def _update_config(
        self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties, changed: set[str]
    ) -> None:
        cluster, name = resource.physical_id.split("/")
        arguments: dict[str, Any] = {
            key[0].lower() + key[1:]: camel(new.get(key, {}))
            for key in ("NodeRepairConfig", "ScalingConfig", "UpdateConfig")
            if key in changed
        }
        if "Labels" in changed:
            before, after = old.get("Labels", {}), new.get("Labels", {})
            arguments["labels"] = {
                "addOrUpdateLabels": {key: value for key, value in after.items() if before.get(key) != value},
                "removeLabels": sorted(set(before) - set(after)),
            }
        if "Taints" in changed:
            before, after = camel(old.get("Taints", [])), camel(new.get("Taints", []))
            arguments["taints"] = {
                "addOrUpdateTaints": [taint for taint in after if taint not in before],
                "removeTaints": [
                    t for t in before if (t["key"], t["effect"]) not in {(a["key"], a["effect"]) for a in after}
                ],
            }
        if arguments:
            answer = call("eks", "update_nodegroup_config", clusterName=cluster, nodegroupName=name, **arguments)
            self._wait(call, resource, update_id=answer["update"]["id"])

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        cluster, name = resource.physical_id.split("/")
        call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=name)
        self._wait(call, resource)

    def _wait(self, call: Calls, resource: PhysicalResource, *, update_id: str | None = None) -> None:
        """Wait as CloudFormation does while EKS evicts and replaces nodes: time passes.

        Raises:
            Refusal: the update has failed, or takes too long.
        """
        until = SIMULATED_ACCOUNT.now + _LONGEST_UPDATE
        while True:
            try:
                status = self.describe(call, resource, {})["status"]
            except Refusal:  # it is gone
                return
            if status not in {"UPDATING", "DELETING"}:
                break
            if SIMULATED_ACCOUNT.now >= until:
                raise Refusal("NotStabilized", f"{resource.physical_id} is {status} after {_LONGEST_UPDATE}")
            SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + _STEP)
        if update_id is None:
            return
        cluster, name = resource.physical_id.split("/")
        update = call("eks", "describe_update", name=cluster, nodegroupName=name, updateId=update_id)["update"]
        if update["status"] == "Failed":
            errors = (f"{error['errorCode']}: {error['errorMessage']}" for error in update["errors"])
            raise Refusal("NotStabilized", ", ".join(errors))


def _physical(described: Mapping[str, Any]) -> PhysicalResource:
    cluster, name = described["clusterName"], described["nodegroupName"]
    return PhysicalResource(
        physical_id=f"{cluster}/{name}",
        attributes={
            "Arn": described["nodegroupArn"],
            "ClusterName": cluster,
            "NodegroupName": name,
            "Id": f"{cluster}/{name}",
        },
    )


def health(nodegroup: Mapping[str, Any]) -> str:
    """Health issues of a node group as CloudFormation's events show them."""
    issues = nodegroup.get("health", {}).get("issues", [])
    issues_text = ", ".join(
        f"Issue(Code={issue['code']}, Message={issue['message']}, ResourceIds={issue.get('resourceIds', [])})"
        for issue in issues
    )
    return f"[{issues_text}]"
