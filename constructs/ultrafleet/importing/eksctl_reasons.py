"""Reasons why keys of a ClusterConfig aren't carried over, one for each."""

from typing import Final

from ultrafleet.importing.draft import Reasons

_POD_IDENTITY: Final = "not carried over: each add-on and controller gets a role of its own through EKS Pod Identity"
_SCRIPT: Final = (
    "not carried over: nodes start with nodeadm, not with what such commands are for; state what is still "
    "needed as node.pre_bootstrap_script"
)
_SSH: Final = "not carried over: nodes take no SSH; cluster.ssm_sessions: true opens shells through Session Manager"
_NO_AUTOSCALER: Final = "not carried over: pools have a fixed size, no autoscaler reads it"
_IMAGE: Final = "not carried over: nodes run EKS's Amazon Linux 2023 image; node.image states one of your own"

REASONS: Final = Reasons(
    {
        "iam.withAddonPolicies": _POD_IDENTITY,
        "iam": "not carried over: roles are made here, for the nodes and through EKS Pod Identity",
        "iam.withOIDC": "not carried over: Pod Identity needs no OIDC provider",
        "iam.serviceAccounts": "not carried over: make these roles with Pod Identity associations of your own",
        "iam.instanceRoleARN": "not carried over: the node role is made here",
        "iam.instanceProfileARN": "not carried over: the node role is made here",
        "ssh": _SSH,
        "ami": _IMAGE,
        "amiFamily": _IMAGE,
        "overrideBootstrapCommand": _SCRIPT,
        "volumeName": "not carried over: the root device of Amazon Linux 2023 is /dev/xvda",
        "volumeEncrypted": "the root volume is always encrypted",
        "taints": "not carried over",
        "privateNetworking": "every subnet is private here",
        "instancePrefix": "not carried over: nodes are named after their pool",
        "instanceName": "not carried over: nodes are named after their pool",
        "asgSuspendProcesses": "not carried over: EKS manages the Auto Scaling group",
        "asgMetricsCollection": "not carried over: the dashboard has the metrics of the schedule",
        "propagateASGTags": _NO_AUTOSCALER,
        "updateConfig": "not carried over: node.max_unavailable states a number",
        "nodeRepairConfig": "node repair is on, by the library's rules for racks",
        "securityGroups": "not carried over: nodes are in the cluster's group and in an EFA group of their own",
        "disableIMDSv1": "IMDSv2 alone is on",
        "disablePodIMDS": "pods don't reach the metadata: metadata_hop_limit is 1",
        "ebsOptimized": "not carried over: accelerated types always are",
        "enableDetailedMonitoring": "not carried over",
        "bottlerocket": _IMAGE,
        "cpuCredits": "not carried over",
        "targetGroupARNs": "not carried over: models have a load balancer of their own",
        "classicLoadBalancerNames": "not carried over: models have a load balancer of their own",
        "maxInstanceLifetime": "not carried over: a pool keeps its nodes",
        "containerRuntime": "containerd is the runtime",
        "addonsConfig": "not carried over: the library chooses the add-ons and their roles",
        "cloudWatch": "not carried over: the control plane's logs are on, kept as the library does",
        "fargateProfiles": "not carried over: controllers run on system nodes",
        "karpenter": "not carried over: pools on blocks and reservations have a size, no provisioner",
        "autoModeConfig": "not carried over: pools are managed node groups, which Auto Mode has not",
        "gitops": "not carried over: kubernetes.delivery: argo_cd delivers objects through Git",
        "identityMappings": "not carried over: access entries; see cluster.admin_role_arns",
        "accessConfig": "not carried over: access entries; see cluster.admin_role_arns",
        "secretsEncryption": "not carried over",
        "kubernetesNetworkConfig": "not carried over: EKS chooses the service CIDR, and pods have IPv4 addresses",
        "privateCluster": "the API endpoint is private here; network.egress: none makes a VPC without a way out",
        "vpc.clusterEndpoints": "the API endpoint is private alone; cluster.api_access_cidrs opens it to networks",
        "vpc.publicAccessCIDRs": "not carried over: the API endpoint is private; see cluster.api_access_cidrs",
        "vpc.nat": "not carried over: network.egress says how nodes leave, a regional NAT gateway by default",
        "vpc.sharedNodeSecurityGroup": "not carried over: security groups are made here",
        "vpc.securityGroup": "not carried over: security groups are made here",
        "vpc.manageSharedNodeSecurityGroupRules": "not carried over: security groups are made here",
        "metadata.tags": "not carried over: node.tags are those of a pool's nodes",
        "metadata.annotations": "not carried over",
        "managed": "node groups are managed here",
        "zonalShiftConfig": "not carried over",
        "localZones": "not carried over: state zones of pools with --zone",
        "outpost": "not carried over: there are no Outposts here",
        "availabilityZones": "see the subnets",
        "subnets": "not carried over: the environment makes subnets of its own",
        "localVolumes": "not carried over",
    },
    "not carried over: the environment has nothing like it",
)
"""By the end of a path."""
