"""Rules of clusters and IAM."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.cluster import clusters
from ultrafleet.templates.networks import is_everybody
from ultrafleet.templates.policy_documents import statements
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown, text_of

_POLICY_HOLDERS = (
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
)
_EVERYTHING = re.compile(r"\*|\*:\*|arn:[^:]*(:\*)+")
_ADMINISTRATOR = "policy/AdministratorAccess"


def _endpoint(template: Template) -> Iterator[Problem]:
    for cluster in clusters(template):
        public = cluster.get("ResourcesVpcConfig", "EndpointPublicAccess")
        if isinstance(public, Unknown):
            yield cannot_tell(cluster.logical_id, "EndpointPublicAccess", public.reason)
            continue
        if str(public).lower() == "false":
            continue
        networks = cluster.items("ResourcesVpcConfig", "PublicAccessCidrs")
        unknown = next((network for network in networks if isinstance(network, Unknown)), None)
        if not networks or any(map(is_everybody, networks)):
            yield Problem(
                cluster.logical_id,
                f"EndpointPublicAccess is {'true' if public is not None else 'not stated, which is true'}, for "
                "any network, expected false, or your networks in PublicAccessCidrs: close it",
                Severity.ERROR if public is not None else Severity.WARNING,
            )
        elif unknown is not None:
            yield cannot_tell(cluster.logical_id, "PublicAccessCidrs", unknown.reason)


def _all_rights(template: Template) -> Iterator[Problem]:
    boundaries = [template.referred(holder.get("PermissionsBoundary")) for holder in template.of_type(*_POLICY_HOLDERS)]
    for holder in template.of_type(*_POLICY_HOLDERS):
        if any(holder is boundary for boundary in boundaries):
            continue  # it allows nothing alone
        documents = [holder.get("PolicyDocument")]
        documents += [
            policy.get("PolicyDocument") for policy in holder.items("Policies") if isinstance(policy, Mapping)
        ]
        for statement in (item for document in documents for item in statements(document)):
            if statement.get("Effect") == "Allow" and _is_all(statement, "Action") and _is_all(statement, "Resource"):
                yield Problem(
                    holder.logical_id,
                    f"a statement allows {_text(statement, 'Action')} on {_text(statement, 'Resource')}, expected the "
                    "actions and resources that are needed: name them",
                    Severity.WARNING if statement.get("Condition") else None,
                )
        for arn in holder.items("ManagedPolicyArns"):
            options = arn.options if isinstance(arn, Unknown) else ()
            if (text_of(arn) or "").endswith(_ADMINISTRATOR):
                yield Problem(
                    holder.logical_id, "it has AdministratorAccess, expected the rights that are needed: name them"
                )
            elif any((text_of(option) or "").endswith(_ADMINISTRATOR) for option in options):
                yield cannot_tell(holder.logical_id, "whether it has AdministratorAccess", arn.reason)


def _is_all(statement: Mapping[str, Any], key: str) -> bool:
    """True if a statement covers everything: `*`, or everything with exceptions."""
    return statement.get(f"Not{key}") is not None or any(
        isinstance(value, str) and _EVERYTHING.fullmatch(value) for value in _values(statement, key)
    )


def _text(statement: Mapping[str, Any], key: str) -> str:
    return f"all but some (Not{key})" if statement.get(f"Not{key}") is not None else '"*"'


def _values(statement: Mapping[str, Any], key: str) -> list[Any]:
    value = statement.get(key)
    return value if isinstance(value, list) else [value]


def _trust(template: Template) -> Iterator[Problem]:
    for role in template.of_type("AWS::IAM::Role"):
        for statement in statements(role.get("AssumeRolePolicyDocument")):
            principal = statement.get("Principal")
            named = principal.get("AWS") if isinstance(principal, Mapping) else principal
            everybody = "*" in (named if isinstance(named, list) else [named])
            if statement.get("Effect") == "Allow" and everybody and not statement.get("Condition"):
                yield Problem(role.logical_id, 'Principal "*" may assume it, expected a service or accounts: name them')


def _authentication(template: Template) -> Iterator[Problem]:
    for cluster in clusters(template):
        if cluster.get("AccessConfig", "AuthenticationMode") == "CONFIG_MAP":
            yield Problem(
                cluster.logical_id,
                "AuthenticationMode is CONFIG_MAP, expected API: access is then granted in no template, change it",
            )


RULES = (
    PolicyRule(
        id="public-endpoint",
        number=38,
        severity=Severity.ERROR,
        protects_from="a Kubernetes API that is reachable from the internet",
        source=Source("EKS user guide, cluster endpoint access"),
        remedy="EndpointPublicAccess false, EndpointPrivateAccess true",
        check=_endpoint,
    ),
    PolicyRule(
        id="all-rights",
        number=39,
        severity=Severity.ERROR,
        protects_from="a pod that takes over the account",
        source=Source("IAM user guide, least privilege"),
        remedy="name actions and resources",
        check=_all_rights,
    ),
    PolicyRule(
        id="trust-everybody",
        number=40,
        severity=Severity.ERROR,
        protects_from="any AWS account that assumes the role",
        source=Source("IAM user guide, trust policies"),
        remedy="name a service, an account or a condition",
        check=_trust,
    ),
    PolicyRule(
        id="authentication-mode",
        number=41,
        severity=Severity.WARNING,
        protects_from="access to the cluster that no review sees",
        source=Source("EKS user guide, access entries; that they are better: ours"),
        remedy="AuthenticationMode: API, and access entries",
        check=_authentication,
    ),
)
