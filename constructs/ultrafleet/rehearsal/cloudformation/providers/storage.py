"""File systems for training, and the secrets of gateways."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    provides,
    tags_of,
)
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.lustre import validate_lustre_capacity


@provides
class FileSystemProvider(Provider):
    """FSx for Lustre."""

    type = "AWS::FSx::FileSystem"
    known = frozenset(
        {
            "FileSystemType", "FileSystemTypeVersion", "KmsKeyId", "LustreConfiguration", "SecurityGroupIds",
            "StorageCapacity", "StorageType", "SubnetIds", "Tags",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._check(call, properties)
        created = call(
            "fsx",
            "create_file_system",
            FileSystemType=properties["FileSystemType"],
            StorageCapacity=int(properties["StorageCapacity"]),
            StorageType=properties.get("StorageType"),
            SubnetIds=list(properties["SubnetIds"]),
            SecurityGroupIds=list(properties.get("SecurityGroupIds", [])),
            Tags=tags_of(properties) or None,
            LustreConfiguration=_lustre(properties),
            FileSystemTypeVersion=properties.get("FileSystemTypeVersion"),
        )["FileSystem"]
        file_system_id = created["FileSystemId"]
        return PhysicalResource(
            physical_id=file_system_id,
            attributes={
                "DNSName": f"{file_system_id}.fsx.{call.region}.amazonaws.com",
                "Id": file_system_id,
                "LustreMountName": file_system_id.rpartition("-")[2][:8],
                "ResourceARN": f"arn:aws:fsx:{call.region}:{call.account_id}:file-system/{file_system_id}",
            },
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("fsx", "describe_file_systems", FileSystemIds=[resource.physical_id])["FileSystems"]
        return find(found, "FileSystemNotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "LustreConfiguration", "StorageCapacity", "Tags")
        self._check(call, new)
        if int(new["StorageCapacity"]) < int(old["StorageCapacity"]):
            raise Refusal(
                "BadRequest",
                "Storage capacity can't be decreased (FSx for Lustre user guide)",
                rule="fsx-capacity-grows",
            )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("fsx", "delete_file_system", FileSystemId=resource.physical_id)

    @staticmethod
    def _check(call: Calls, properties: Properties) -> None:
        """Require one subnet, a capacity of FSx's steps, and for EFA metadata and a self-referencing security group.

        Source: FSx API reference, CreateFileSystem, and FSx for Lustre user guide, EFA-enabled file systems (high).
        """
        lustre = properties["LustreConfiguration"]
        efa = str(lustre.get("EfaEnabled", False)).lower() == "true"
        if len(properties["SubnetIds"]) != 1:
            raise Refusal("BadRequest", "Lustre file systems need exactly one subnet", rule="fsx-one-subnet")
        call("ec2", "describe_subnets", SubnetIds=list(properties["SubnetIds"]))
        try:
            validate_lustre_capacity(
                int(properties["StorageCapacity"]),
                throughput_mbps_per_tib=int(lustre["PerUnitStorageThroughput"]),
                efa=efa,
            )
        except FleetError as error:
            raise Refusal("BadRequest", str(error), rule="fsx-capacity") from error
        if not efa:
            return
        if not lustre.get("MetadataConfiguration"):
            raise Refusal("BadRequest", "EFA needs a metadata configuration", rule="fsx-efa-metadata")
        groups = call("ec2", "describe_security_groups", GroupIds=list(properties.get("SecurityGroupIds", [])))
        for group in groups["SecurityGroups"]:
            if all(_lets_itself(group["GroupId"], group[way]) for way in ("IpPermissions", "IpPermissionsEgress")):
                return
        raise Refusal(
            "InvalidNetworkSettings",
            "EFA needs a security group that allows all traffic from and to itself",
            rule="fsx-efa-security-group",
        )


def _lets_itself(group_id: str, rules: list[dict[str, Any]]) -> bool:
    return any(
        rule["IpProtocol"] == "-1" and group_id in {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}
        for rule in rules
    )


def _lustre(properties: Properties) -> dict[str, Any]:
    """Lustre configuration for the API: CloudFormation's names, with quoted numbers and booleans converted."""
    lustre = dict(properties["LustreConfiguration"])
    lustre["PerUnitStorageThroughput"] = int(lustre["PerUnitStorageThroughput"])
    if "EfaEnabled" in lustre:
        lustre["EfaEnabled"] = str(lustre["EfaEnabled"]).lower() == "true"
    return lustre


class DataRepositories:
    """Data repository associations of an account and a region, which moto's FSx lacks."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.by_id: dict[str, dict[str, Any]] = {}


@provides
class DataRepositoryAssociationProvider(Provider):
    """Association of a file system's folder with a bucket."""

    type = "AWS::FSx::DataRepositoryAssociation"
    known = frozenset(
        {"BatchImportMetaDataOnCreate", "DataRepositoryPath", "FileSystemId", "FileSystemPath", "S3", "Tags"}
    )

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        SIMULATED_ACCOUNT.check_call("fsx", "CreateDataRepositoryAssociation", dict(properties))
        call("fsx", "describe_file_systems", FileSystemIds=[properties["FileSystemId"]])
        known = self._part(call).by_id
        for other in known.values():
            if (other["FileSystemId"], other["FileSystemPath"]) == (
                properties["FileSystemId"],
                properties["FileSystemPath"],
            ):
                raise Refusal("BadRequest", "the path overlaps with another association", rule="fsx-association-path")
        association_id = f"dra-{context.name(most=60, lower=True)[-12:]}"
        known[association_id] = dict(properties)
        arn = f"arn:aws:fsx:{call.region}:{call.account_id}:association/{association_id}"
        return PhysicalResource(
            physical_id=association_id, attributes={"AssociationId": association_id, "ResourceARN": arn}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        known = self._part(call).by_id
        found = [known[resource.physical_id]] if resource.physical_id in known else []
        return find(found, "DataRepositoryAssociationNotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "S3", "Tags")
        self._part(call).by_id[resource.physical_id] = dict(new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        self._part(call).by_id.pop(resource.physical_id, None)

    @staticmethod
    def _part(call: Calls) -> DataRepositories:
        return SIMULATED_ACCOUNT.part(DataRepositories, call.account_id, call.region)


@provides
class SecretProvider(Provider):
    """Secret with a generated value."""

    type = "AWS::SecretsManager::Secret"
    known = frozenset({"Description", "GenerateSecretString", "KmsKeyId", "Name", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("Name", context.name())
        made_up = properties.get("GenerateSecretString") or {}
        value = call(
            "secretsmanager",
            "get_random_password",
            PasswordLength=int(made_up.get("PasswordLength", 32)),
            ExcludePunctuation=bool(made_up.get("ExcludePunctuation", False)),
        )["RandomPassword"]
        created = call(
            "secretsmanager",
            "create_secret",
            Name=name,
            Description=properties.get("Description"),
            KmsKeyId=properties.get("KmsKeyId"),
            SecretString=value,
            Tags=tags_of(properties) or None,
        )
        return PhysicalResource(physical_id=created["ARN"], attributes={"Id": created["ARN"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("secretsmanager", "describe_secret", SecretId=resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "Description")
        call("secretsmanager", "update_secret", SecretId=resource.physical_id, Description=new.get("Description"))

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("secretsmanager", "delete_secret", SecretId=resource.physical_id, ForceDeleteWithoutRecovery=True)
