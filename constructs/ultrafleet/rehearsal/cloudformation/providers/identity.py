"""IAM roles and policies, KMS keys."""

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
    tags_of,
    update_tags,
)
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class RoleProvider(Provider):
    """IAM role."""

    type = "AWS::IAM::Role"
    known = frozenset(
        {
            "AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
            "PermissionsBoundary", "Policies", "RoleName", "Tags",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        created = call(
            "iam",
            "create_role",
            RoleName=properties.get("RoleName", context.name()),
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Description=properties.get("Description"),
            MaxSessionDuration=properties.get("MaxSessionDuration"),
            Path=properties.get("Path"),
            PermissionsBoundary=properties.get("PermissionsBoundary"),
            Tags=tags_of(properties) or None,
        )["Role"]
        role = self._physical(created)
        try:
            self._set_policies(call, role, {}, properties)
        except Refusal:
            self.delete(call, role, properties)
            raise
        return role

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("iam", "get_role", RoleName=resource.physical_id)["Role"]
        return found

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live = dict(self.describe(call, resource, properties))
        attached = call("iam", "list_attached_role_policies", RoleName=resource.physical_id)["AttachedPolicies"]
        live["ManagedPolicyArns"] = [policy["PolicyArn"] for policy in attached]
        if "PermissionsBoundary" in live:
            live["PermissionsBoundary"] = live["PermissionsBoundary"]["PermissionsBoundaryArn"]
        return {"Tags": [], **{key: value for key, value in live.items() if key in self.known}}

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        return self._physical(call("iam", "get_role", RoleName=identifier["RoleName"])["Role"])

    @staticmethod
    def _physical(described: Mapping[str, Any]) -> PhysicalResource:
        name = described["RoleName"]
        return PhysicalResource(
            physical_id=name, attributes={"Arn": described["Arn"], "RoleId": described["RoleId"], "RoleName": name}
        )

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        known = (
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Policies",
            "Tags",
        )
        changed = only_changed(old, new, *known)
        if "AssumeRolePolicyDocument" in changed:
            document = json.dumps(new["AssumeRolePolicyDocument"])
            call("iam", "update_assume_role_policy", RoleName=resource.physical_id, PolicyDocument=document)
        if changed & {"Description", "MaxSessionDuration"}:
            call(
                "iam",
                "update_role",
                RoleName=resource.physical_id,
                Description=new.get("Description", ""),
                MaxSessionDuration=new.get("MaxSessionDuration"),
            )
        self._set_policies(call, resource, old, new)
        update_tags(
            old,
            new,
            put=lambda tags: call(
                "iam", "tag_role", RoleName=resource.physical_id, Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
            ),
            drop=lambda keys: call("iam", "untag_role", RoleName=resource.physical_id, TagKeys=keys),
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        name = resource.physical_id
        for policy in call("iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]:
            call("iam", "detach_role_policy", RoleName=name, PolicyArn=policy["PolicyArn"])
        for policy_name in call("iam", "list_role_policies", RoleName=name)["PolicyNames"]:
            call("iam", "delete_role_policy", RoleName=name, PolicyName=policy_name)
        call("iam", "delete_role", RoleName=name)

    @staticmethod
    def _set_policies(call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        before, after = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
        for arn in after:
            if arn not in before:
                call("iam", "attach_role_policy", RoleName=resource.physical_id, PolicyArn=arn)
        for arn in before:
            if arn not in after:
                call("iam", "detach_role_policy", RoleName=resource.physical_id, PolicyArn=arn)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        for name, document in inline.items():
            call(
                "iam",
                "put_role_policy",
                RoleName=resource.physical_id,
                PolicyName=name,
                PolicyDocument=json.dumps(document),
            )
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in inline:
                call("iam", "delete_role_policy", RoleName=resource.physical_id, PolicyName=policy["PolicyName"])


@provides
class PolicyProvider(Provider):
    """Inline policy of roles."""

    type = "AWS::IAM::Policy"
    known = frozenset({"PolicyDocument", "PolicyName", "Roles"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._put(call, properties)
        return PhysicalResource(physical_id=context.name(), attributes={"Id": context.name()})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        name = properties["PolicyName"]
        found = [call("iam", "get_role_policy", RoleName=role, PolicyName=name) for role in properties["Roles"]]
        return find(found, "NoSuchEntity", name)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        self._put(call, new)
        for role in old["Roles"]:
            if role not in new["Roles"] or old["PolicyName"] != new["PolicyName"]:
                call("iam", "delete_role_policy", RoleName=role, PolicyName=old["PolicyName"])

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        for role in properties["Roles"]:
            call("iam", "delete_role_policy", RoleName=role, PolicyName=properties["PolicyName"])

    @staticmethod
    def _put(call: Calls, properties: Properties) -> None:
        document = json.dumps(properties["PolicyDocument"])
        for role in properties["Roles"]:
            call(
                "iam",
                "put_role_policy",
                RoleName=role,
                PolicyName=properties["PolicyName"],
                PolicyDocument=document,
            )


@provides
class ManagedPolicyProvider(Provider):
    """Managed policy."""

    type = "AWS::IAM::ManagedPolicy"
    known = frozenset({"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        created = call(
            "iam",
            "create_policy",
            PolicyName=properties.get("ManagedPolicyName", context.name(most=128)),
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
            Path=properties.get("Path"),
            Description=properties.get("Description"),
        )["Policy"]
        for role in properties.get("Roles", []):
            call("iam", "attach_role_policy", RoleName=role, PolicyArn=created["Arn"])
        return PhysicalResource(
            physical_id=created["Arn"], attributes={"PolicyArn": created["Arn"], "PolicyId": created["PolicyId"]}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("iam", "get_policy", PolicyArn=resource.physical_id)["Policy"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "PolicyDocument")
        document = json.dumps(new["PolicyDocument"])
        call("iam", "create_policy_version", PolicyArn=resource.physical_id, PolicyDocument=document, SetAsDefault=True)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        for role in properties.get("Roles", []):
            call("iam", "detach_role_policy", RoleName=role, PolicyArn=resource.physical_id)
        call("iam", "delete_policy", PolicyArn=resource.physical_id)


@provides
class KeyProvider(Provider):
    """KMS key; a deleted one stays until the end of its pending window."""

    type = "AWS::KMS::Key"
    known = frozenset({"Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        created = call(
            "kms",
            "create_key",
            Description=properties.get("Description"),
            Policy=json.dumps(properties["KeyPolicy"]) if "KeyPolicy" in properties else None,
            Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags_of(properties)] or None,
        )["KeyMetadata"]
        if properties.get("EnableKeyRotation"):
            call("kms", "enable_key_rotation", KeyId=created["KeyId"])
        return PhysicalResource(
            physical_id=created["KeyId"], attributes={"Arn": created["Arn"], "KeyId": created["KeyId"]}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("kms", "describe_key", KeyId=resource.physical_id)["KeyMetadata"]
        return find(
            [found] if found["KeyState"] != "PendingDeletion" else [], "NotFoundException", resource.physical_id
        )

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays")
        if "Description" in changed:
            call("kms", "update_key_description", KeyId=resource.physical_id, Description=new.get("Description", ""))
        if "KeyPolicy" in changed:
            policy = json.dumps(new["KeyPolicy"])
            call("kms", "put_key_policy", KeyId=resource.physical_id, PolicyName="default", Policy=policy)
        if "EnableKeyRotation" in changed:
            operation = "enable_key_rotation" if new.get("EnableKeyRotation") else "disable_key_rotation"
            call("kms", operation, KeyId=resource.physical_id)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        days = properties.get("PendingWindowInDays", 30)
        call("kms", "schedule_key_deletion", KeyId=resource.physical_id, PendingWindowInDays=days)


@provides
class AliasProvider(Provider):
    """Alias of a KMS key."""

    type = "AWS::KMS::Alias"
    known = frozenset({"AliasName", "TargetKeyId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        call("kms", "create_alias", **properties)
        return PhysicalResource(physical_id=properties["AliasName"])

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        aliases = call("kms", "list_aliases")["Aliases"]
        return find(
            [a for a in aliases if a["AliasName"] == resource.physical_id], "NotFoundException", resource.physical_id
        )

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("kms", "update_alias", **new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("kms", "delete_alias", AliasName=resource.physical_id)
