"""Lambda functions and layers. No code runs: the embedded AWS itself does what CDK's handlers would do."""

from collections.abc import Mapping
from typing import Any, Final

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
from ultrafleet.rehearsal.simulated_account import Refusal

_EMPTY_ZIP: Final = b"PK\x05\x06" + b"\0" * 18
"""An archive without files: moto unpacks what it is given."""


def _check_code(call: Calls, code: Mapping[str, Any]) -> None:
    """Require the archive in S3. A deployment without bootstrap, as in tests, has no bucket to look into."""
    bucket, key = code["S3Bucket"], code["S3Key"]
    buckets = {item["Name"] for item in call("s3", "list_buckets")["Buckets"]}
    if bucket not in buckets:
        return
    try:
        call("s3", "head_object", Bucket=bucket, Key=key)
    except Refusal as error:
        raise Refusal(
            "InvalidParameterValueException",
            f"Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: {bucket}/{key}",
            rule="lambda-code-exists",
        ) from error


@provides
class LayerVersionProvider(Provider):
    """Lambda layer; every change makes a new version."""

    type = "AWS::Lambda::LayerVersion"
    known = frozenset({"Content", "Description", "LayerName", "LicenseInfo"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        _check_code(call, properties["Content"])
        created = call(
            "lambda",
            "publish_layer_version",
            LayerName=properties.get("LayerName", context.name(most=64)),
            Description=properties.get("Description"),
            LicenseInfo=properties.get("LicenseInfo"),
            Content={"ZipFile": _EMPTY_ZIP},
        )
        return PhysicalResource(
            physical_id=created["LayerVersionArn"], attributes={"LayerVersionArn": created["LayerVersionArn"]}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        name, version = _layer(resource)
        found = call("lambda", "list_layer_versions", LayerName=name)["LayerVersions"]
        return find([item for item in found if item["Version"] == version], "ResourceNotFoundException", name)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        name, version = _layer(resource)
        call("lambda", "delete_layer_version", LayerName=name, VersionNumber=version)


def _layer(resource: PhysicalResource) -> tuple[str, int]:
    name, _, version = resource.physical_id.rpartition(":layer:")[2].partition(":")
    return name, int(version)


@provides
class FunctionProvider(Provider):
    """Lambda function."""

    type = "AWS::Lambda::Function"
    known = frozenset(
        {
            "Architectures", "Code", "Description", "Environment", "FunctionName", "Handler", "Layers", "LoggingConfig",
            "MemorySize", "Role", "Runtime", "Tags", "Timeout", "VpcConfig",
        }
    )  # fmt: skip
    _settings = ("Architectures", "Description", "Environment", "Handler", "Layers", "MemorySize", "Role", "Runtime")

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._check(call, properties)
        name = properties.get("FunctionName", context.name(most=64))
        created = call(
            "lambda",
            "create_function",
            FunctionName=name,
            Code={"ZipFile": _EMPTY_ZIP},
            Timeout=properties.get("Timeout"),
            VpcConfig=properties.get("VpcConfig"),
            Tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])} or None,
            **{key: properties[key] for key in self._settings if key in properties},
        )
        return PhysicalResource(physical_id=name, attributes={"Arn": created["FunctionArn"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("lambda", "get_function", FunctionName=resource.physical_id)["Configuration"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "Code", "LoggingConfig", "Timeout", "VpcConfig", *self._settings)
        self._check(call, new)
        call(
            "lambda",
            "update_function_configuration",
            FunctionName=resource.physical_id,
            Timeout=new.get("Timeout"),
            VpcConfig=new.get("VpcConfig"),
            **{key: new[key] for key in self._settings if key in new and key != "Architectures"},
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("lambda", "delete_function", FunctionName=resource.physical_id)

    @staticmethod
    def _check(call: Calls, properties: Properties) -> None:
        """Require code, subnets and security groups to exist (Lambda API, CreateFunction, high)."""
        _check_code(call, properties["Code"])
        network = properties.get("VpcConfig") or {}
        if network.get("SubnetIds"):
            call("ec2", "describe_subnets", SubnetIds=list(network["SubnetIds"]))
        if network.get("SecurityGroupIds"):
            call("ec2", "describe_security_groups", GroupIds=list(network["SecurityGroupIds"]))
