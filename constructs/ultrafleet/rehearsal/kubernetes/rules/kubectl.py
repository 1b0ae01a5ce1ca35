"""Network access and rights of CDK's kubectl handler on a cluster."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal

_HANDLER_VARIABLE = "USER_ON_EVENT_FUNCTION_ARN"
"""Environment variable by which CDK's provider framework names the handler (aws-cdk-lib, custom-resources, high)."""

_API_PORT = 443


def cluster_facts(call: Calls, service_token: str, cluster_name: str) -> Mapping[str, Any]:
    """Description of the cluster that a custom resource of CDK changes.

    Raises:
        Refusal: the function isn't there, can't reach the cluster's private endpoint, or has no rights in it.
    """
    framework = call("lambda", "get_function", FunctionName=service_token)["Configuration"]
    handler_arn = framework.get("Environment", {}).get("Variables", {}).get(_HANDLER_VARIABLE, service_token)
    handler = call("lambda", "get_function", FunctionName=handler_arn)["Configuration"]
    cluster = call("eks", "describe_cluster", name=cluster_name)["cluster"]
    _check_network(call, handler, cluster)
    _check_rights(call, handler["Role"], cluster_name)
    return {
        "version": cluster["version"],
        "addons": call("eks", "list_addons", clusterName=cluster_name)["addons"],
        "capabilities": [
            item["type"] for item in call("eks", "list_capabilities", clusterName=cluster_name)["capabilities"]
        ],
    }


def _check_network(call: Calls, handler: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    """The cluster's own group lets in whoever has it; others need a rule (EKS user guide, security groups, high)."""
    network = cluster["resourcesVpcConfig"]
    if network.get("endpointPublicAccess"):
        return
    groups = set((handler.get("VpcConfig") or {}).get("SecurityGroupIds") or [])
    doors = {network["clusterSecurityGroupId"], *network.get("securityGroupIds", [])}
    if network["clusterSecurityGroupId"] in groups:
        return
    for door in call("ec2", "describe_security_groups", GroupIds=sorted(doors))["SecurityGroups"]:
        for rule in door["IpPermissions"]:
            covered = rule["IpProtocol"] == "-1" or rule.get("FromPort", 0) <= _API_PORT <= rule.get("ToPort", 0)
            if covered and groups & {pair["GroupId"] for pair in rule["UserIdGroupPairs"]}:
                return
    raise Refusal(
        "Timeout",
        "Unable to connect to the server: dial tcp: i/o timeout: the function's security groups "
        f"{sorted(groups) or '(none: it is in no VPC)'} don't reach the private endpoint of {cluster['name']}",
        rule="kubectl-reaches-endpoint",
    )


def _check_rights(call: Calls, role_arn: str, cluster_name: str) -> None:
    """Access entries decide, and the creator of a cluster has none here (EKS user guide, access entries, high)."""
    entries = call("eks", "list_access_entries", clusterName=cluster_name)["accessEntries"]
    if role_arn in entries:
        policies = call("eks", "list_associated_access_policies", clusterName=cluster_name, principalArn=role_arn)[
            "associatedAccessPolicies"
        ]
        if any(policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy") for policy in policies):
            return
    raise Refusal(
        "Unauthorized",
        f"error: You must be logged in to the server (Unauthorized): {role_arn} has no access entry with "
        f"AmazonEKSClusterAdminPolicy in {cluster_name}",
        rule="kubectl-has-rights",
    )
