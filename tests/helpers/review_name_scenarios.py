"""Changes of add-ons, and of physical names that go to another logical id."""

from typing import Any

from helpers.review_fleet import H200, Edit, Scenario, both, put
from helpers.review_rule_scenarios import CLUSTER_OF_ITS_OWN


def addon(name: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::EKS::Addon",
        "Properties": {"AddonName": name, "ClusterName": {"Ref": "Fleet"}, "ResolveConflicts": "OVERWRITE", **more},
    }


def role(**more: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "nodes", "AssumeRolePolicyDocument": {"Statement": [trust]}},
        **more,
    }


def entry(principal: str) -> dict[str, Any]:
    return {"Type": "AWS::EKS::AccessEntry", "Properties": {"ClusterName": "fleet", "PrincipalArn": principal}}


def made(name: str, value: object) -> Edit:
    return put("cluster", "Resources", name, value=value)


def moved(old: str, new: str, value: object) -> Edit:
    return both(made(old, None), made(new, value))


ADMIN = "arn:aws:iam::111122223333:role/admin"
_CNI, _DNS, _EFS = addon("vpc-cni"), addon("coredns"), addon("aws-efs-csi-driver")
_KEPT = addon("vpc-cni", PreserveOnDelete=True)
_OF_TWO_PARTS = {
    "Type": "AWS::EKS::PodIdentityAssociation",
    "Properties": {"ClusterName": "fleet", "Namespace": "a", "ServiceAccount": "b", "RoleArn": ADMIN},
}

NAME_SCENARIOS: dict[str, Scenario] = {
    "the add-on of pod networking goes": Scenario(
        edit=made("Cni", None),
        hazards=frozenset({("blocking", "uninstalled", "cluster/Cni (AWS::EKS::Addon)")}),
        says=("new pods get no addresses", "deploy PreserveOnDelete: true first"),
    ),
    "an add-on that pods can do without goes": Scenario(
        edit=made("Efs", None), hazards=frozenset({("notice", "uninstalled", "cluster/Efs (AWS::EKS::Addon)")})
    ),
    "an add-on goes and its software stays": Scenario(
        edit=made("Cni", None),
        hazards=frozenset({("notice", "addon-kept", "cluster/Cni (AWS::EKS::Addon)")}),
        says=("its software stays",),
    ),
    "an add-on is under another logical id": Scenario(
        edit=moved("Dns", "CoreDns", _DNS),
        hazards=frozenset({("blocking", "refused", "cluster/CoreDns (AWS::EKS::Addon)")}),
        says=("it already exists", "keep the logical id"),
    ),
    "another add-on comes for one that goes": Scenario(
        edit=moved("Efs", "Fsx", addon("aws-fsx-csi-driver")),
        hazards=frozenset({("notice", "uninstalled", "cluster/Efs (AWS::EKS::Addon)")}),
    ),
    "a named role is under another logical id": Scenario(
        edit=moved("Nodes", "NodeRole", role()),
        hazards=frozenset({("blocking", "refused", "cluster/NodeRole (AWS::IAM::Role)")}),
    ),
    "a named role that is retained is under another logical id": Scenario(
        edit=moved("Nodes", "NodeRole", role()),
        hazards=frozenset(
            {
                ("blocking", "refused", "cluster/NodeRole (AWS::IAM::Role)"),
                ("notice", "retained", "cluster/Nodes (AWS::IAM::Role)"),
            }
        ),
        says=("`cdk import`",),
    ),
    "an access entry is under another logical id": Scenario(
        edit=moved("Admin", "Administrators", entry(ADMIN)),
        hazards=frozenset({("blocking", "refused", "cluster/Administrators (AWS::EKS::AccessEntry)")}),
    ),
    "an access entry of another principal": Scenario(edit=moved("Admin", "Reader", entry(ADMIN + "-2"))),
    "a pod identity is under another logical id": Scenario(
        edit=moved("Identity", "PodIdentity", _OF_TWO_PARTS),
        hazards=frozenset({("blocking", "refused", "cluster/PodIdentity (AWS::EKS::PodIdentityAssociation)")}),
    ),
    "a cluster of its own is under another logical id": Scenario(
        edit=moved("Old", "Older", CLUSTER_OF_ITS_OWN),
        hazards=frozenset({("blocking", "refused", "cluster/Older (AWS::EKS::Cluster)")}),
    ),
    "a named role moves to another stack": Scenario(
        edit=both(made("Nodes", None), put("h200", "Resources", "Nodes", value=role())),
        hazards=frozenset({("notice", "refused", "h200/Nodes (AWS::IAM::Role)")}),
        changed=frozenset({H200}),
        says=("deploy stack cluster first",),
    ),
}

NAME_BEFORE: dict[str, Edit] = {
    "the add-on of pod networking goes": made("Cni", _CNI),
    "an add-on that pods can do without goes": made("Efs", _EFS),
    "an add-on goes and its software stays": made("Cni", _KEPT),
    "an add-on is under another logical id": made("Dns", _DNS),
    "another add-on comes for one that goes": made("Efs", _EFS),
    "a named role is under another logical id": made("Nodes", role()),
    "a named role that is retained is under another logical id": made("Nodes", role(DeletionPolicy="Retain")),
    "an access entry is under another logical id": made("Admin", entry(ADMIN)),
    "an access entry of another principal": made("Admin", entry(ADMIN)),
    "a pod identity is under another logical id": made("Identity", _OF_TWO_PARTS),
    "a cluster of its own is under another logical id": made("Old", CLUSTER_OF_ITS_OWN),
    "a named role moves to another stack": made("Nodes", role()),
}
