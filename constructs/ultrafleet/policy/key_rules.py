"""Rule of keys that encrypt the volumes of groups of nodes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import Launch
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP, groups
from ultrafleet.templates.policy_documents import statements
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown, text_of

_KEY, _ALIAS = "AWS::KMS::Key", "AWS::KMS::Alias"
_ROLE: Final = "AWSServiceRoleForAutoScaling"
_GRANT: Final = "kms:creategrant"
_EVERY_ACTION: Final = ("kms:*", "*")


def _grants(template: Template) -> Iterator[Problem]:
    told: set[str] = set()
    for group in groups(template, NODE_GROUP, AUTO_SCALING_GROUP):
        for key in _keys(template, group.launch) if group.launch is not None else ():
            if key.logical_id in told or _serves_auto_scaling(key):
                continue
            told.add(key.logical_id)
            yield Problem(
                key.logical_id,
                f"it encrypts volumes of {group.logical_id} and its KeyPolicy doesn't let {_ROLE} use it, expected "
                "Encrypt, Decrypt, ReEncrypt*, GenerateDataKey*, DescribeKey and CreateGrant for that role: instances "
                "terminate as soon as they are launched, add statements",
            )


def _keys(template: Template, launch: Launch) -> Iterator[Resource]:
    """Keys of the template that encrypt volumes of a launch template."""
    for item in launch.items("BlockDeviceMappings"):
        volume = item.get("Ebs") if isinstance(item, Mapping) else None
        made = template.referred(volume.get("KmsKeyId")) if isinstance(volume, Mapping) else None
        if made is not None and made.type == _ALIAS:
            made = made.template.referred(made.get("TargetKeyId"))
        if made is not None and made.type == _KEY:
            yield made


def _serves_auto_scaling(key: Resource) -> bool:
    """True if Auto Scaling's role, or everybody who comes through EC2, may use the key and make grants of it."""
    policy = key.get("KeyPolicy")
    if policy is not None and not isinstance(policy, Mapping):
        return True  # known at deployment
    used = granted = False
    for statement in statements(policy):
        if statement.get("Effect") != "Allow" or not _is_auto_scaling(key.template, statement):
            continue
        actions = {str(action).lower() for action in _listed(statement.get("Action"))}
        every = bool(actions & set(_EVERY_ACTION))
        used = used or every or any(action.startswith(("kms:decrypt", "kms:generatedatakey")) for action in actions)
        granted = granted or every or _GRANT in actions or "kms:create*" in actions
    return used and granted


def _is_auto_scaling(template: Template, statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = _listed(principal.get("AWS") if isinstance(principal, Mapping) else principal)
    if any(_ROLE in (text_of(value) or "") or value == "*" for value in named):
        return True
    made = [template.referred(value) for value in named]
    if any(item is not None and item.type == "AWS::IAM::ServiceLinkedRole" for item in made):
        return True
    return any(isinstance(value, Unknown) and value.text is None and value.logical_id is None for value in named)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [] if value is None else [value]


RULES: Final = (
    PolicyRule(
        id="volume-key",
        number=76,
        severity=Severity.ERROR,
        protects_from="instances that terminate as soon as they are launched, because their volume can't be decrypted",
        source=Source(
            "Amazon EC2 Auto Scaling user guide, required KMS key policy for use with encrypted volumes",
            address="https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html",
            also=(Source("aws-cdk #34491", Confidence.MEDIUM),),
        ),
        remedy=f"statements for {_ROLE} in KeyPolicy, CreateGrant among them; or the account's own key",
        check=_grants,
    ),
)
