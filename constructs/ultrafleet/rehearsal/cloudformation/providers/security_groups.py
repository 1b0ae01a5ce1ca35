"""Security groups and their rules."""

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
    tag_specifications,
)
from ultrafleet.rehearsal.cloudformation.providers.ec2_provider import ec2_tags

_RULE = frozenset({"CidrIp", "CidrIpv6", "Description", "FromPort", "GroupId", "IpProtocol", "ToPort"})


@provides
class SecurityGroupProvider(Provider):
    """Security group, with the rules that its own properties state."""

    type = "AWS::EC2::SecurityGroup"
    known = frozenset({"GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        group_id = call(
            "ec2",
            "create_security_group",
            GroupName=properties.get("GroupName", context.name(most=255)),
            Description=properties["GroupDescription"],
            VpcId=properties.get("VpcId"),
            TagSpecifications=tag_specifications("security-group", properties),
        )["GroupId"]
        if properties.get("SecurityGroupEgress"):
            # A group is made with a rule that lets everything out; one that states its own rules has only these.
            _revoke(call, group_id, "egress", {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"})
        for direction, rule in _rules(properties):
            _authorize(call, group_id, direction, rule)
        return PhysicalResource(
            physical_id=group_id, attributes={"GroupId": group_id, "VpcId": properties.get("VpcId")}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_security_groups", GroupIds=[resource.physical_id])["SecurityGroups"]
        return find(found, "InvalidGroup.NotFound", resource.physical_id)

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        """Properties without the rules: those that other resources add look like stated ones."""
        live = self.describe(call, resource, properties)
        return {"GroupDescription": live["Description"], "GroupName": live["GroupName"], "Tags": live.get("Tags", [])}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "SecurityGroupEgress", "SecurityGroupIngress", "Tags")
        before, after = list(_rules(old)), list(_rules(new))
        for direction, rule in before:
            if (direction, rule) not in after:
                _revoke(call, resource.physical_id, direction, rule)
        for direction, rule in after:
            if (direction, rule) not in before:
                _authorize(call, resource.physical_id, direction, rule)
        ec2_tags(call, resource.physical_id, old, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_security_group", GroupId=resource.physical_id)


class _RuleProvider(Provider):
    direction: str

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        rule_id = _authorize(call, properties["GroupId"], self.direction, properties)
        return PhysicalResource(physical_id=rule_id, attributes={"Id": rule_id})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        filters = [{"Name": "group-id", "Values": [properties["GroupId"]]}]
        rules = call("ec2", "describe_security_group_rules", Filters=filters)["SecurityGroupRules"]
        mine = [rule for rule in rules if rule["SecurityGroupRuleId"] == resource.physical_id]
        return find(mine, "InvalidSecurityGroupRuleId.NotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "Description")
        _revoke(call, old["GroupId"], self.direction, old)
        resource.physical_id = _authorize(call, new["GroupId"], self.direction, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        _revoke(call, properties["GroupId"], self.direction, properties)


@provides
class SecurityGroupIngressProvider(_RuleProvider):
    """Ingress rule of a security group."""

    type = "AWS::EC2::SecurityGroupIngress"
    known = _RULE | {"SourceSecurityGroupId", "SourceSecurityGroupOwnerId"}
    direction = "ingress"


@provides
class SecurityGroupEgressProvider(_RuleProvider):
    """Egress rule of a security group."""

    type = "AWS::EC2::SecurityGroupEgress"
    known = _RULE | {"DestinationSecurityGroupId"}
    direction = "egress"


def _rules(properties: Properties) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        *(("ingress", rule) for rule in properties.get("SecurityGroupIngress", [])),
        *(("egress", rule) for rule in properties.get("SecurityGroupEgress", [])),
    ]


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    permission |= {key: int(rule[key]) for key in ("FromPort", "ToPort") if key in rule}
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    for key in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in rule:
            permission["UserIdGroupPairs"] = [{"GroupId": rule[key], **described}]
    return permission


def _authorize(call: Calls, group_id: str, direction: str, rule: Mapping[str, Any]) -> str:
    answer = call("ec2", f"authorize_security_group_{direction}", GroupId=group_id, IpPermissions=[_permission(rule)])
    return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _revoke(call: Calls, group_id: str, direction: str, rule: Mapping[str, Any]) -> None:
    call("ec2", f"revoke_security_group_{direction}", GroupId=group_id, IpPermissions=[_permission(rule)])
