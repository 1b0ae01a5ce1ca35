"""Rule of EKS Pod Identity: trust of the role, and associations that are there twice."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.eks import AddonName
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.cluster import CLUSTERS
from ultrafleet.templates.policy_documents import statements
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import text_of

_ASSOCIATION, _ADDON, _ROLE = "AWS::EKS::PodIdentityAssociation", "AWS::EKS::Addon", "AWS::IAM::Role"
_SERVICE: Final = "pods.eks.amazonaws.com"
_ACTIONS: Final = ("sts:AssumeRole", "sts:TagSession")
_SYSTEM: Final = "kube-system"


def _pod_identity(template: Template) -> Iterator[Problem]:
    seen: dict[tuple[str | None, str | None, str | None], str] = {}
    told: set[str] = set()
    for holder, cluster, namespace, account, role in _associations(template):
        made = template.referred(role)
        if made is not None and made.type == _ROLE and made.logical_id not in told:
            message = _trust(made.get("AssumeRolePolicyDocument"))
            if message is not None:
                told.add(made.logical_id)
                yield Problem(made.logical_id, f"{message}, for the association of {account or holder}")
        key = (_name(template, cluster), namespace, account)
        if None not in key and key in seen and seen[key] != holder:
            yield Problem(
                holder,
                f"{seen[key]} associates service account {account} in {namespace}, too, expected one association: EKS "
                "refuses the second, remove one",
            )
        seen.setdefault(key, holder)
    for addon in template.of_type(_ADDON):
        if addon.get("ServiceAccountRoleArn") is not None and addon.items("PodIdentityAssociations"):
            yield Problem(
                addon.logical_id,
                "ServiceAccountRoleArn and PodIdentityAssociations are both stated, expected one of them: the pods "
                "take one role and the other is never used, remove one",
                Severity.WARNING,
            )


def _associations(template: Template) -> Iterator[tuple[str, Any, str | None, str | None, Any]]:
    """Associations: what makes each, its cluster, namespace, service account and role."""
    for item in template.of_type(_ASSOCIATION):
        namespace, account = text_of(item.get("Namespace")), text_of(item.get("ServiceAccount"))
        yield item.logical_id, item.get("ClusterName"), namespace, account, item.get("RoleArn")
    for addon in template.of_type(_ADDON):
        for stated in addon.items("PodIdentityAssociations"):
            if isinstance(stated, Mapping):
                namespace = text_of(
                    addon.get("NamespaceConfig", "Namespace") or _default_namespace(addon.get("AddonName"))
                )
                yield (
                    addon.logical_id,
                    addon.get("ClusterName"),
                    namespace,
                    text_of(stated.get("ServiceAccount")),
                    stated.get("RoleArn"),
                )


_NAMESPACES: Final = {
    AddonName.CLOUDWATCH_OBSERVABILITY: "amazon-cloudwatch",
    AddonName.CERT_MANAGER: AddonName.CERT_MANAGER,
}
"""Add-ons that are installed elsewhere than in kube-system (EKS user guide, AWS add-ons, high)."""


def _default_namespace(name: Any) -> str:  # noqa: ANN401 - JSON
    return next((str(place) for addon, place in _NAMESPACES.items() if addon == name), _SYSTEM)


def _trust(document: Any) -> str | None:  # noqa: ANN401 - JSON
    """Fault of the trust of a role that pods take; None without one."""
    if not isinstance(document, Mapping):
        return None  # known at deployment
    allowed: set[str] = set()
    services: list[str] = []
    for statement in statements(document):
        principal = statement.get("Principal")
        named = [
            text_of(value) or ""
            for value in _listed(principal.get("Service") if isinstance(principal, Mapping) else None)
        ]
        services += named
        if statement.get("Effect") == "Allow" and _SERVICE in named:
            allowed |= {str(action).lower() for action in _listed(statement.get("Action"))}
    if any("${" in service for service in services):
        return None
    if not allowed:
        other = ", ".join(services) or "no service"
        return f"its trust policy names {other}, expected {_SERVICE}: pods of EKS Pod Identity don't get it, add it"
    lacking = [action for action in _ACTIONS if action.lower() not in allowed and not allowed & {"sts:*", "*"}]
    if lacking:
        return (
            f"its trust policy doesn't allow {' and '.join(lacking)} to {_SERVICE}, expected {' and '.join(_ACTIONS)}: "
            "EKS Pod Identity tags its sessions and gets no credentials without, add it"
        )
    return None


def _name(template: Template, value: Any) -> str | None:  # noqa: ANN401 - JSON
    """One name for a cluster: its own, or its logical id."""
    made = template.referred(value)
    if made is not None:
        named = text_of(made.get("Name")) if made.type in CLUSTERS else None
        return named or made.logical_id
    return text_of(value) if value is not None else None


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [] if value is None else [value]


RULES: Final = (
    PolicyRule(
        id="pod-identity",
        number=77,
        severity=Severity.ERROR,
        protects_from="pods without credentials, and a deployment that EKS refuses",
        source=Source(
            "EKS user guide, IAM role with the trust policy that EKS Pod Identity needs",
            address="https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
            also=(Source("aws-cdk #31522", Confidence.MEDIUM),),
        ),
        remedy=f"{' and '.join(_ACTIONS)} for {_SERVICE}, and one association for each service account",
        check=_pod_identity,
    ),
)
