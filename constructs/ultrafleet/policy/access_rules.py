"""Rules of clusters and IAM."""

from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.launch import NODE_GROUP, known_type, launch_of, types_of
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Template

_CLUSTER = "AWS::EKS::Cluster"
_GRACE_NEEDS = (1, 33)
_POLICY_HOLDERS = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")


def _endpoint(template: Template) -> Iterator[Problem]:
    for cluster in template.of_type(_CLUSTER):
        public = cluster.get("ResourcesVpcConfig", "EndpointPublicAccess")
        if isinstance(public, Unknown):
            yield cannot_tell(cluster.logical_id, "EndpointPublicAccess", public.reason)
            continue
        if str(public).lower() == "false":
            continue
        networks = cluster.items("ResourcesVpcConfig", "PublicAccessCidrs")
        if not networks or "0.0.0.0/0" in networks:
            yield Problem(
                cluster.logical_id,
                f"EndpointPublicAccess is {'true' if public is not None else 'not stated, which is true'}, for "
                "everybody, expected false, or your networks in PublicAccessCidrs: close it",
                Severity.ERROR if public is not None else Severity.WARNING,
            )


def _grace_version(template: Template) -> Iterator[Problem]:
    clusters = list(template.of_type(_CLUSTER))
    for group in template.of_type(NODE_GROUP):
        kinds = map(known_type, types_of(group, launch_of(template, group)))
        if not any(kind and kind.architecture == "arm64" and kind.accelerator_kind == "nvidia" for kind in kinds):
            continue
        for cluster in clusters:
            version = cluster.get("Version")
            parts = str(version).split(".")
            if len(parts) == 2 and all(part.isdecimal() for part in parts):  # noqa: PLR2004 - major and minor
                if (int(parts[0]), int(parts[1])) < _GRACE_NEEDS:
                    yield Problem(
                        cluster.logical_id,
                        f"Version is {version} with P6e nodes, expected 1.33 or newer: raise it",
                    )
            elif version is not None:
                yield cannot_tell(cluster.logical_id, "Version", "known at deployment")


def _all_rights(template: Template) -> Iterator[Problem]:
    for holder in template.of_type(*_POLICY_HOLDERS):
        documents = [holder.get("PolicyDocument")]
        documents += [
            policy.get("PolicyDocument") for policy in holder.items("Policies") if isinstance(policy, Mapping)
        ]
        for document in documents:
            for statement in _statements(document):
                if statement.get("Effect") == "Allow" and _has(statement, "Action") and _has(statement, "Resource"):
                    yield Problem(
                        holder.logical_id,
                        'a statement allows "*" on "*", expected the actions and resources that are needed: name them',
                    )
        if any(str(arn).endswith("policy/AdministratorAccess") for arn in holder.items("ManagedPolicyArns")):
            yield Problem(
                holder.logical_id, "it has AdministratorAccess, expected the rights that are needed: name them"
            )


def _statements(document: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    found = document.get("Statement") if isinstance(document, Mapping) else None
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, Mapping)]


def _has(statement: Mapping[str, Any], key: str) -> bool:
    value = statement.get(key)
    return "*" in (value if isinstance(value, list) else [value])


RULES = (
    Rule(
        id="public-endpoint",
        severity=Severity.ERROR,
        protects_from="a Kubernetes API that the whole internet may try",
        source="EKS user guide, cluster endpoint access (high)",
        remedy="EndpointPublicAccess false, EndpointPrivateAccess true",
        check=_endpoint,
    ),
    Rule(
        id="kubernetes-for-p6e",
        severity=Severity.ERROR,
        protects_from="P6e nodes that don't join",
        source="EKS user guide, P6e (high)",
        remedy="Version 1.33 or newer",
        check=_grace_version,
    ),
    Rule(
        id="all-rights",
        severity=Severity.ERROR,
        protects_from="a pod that takes over the account",
        source="IAM user guide, least privilege (high)",
        remedy="name actions and resources",
        check=_all_rights,
    ),
)
