"""Resources of `cdk bootstrap`: bucket, repository, parameter."""

import json
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    provides,
)


@provides
class BucketProvider(Provider):
    """S3 bucket. Of its settings only the public access block and versioning are sent to S3."""

    type = "AWS::S3::Bucket"
    known = frozenset(
        {
            "AccessControl", "BucketEncryption", "BucketName", "LifecycleConfiguration",
            "PublicAccessBlockConfiguration", "Tags", "VersioningConfiguration",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("BucketName", context.name(most=63, lower=True))
        location = None if call.region == "us-east-1" else {"LocationConstraint": call.region}
        call("s3", "create_bucket", Bucket=name, CreateBucketConfiguration=location)
        self.update(call, PhysicalResource(physical_id=name), {}, properties)
        return PhysicalResource(
            physical_id=name,
            attributes={
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{call.region}.amazonaws.com",
            },
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("s3", "head_bucket", Bucket=resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        name = resource.physical_id
        if "VersioningConfiguration" in new:
            call("s3", "put_bucket_versioning", Bucket=name, VersioningConfiguration=new["VersioningConfiguration"])
        if "PublicAccessBlockConfiguration" in new:
            block = new["PublicAccessBlockConfiguration"]
            call("s3", "put_public_access_block", Bucket=name, PublicAccessBlockConfiguration=block)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("s3", "delete_bucket", Bucket=resource.physical_id)


@provides
class BucketPolicyProvider(Provider):
    """Bucket policy."""

    type = "AWS::S3::BucketPolicy"
    known = frozenset({"Bucket", "PolicyDocument"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self.update(call, PhysicalResource(physical_id=""), {}, properties)
        return PhysicalResource(physical_id=properties["Bucket"])

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("s3", "get_bucket_policy", Bucket=properties["Bucket"])

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("s3", "put_bucket_policy", Bucket=new["Bucket"], Policy=json.dumps(new["PolicyDocument"]))

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("s3", "delete_bucket_policy", Bucket=properties["Bucket"])


@provides
class RepositoryProvider(Provider):
    """ECR repository."""

    type = "AWS::ECR::Repository"
    known = frozenset({"ImageTagMutability", "LifecyclePolicy", "RepositoryName", "RepositoryPolicyText", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("RepositoryName", context.name(most=256, lower=True))
        created = call(
            "ecr", "create_repository", repositoryName=name, imageTagMutability=properties.get("ImageTagMutability")
        )["repository"]
        self._set_policy(call, name, properties)
        return PhysicalResource(
            physical_id=name, attributes={"Arn": created["repositoryArn"], "RepositoryUri": created["repositoryUri"]}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ecr", "describe_repositories", repositoryNames=[resource.physical_id])["repositories"]
        return find(found, "RepositoryNotFoundException", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "LifecyclePolicy", "RepositoryPolicyText")
        self._set_policy(call, resource.physical_id, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("ecr", "delete_repository", repositoryName=resource.physical_id)

    @staticmethod
    def _set_policy(call: Calls, name: str, properties: Properties) -> None:
        if "RepositoryPolicyText" in properties:
            text = json.dumps(properties["RepositoryPolicyText"])
            call("ecr", "set_repository_policy", repositoryName=name, policyText=text)
        if "LifecyclePolicy" in properties:
            text = properties["LifecyclePolicy"]["LifecyclePolicyText"]
            call("ecr", "put_lifecycle_policy", repositoryName=name, lifecyclePolicyText=text)


@provides
class ParameterProvider(Provider):
    """Parameter of the parameter store."""

    type = "AWS::SSM::Parameter"
    known = frozenset({"Description", "Name", "Type", "Value"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("Name", context.name())
        call("ssm", "put_parameter", **{**properties, "Name": name})
        return PhysicalResource(physical_id=name, attributes={"Type": properties["Type"], "Value": properties["Value"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("ssm", "get_parameter", Name=resource.physical_id)["Parameter"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("ssm", "put_parameter", **{**new, "Name": resource.physical_id}, Overwrite=True)
        resource.attributes["Value"] = new["Value"]

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("ssm", "delete_parameter", Name=resource.physical_id)
