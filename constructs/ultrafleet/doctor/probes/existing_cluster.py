"""Probes of an existing cluster: what the file says about it, its add-ons, and the role of its nodes."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.eks import AddonName, application_log_group, host_log_group
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment
from ultrafleet.environment.addons import managed_addons
from ultrafleet.rules.managed_addons import version_key

_NOT_FOUND: Final = "ResourceNotFoundException"
_NO_ROLE: Final = "NoSuchEntity"
_STACK_TAG: Final = "aws:cloudformation:stack-name"
_JOINING: Final = ("AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy")
_PULLING: Final = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly")
_NODE_SERVICE: Final = "ec2.amazonaws.com"
_CLUSTER: Final = ("arn:{partition}:eks:{region}:{account}:cluster/{cluster}",)


def _cluster_questions(environment: Environment) -> Iterator[Question]:
    existing, network = environment.cluster.existing, environment.network
    if existing is None:
        return
    stated = {
        "version": environment.cluster.kubernetes_version,
        "accessConfig.authenticationMode": existing.authentication_mode,
        "resourcesVpcConfig.clusterSecurityGroupId": existing.security_group_id,
        "resourcesVpcConfig.vpcId": network.vpc_id,
    }
    wanted = {key: value for key, value in stated.items() if value is not None}
    yield Question(
        subject=f"EKS cluster {existing.name}",
        expected=f"active, with {', '.join(f'{key} {value}' for key, value in wanted.items())}",
        ask=partial(_ask_cluster, existing.name, wanted),
        path="cluster.existing",
        stops_launch=True,
    )
    if environment.kubernetes.delivery == "kubectl":
        yield Question(
            subject=f"private endpoint of {existing.name}",
            expected="switched on, for the function that applies objects",
            ask=partial(_ask_endpoint, existing.name),
            path="kubernetes.delivery",
            stops_launch=True,
        )


def _ask_cluster(name: str, wanted: dict[str, str], account: Account) -> Answer:
    try:
        found = account.call("eks", "describe_cluster", name=name)["cluster"]
    except AwsRefusalError as refusal:
        if refusal.code == _NOT_FOUND:
            return no("EKS has no such cluster in this account and region", "correct cluster.existing.name")
        raise
    if found["status"] not in {"ACTIVE", "UPDATING"}:
        return no(f"its status is {found['status']}", "wait until it is ACTIVE")
    for path, value in wanted.items():
        live = found
        for key in path.split("."):
            live = live.get(key) or {}
        # A cluster without an accessConfig has the API's default (EKS API reference, high).
        shown = str(live or ("CONFIG_MAP" if path.endswith("authenticationMode") else "not stated"))
        if shown != value:
            return no(f"its {path} is {shown}", "correct the file")
    return yes(", ".join(f"{key} {value}" for key, value in wanted.items()))


def _ask_endpoint(name: str, account: Account) -> Answer:
    try:
        found = account.call("eks", "describe_cluster", name=name)["cluster"]["resourcesVpcConfig"]
    except AwsRefusalError as refusal:
        if refusal.code == _NOT_FOUND:
            return no("EKS has no such cluster in this account and region", "correct cluster.existing.name")
        raise
    if found.get("endpointPrivateAccess"):
        return yes("endpointPrivateAccess is true")
    return no(
        "endpointPrivateAccess is false",
        "its owner switches it on, or deliver with argo_cd: functions of the VPC would leave it to reach the API",
    )


def _addon_questions(environment: Environment) -> Iterator[Question]:
    existing = environment.cluster.existing
    if existing is None:
        return
    minimum = AddonName.VPC_CNI.minimum_version
    spelled = ".".join(map(str, minimum or ()))
    yield Question(
        subject=f"add-on {AddonName.VPC_CNI} of {existing.name}",
        expected=f"v{spelled} or newer" if minimum else "there",
        ask=partial(_ask_addon, existing.name, AddonName.VPC_CNI, minimum),
        path="cluster.existing",
        stops_launch=True,
    )
    for addon in existing.addons:
        yield Question(
            subject=f"add-on {addon} of {existing.name}",
            expected="there",
            ask=partial(_ask_addon, existing.name, addon, None),
            path="cluster.existing.addons",
            stops_launch=True,
        )
    for own in managed_addons(environment):
        yield Question(
            subject=f"add-on {own.name}, new in {existing.name}",
            expected="not there yet, or made by this environment",
            ask=partial(_ask_new_addon, existing.name, own.name, f"{environment.name}-system"),
            path="cluster.addons",
            stops_launch=True,
        )


def _ask_addon(cluster: str, addon: str, minimum: tuple[int, int, int] | None, account: Account) -> Answer:
    try:
        found = account.call("eks", "describe_addon", clusterName=cluster, addonName=addon)["addon"]
    except AwsRefusalError as refusal:
        if refusal.code != _NOT_FOUND:
            raise
        if addon == AddonName.VPC_CNI:
            return unclear(
                "it is no managed add-on of the cluster",
                "compare the version that runs: kubectl -n kube-system get daemonset aws-node -o yaml",
            )
        return no("the cluster doesn't have it", "name it in cluster.addons instead: it is installed then")
    version = str(found["addonVersion"])
    key = version_key(version)
    if minimum is not None and key is not None and key[:3] < minimum:
        return no(version, f"its owner updates it: {AddonName(addon).minimum_reason}")
    return yes(version)


def _ask_new_addon(cluster: str, addon: str, stack: str, account: Account) -> Answer:
    try:
        found = account.call("eks", "describe_addon", clusterName=cluster, addonName=addon)["addon"]
    except AwsRefusalError as refusal:
        if refusal.code == _NOT_FOUND:
            return yes("the cluster doesn't have it yet")
        raise
    if (found.get("tags") or {}).get(_STACK_TAG) == stack:
        return yes(f"{found['addonVersion']}, of stack {stack}")
    return no(
        f"the cluster has {found['addonVersion']}", "name it in cluster.existing.addons: it isn't installed again"
    )


def _role_questions(environment: Environment) -> Iterator[Question]:
    arn = environment.cluster.node_role_arn
    if arn is not None:
        yield Question(
            subject=f"role {arn.rpartition('/')[2]}",
            expected=f"taken by {_NODE_SERVICE}, with a policy to join and one to pull images",
            ask=partial(_ask_role, arn),
            path="cluster.node_role_arn",
            stops_launch=True,
        )


def _ask_role(arn: str, account: Account) -> Answer:
    name = arn.rpartition("/")[2]
    try:
        role = account.call("iam", "get_role", RoleName=name)["Role"]
        attached = list(account.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name))
    except AwsRefusalError as refusal:
        if refusal.code == _NO_ROLE:
            return no("IAM has no such role in this account", "correct cluster.node_role_arn, or leave it out")
        raise
    if role["Arn"] != arn:
        return no(f"its ARN is {role['Arn']}", "copy it into cluster.node_role_arn")
    if _NODE_SERVICE not in str(role["AssumeRolePolicyDocument"]):
        return no(f"its trust policy doesn't name {_NODE_SERVICE}", "use a role of EC2 instances")
    names = {item["PolicyName"] for item in attached}
    lacking = [" or ".join(one) for one in (_JOINING, _PULLING) if not names & set(one)]
    if lacking:
        return unclear(
            f"it has {', '.join(sorted(names)) or 'no managed policy'}, not {' nor '.join(lacking)}",
            "see that its own policies allow the same, ec2:DescribeInstances and ec2:DescribeInstanceTypes among them",
        )
    if _JOINING[0] not in names:
        return unclear(
            f"{_JOINING[1]} doesn't allow ec2:DescribeInstances and ec2:DescribeInstanceTypes",
            "see that another policy of the role does: nodes of new types get the wrong number of pods without",
        )
    return yes(", ".join(sorted(names)))


def _log_questions(environment: Environment) -> Iterator[Question]:
    existing = environment.cluster.existing
    if existing is None:
        return
    names = {"host": host_log_group(existing.name), "application": application_log_group(existing.name)}
    for group in existing.log_groups:
        yield Question(
            subject=f"log group {names[group]}",
            expected="there",
            ask=partial(_ask_log_group, names[group]),
            path="cluster.existing.log_groups",
            stops_launch=True,
        )


def _ask_log_group(name: str, account: Account) -> Answer:
    groups = account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    if any(group["logGroupName"] == name for group in groups):
        return yes("it is there")
    return no(
        "CloudWatch Logs has no such group",
        "the CloudWatch add-on makes it with the first line: leave it out until then",
    )


EXISTING_CLUSTER: Final = Probe(
    id="existing-cluster",
    asks="Is the existing cluster as the file says, and reachable from its VPC?",
    permissions=(Permission(action="eks:DescribeCluster", resources=_CLUSTER),),
    questions=_cluster_questions,
)
EXISTING_ADDON: Final = Probe(
    id="existing-addon",
    asks="Does the existing cluster have the add-ons that the file says, new enough, and none that it installs?",
    permissions=(
        Permission(
            action="eks:DescribeAddon", resources=("arn:{partition}:eks:{region}:{account}:addon/{cluster}/*/*",)
        ),
    ),
    questions=_addon_questions,
)
EXISTING_NODE_ROLE: Final = Probe(
    id="existing-node-role",
    asks="Can EC2 instances take the existing role, join with it, and pull images?",
    permissions=(
        Permission(action="iam:GetRole", resources=("{node_role}",)),
        Permission(action="iam:ListAttachedRolePolicies", resources=("{node_role}",)),
    ),
    questions=_role_questions,
)
EXISTING_LOG_GROUP: Final = Probe(
    id="existing-log-group",
    asks="Is the log group there, on which the file wants metric filters?",
    permissions=(
        Permission(action="logs:DescribeLogGroups", resources=("arn:{partition}:logs:{region}:{account}:log-group:*",)),
    ),
    questions=_log_questions,
)
