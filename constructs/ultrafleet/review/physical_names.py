"""Physical names that a change gives to another logical id: CloudFormation creates before it deletes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.iam import text
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP
from ultrafleet.templates.template import Resource
from ultrafleet.templates.template_changes import ChangeAction

_OF_A_CLUSTER: Final = {
    "AWS::EKS::AccessEntry": ("ClusterName", "PrincipalArn"),
    "AWS::EKS::Addon": ("ClusterName", "AddonName"),
    "AWS::EKS::Capability": ("ClusterName", "CapabilityName"),
    "AWS::EKS::FargateProfile": ("ClusterName", "FargateProfileName"),
    "AWS::EKS::PodIdentityAssociation": ("ClusterName", "Namespace", "ServiceAccount"),
}
_NAMED: Final = {
    "AWS::Batch::ComputeEnvironment": ("ComputeEnvironmentName",),
    "AWS::Batch::JobQueue": ("JobQueueName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::EC2::SecurityGroup": ("VpcId", "GroupName"),
    "AWS::ECR::Repository": ("RepositoryName",),
    "AWS::EKS::Cluster": ("Name",),
    "AWS::Events::Rule": ("Name",),
    "AWS::IAM::Group": ("GroupName",),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::IAM::User": ("UserName",),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::ResourceGroups::Group": ("Name",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SSM::Parameter": ("Name",),
    "AWS::Scheduler::Schedule": ("GroupName", "Name"),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
}
_MAY_BE_DEFAULT: Final = frozenset({"GroupName/AWS::Scheduler::Schedule"})
_POOLS: Final = frozenset({AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP})
"""Types that `pool-replaced` and `pool-renamed` are about."""
_IDENTITY: Final = {**_OF_A_CLUSTER, **_NAMED}


@dataclass(frozen=True, kw_only=True)
class TakenName:
    """Physical name that one logical id has and another one is to have.

    Attributes:
        name: its parts, such as the cluster and the add-on.
        old: the resource that goes.
        new: the resource that comes.
    """

    name: tuple[str, ...]
    old: Change
    new: Change

    @property
    def is_kept(self) -> bool:
        """True if the old one's DeletionPolicy retains it, so that the name is never free."""
        return self.old.of.action is ChangeAction.LEFT

    @property
    def in_one_stack(self) -> bool:
        """True if one deployment creates the new one and deletes the old one, in this order."""
        return self.old.key[0] == self.new.key[0]


def taken_names(compared: Comparison) -> Iterator[TakenName]:
    """Names of resources that go in a stack of the head, and that resources of the same place are to have."""
    going: dict[tuple[str, str, tuple[str, ...]], Change] = {}
    coming: dict[tuple[str, str, tuple[str, ...]], list[Change]] = defaultdict(list)
    places = {**compared.base.places, **compared.head.places}
    gone = {stack.stack for stack in compared.stacks if stack.is_gone}
    for change in compared.changes.values():
        action = change.of.action
        if change.type in _POOLS or action is ChangeAction.CHANGED or change.key[0] in gone:
            continue
        resource = change.after if action is ChangeAction.ADDED else change.before
        name = physical_name(resource) if resource is not None else None
        if name is not None:
            place = (places.get(change.key[0], ""), change.type, name)
            if action is ChangeAction.ADDED:
                coming[place].append(change)
            else:
                going[place] = change
    for place, changes in coming.items():
        if place in going:
            yield from (TakenName(name=place[2], old=going[place], new=change) for change in changes)


def physical_name(resource: Resource) -> tuple[str, ...] | None:
    """Name of a resource that its template states, in a form that can be compared; None where AWS makes one."""
    parts = _IDENTITY.get(resource.type)
    if parts is None:
        return None
    values: list[Any] = [resource.get(part) for part in parts]
    if any(
        value is None and f"{part}/{resource.type}" not in _MAY_BE_DEFAULT
        for part, value in zip(parts, values, strict=True)
    ):
        return None
    return tuple("default" if value is None else text(value) for value in values)
