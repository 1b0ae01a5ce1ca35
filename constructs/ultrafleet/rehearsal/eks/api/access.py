"""Operations on access entries and pod identity associations."""

import uuid
from typing import Any

from ultrafleet.rehearsal.eks.api.operations import operation, page
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


def grant_nodes(eks: Eks, cluster: ClusterRecord, role_arn: str) -> None:
    """Add the access entry of a managed group's nodes, as EKS does (EKS user guide, access entries, high)."""
    mode = (cluster.described.get("accessConfig") or {}).get("authenticationMode", "CONFIG_MAP")
    if "API" in mode and role_arn not in cluster.access_entries:
        cluster.access_entries[role_arn] = _entry(eks, cluster, {"principalArn": role_arn, "type": "EC2_LINUX"})


def _entry(eks: Eks, cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    name = cluster.described["name"]
    return {
        "clusterName": name,
        "principalArn": params["principalArn"],
        "kubernetesGroups": params.get("kubernetesGroups") or [],
        "accessEntryArn": eks.arn("access-entry", name, "role", eks.account_id, str(uuid.uuid4())),
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
        "tags": params.get("tags") or {},
        "username": params.get("username") or params["principalArn"],
        "type": params.get("type") or "STANDARD",
    }


def _of(cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    principal = params["principalArn"]
    if principal not in cluster.access_entries:
        raise Refusal("ResourceNotFoundException", f"The specified principalArn could not be found: {principal}")
    return cluster.access_entries[principal]


@operation
def create_access_entry(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreateAccessEntry."""
    cluster, principal = eks.cluster(params["name"]), params["principalArn"]
    if principal in cluster.access_entries:
        raise Refusal(
            "ResourceInUseException", "The specified access entry resource is already in use on this cluster."
        )
    cluster.access_entries[principal] = _entry(eks, cluster, params)
    return {"accessEntry": cluster.access_entries[principal]}


@operation
def describe_access_entry(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAccessEntry."""
    return {"accessEntry": _of(eks.cluster(params["name"]), params)}


@operation
def list_access_entries(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListAccessEntries."""
    return page("accessEntries", sorted(eks.cluster(params["name"]).access_entries), params)


@operation
def update_access_entry(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateAccessEntry."""
    entry = _of(eks.cluster(params["name"]), params)
    entry.update({key: params[key] for key in ("kubernetesGroups", "username") if params.get(key) is not None})
    return {"accessEntry": entry}


@operation
def delete_access_entry(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteAccessEntry."""
    cluster = eks.cluster(params["name"])
    _of(cluster, params)
    del cluster.access_entries[params["principalArn"]]
    cluster.access_policies.pop(params["principalArn"], None)
    return {}


@operation
def associate_access_policy(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """AssociateAccessPolicy."""
    cluster = eks.cluster(params["name"])
    _of(cluster, params)
    policies = cluster.access_policies.setdefault(params["principalArn"], [])
    associated = {
        "policyArn": params["policyArn"],
        "accessScope": params["accessScope"],
        "associatedAt": SIMULATED_ACCOUNT.now,
    }
    policies[:] = [*(policy for policy in policies if policy["policyArn"] != params["policyArn"]), associated]
    return {
        "clusterName": params["name"], "principalArn": params["principalArn"], "associatedAccessPolicy": associated
    }  # fmt: skip


@operation
def disassociate_access_policy(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DisassociateAccessPolicy."""
    cluster = eks.cluster(params["name"])
    _of(cluster, params)
    policies = cluster.access_policies.setdefault(params["principalArn"], [])
    policies[:] = [policy for policy in policies if policy["policyArn"] != params["policyArn"]]
    return {}


@operation
def list_associated_access_policies(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListAssociatedAccessPolicies."""
    cluster = eks.cluster(params["name"])
    _of(cluster, params)
    policies = cluster.access_policies.get(params["principalArn"], [])
    head = {"clusterName": params["name"], "principalArn": params["principalArn"]}
    return {**head, **page("associatedAccessPolicies", policies, params)}


@operation
def create_pod_identity_association(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """CreatePodIdentityAssociation: one for each service account."""
    cluster = eks.cluster(params["name"])
    return {"association": associate(eks, cluster, params)}


def associate(eks: Eks, cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    """Associate a role with a service account."""
    account = (params["namespace"], params["serviceAccount"])
    if any((item["namespace"], item["serviceAccount"]) == account for item in cluster.associations.values()):
        raise Refusal(
            "ResourceInUseException", f"Association already exists for {account[1]} in namespace {account[0]}"
        )
    association_id = f"a-{uuid.uuid4().hex[:17]}"
    described = {
        "clusterName": cluster.described["name"],
        "namespace": account[0],
        "serviceAccount": account[1],
        "roleArn": params["roleArn"],
        "associationArn": eks.arn("podidentityassociation", cluster.described["name"], association_id),
        "associationId": association_id,
        "tags": params.get("tags") or {},
        "createdAt": SIMULATED_ACCOUNT.now,
        "modifiedAt": SIMULATED_ACCOUNT.now,
        **({"ownerArn": params["ownerArn"]} if "ownerArn" in params else {}),
    }
    cluster.associations[association_id] = described
    return described


def _association(cluster: ClusterRecord, params: dict[str, Any]) -> dict[str, Any]:
    found = params["associationId"]
    if found not in cluster.associations:
        raise Refusal("ResourceNotFoundException", f"Association could not be found: {found}")
    return cluster.associations[found]


@operation
def describe_pod_identity_association(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DescribePodIdentityAssociation."""
    return {"association": _association(eks.cluster(params["name"]), params)}


@operation
def list_pod_identity_associations(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """ListPodIdentityAssociations."""
    items = list(eks.cluster(params["name"]).associations.values())
    wanted = {key: params[key] for key in ("namespace", "serviceAccount") if params.get(key)}
    return page("associations", [item for item in items if wanted.items() <= item.items()], params)


@operation
def update_pod_identity_association(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """UpdatePodIdentityAssociation."""
    association = _association(eks.cluster(params["name"]), params)
    association["roleArn"] = params.get("roleArn") or association["roleArn"]
    return {"association": association}


@operation
def delete_pod_identity_association(eks: Eks, params: dict[str, Any]) -> dict[str, Any]:
    """DeletePodIdentityAssociation."""
    cluster = eks.cluster(params["name"])
    return {"association": cluster.associations.pop(_association(cluster, params)["associationId"])}
