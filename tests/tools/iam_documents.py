"""Policy documents of a CloudFormation template, with placeholders for what only a deployment knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RESOURCE_POLICIES = {
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}
"""Properties that say who may, by the type of the resource."""
_PSEUDO = {"AWS::AccountId": "111122223333", "AWS::Partition": "aws", "AWS::Region": "us-east-1"}
_PLACE = "arn:aws:placeholder:us-east-1:111122223333:"


@dataclass(frozen=True)
class Document:
    """Policy document of a resource.

    Attributes:
        resource: type and logical id, with a point between them.
        policy: the document, without intrinsic functions.
        grants: whether it says what its owner may do; False: who may use the resource.
    """

    resource: str
    policy: dict[str, Any]
    grants: bool


def documents(template: dict[str, Any]) -> Iterator[Document]:
    """Every policy document of a template.

    Raises:
        ValueError: one has an intrinsic function that isn't understood: what it allows isn't known.
    """
    for logical_id, resource in template["Resources"].items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        name = f"{kind}.{logical_id}"
        if kind.startswith("AWS::IAM::"):
            inline = [entry["PolicyDocument"] for entry in properties.get("Policies", [])]
            own = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
            for document in own + inline:
                yield Document(name, resolved(document), grants=True)
        if kind in RESOURCE_POLICIES and RESOURCE_POLICIES[kind] in properties:
            yield Document(name, resolved(properties[RESOURCE_POLICIES[kind]]), grants=False)


def resolved(value: Any) -> Any:
    """A value without intrinsic functions: a placeholder ARN, which is no wildcard, for what isn't known yet."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            return _known(name, argument)
    return {key: resolved(item) for key, item in value.items()}


def _known(name: str, argument: Any) -> str:
    """What an intrinsic function gives."""
    if name == "Ref":
        return _PSEUDO.get(argument, _PLACE + argument)
    if name == "Fn::GetAtt":
        return _PLACE + (argument if isinstance(argument, str) else ".".join(argument))
    if name == "Fn::ImportValue":
        return _PLACE + "imported"
    if name == "Fn::Join":
        return str(argument[0]).join(str(resolved(part)) for part in argument[1])
    raise ValueError(f"{name} in a policy document, expected Ref, Fn::GetAtt, Fn::ImportValue or Fn::Join")
