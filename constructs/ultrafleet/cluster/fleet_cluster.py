"""The EKS control plane of a fleet."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from ultrafleet.catalog import eks as eks_facts
from ultrafleet.cloudwatch import catalogued_metric
from ultrafleet.cluster import _checks
from ultrafleet.cluster.access import ClusterAccess, access_entries, add_access_entry
from ultrafleet.cluster.self_managed_access import SelfManagedNodeAccess
from ultrafleet.errors import FleetError
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.names import validate_cluster_name
from ultrafleet.rules.self_managed import SelfManagedNodes
from ultrafleet.rules.service_cidr import validate_service_cidr
from ultrafleet.tokens import is_token

_API_PORT = 443

_SCHEDULER_RESOURCES = [
    # Only listed resources are scored, so cpu and memory stay in; accelerators weigh more, so that jobs smaller than
    # a node fill nodes that are already in use and whole nodes stay free for jobs that need them.
    # Names and range of weights: EKS user guide, advanced control plane configuration (high). The weights are ours.
    {"Name": "cpu", "Weight": 1},
    {"Name": "memory", "Weight": 1},
    {"Name": "nvidia.com/gpu", "Weight": 10},
    {"Name": "aws.amazon.com/neuron", "Weight": 10},
    {"Name": "aws.amazon.com/neuroncore", "Weight": 10},
]


@jsii.implements(ec2.IConnectable)
class FleetCluster(Construct):
    """An EKS cluster with a private endpoint, encrypted secrets, all logs, and no compute of its own.

    No Auto Mode (it has no DRA, so no ComputeDomain), no self-managed add-ons (`ClusterAddons` installs managed ones),
    authentication by access entries only, and no administrator that was not named: whoever creates the stack gets no
    rights in Kubernetes. The control plane's network interfaces carry a security group of their own, which
    `api_access_cidrs` opens, so that people's networks reach the API server and not the nodes.

    Create-only in EKS, so decide once: name, role, secrets key, service CIDR. A change of one fails instead of
    replacing the cluster, because the name is taken.

    Args:
        scope: parent.
        id: construct id.
        cluster_name: 1 to 100 letters, digits, "-" or "_"; a plain value.
        kubernetes_version: "major.minor", no older than P6e nodes need. A version without `resource.k8s.io/v1`, and one
            that the catalog doesn't know, get a warning.
        vpc: VPC of the control plane's network interfaces.
        control_plane_subnets: subnets in at least two availability zones, none of them a Local Zone.
        api_access_cidrs: IPv4 networks that may reach the private endpoint on port 443, beside the nodes; plain values.
            Default: none.
        public_access_cidrs: IPv4 networks that may reach a public endpoint. Default: there is no public endpoint.
        allow_public_access_from_anywhere: accept 0.0.0.0/0 in `public_access_cidrs`. Default: refused.
        admin_role_arns: ARNs of roles that administer the cluster; plain values. Default: none.
        access: other principals, by a name of yours. Default: none.
        secrets_encryption_key: key for Kubernetes secrets. Default: a new key that rotates every year.
        control_plane_logs: some of api, audit, authenticator, controllerManager, scheduler. Default: all.
        log_retention: how long CloudWatch keeps the logs. Default: three months.
        upgrade_policy: "STANDARD": EKS upgrades the control plane at the end of the version's standard
            support; "EXTENDED": the version stays, in extended support, which costs more. A cluster in extended support
            can't be made "STANDARD". Default: "STANDARD"; EKS's own is "EXTENDED".
        control_plane_scaling_tier: "standard", "tier-xl", "tier-2xl", "tier-4xl", "tier-8xl" or "tier-ultra".
            Default: EKS's, the standard control plane.
        scheduler_scoring_strategy: "MostAllocated" fills nodes before it uses others and weighs accelerators ten times
            cpu and memory; "LeastAllocated" is Kubernetes' own default. Default: "MostAllocated".
        service_ipv4_cidr: range of service addresses, a private /12 to /24 outside the VPC. Default: EKS chooses.
        deletion_protection: EKS refuses to delete the cluster. Default: True.
        kubectl_provider_options: passed to `aws_eks_v2.Cluster`; brings a Lambda function into the VPC. Default: none.
        removal_policy: of the secrets key, role, security group and log group. Default: they outlive the stack,
            but not a creation that failed: resources with fixed names would make the next creation fail.

    Raises:
        FleetError: a version too old for P6e or misspelt, a Local Zone, fewer than two zones, an endpoint open to every
            address without saying so, an unknown tier, log type, strategy or upgrade policy, a malformed name or CIDR,
            a principal named twice, a token where a plain value is needed.
    """

    cluster: eks.ICluster
    """The cluster, for constructs of the same stack."""
    cluster_name: str
    """Name as a plain value: other stacks can use it without a reference."""
    cluster_arn: str
    """ARN (a token)."""
    cluster_security_group_id: str
    """Id of the group EKS makes and puts on the nodes (a token)."""
    control_plane_security_group: ec2.SecurityGroup
    """Group on the control plane's network interfaces."""
    cluster_role: iam.Role
    """Role of the control plane."""
    secrets_encryption_key: kms.IKey
    """Key of the Kubernetes secrets."""
    log_group: logs.LogGroup
    """Group of the control-plane logs."""

    def self_managed_nodes(self, access: SelfManagedNodeAccess) -> SelfManagedNodes:
        """Facts by which self-managed nodes join the cluster: `self_managed` of their pools.

        Args:
            access: role, instance profile and access entry of the nodes.

        Raises:
            FleetError: the cluster was made without `service_ipv4_cidr`, which CloudFormation can't read back.
        """
        if self._service_ipv4_cidr is None:
            raise FleetError(
                path=f"service_ipv4_cidr of cluster {self.cluster_name}",
                got="not stated",
                expected="one: CloudFormation can't read the one that EKS chooses, and self-managed nodes need it",
                remedy="pass service_ipv4_cidr to FleetCluster when the cluster is made",
            )
        return SelfManagedNodes(
            instance_profile_arn=access.instance_profile_arn,
            api_server_endpoint=self.cluster.cluster_endpoint,
            certificate_authority=self.cluster.cluster_certificate_authority_data,
            service_cidr=self._service_ipv4_cidr,
            kubernetes_version=self._kubernetes_version,
        )

    @property
    def connections(self) -> ec2.Connections:
        """Connections of the control plane."""
        return self.cluster.connections

    def metric_node_count(
        self, *, period: cdk.Duration | None = None, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """Nodes of the cluster, of Container Insights; by default its average over 5 minutes."""
        return catalogued_metric("cluster_node_count", self.cluster_name, period=period, statistic=statistic)

    def metric_failed_node_count(
        self, *, period: cdk.Duration | None = None, statistic: str | None = None
    ) -> cloudwatch.Metric:
        """Nodes with a bad condition, of Container Insights; by default its maximum over 5 minutes."""
        return catalogued_metric("cluster_failed_node_count", self.cluster_name, period=period, statistic=statistic)

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        kubernetes_version: str,
        vpc: ec2.IVpc,
        control_plane_subnets: Sequence[ec2.ISubnet],
        api_access_cidrs: Sequence[str] = (),
        public_access_cidrs: Sequence[str] = (),
        allow_public_access_from_anywhere: bool = False,
        admin_role_arns: Sequence[str] = (),
        access: Mapping[str, ClusterAccess] | None = None,
        secrets_encryption_key: kms.IKey | None = None,
        control_plane_logs: Sequence[str] = eks_facts.CONTROL_PLANE_LOGS,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        upgrade_policy: Literal["STANDARD", "EXTENDED"] = "STANDARD",
        control_plane_scaling_tier: str | None = None,
        scheduler_scoring_strategy: Literal["MostAllocated", "LeastAllocated"] = "MostAllocated",
        service_ipv4_cidr: str | None = None,
        deletion_protection: bool = True,
        kubectl_provider_options: eks.KubectlProviderOptions | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        zones = [_zone_of(subnet) for subnet in control_plane_subnets]
        self._check_plain("cluster_name", [cluster_name])
        self._check_plain("api_access_cidrs", api_access_cidrs)
        validate_cluster_name(cluster_name)
        _checks.check_control_plane_zones(zones)
        _checks.check_api_access_cidrs(api_access_cidrs)
        _checks.check_public_access_cidrs(
            [cidr for cidr in public_access_cidrs if not cdk.Token.is_unresolved(cidr)],
            allow_any_address=allow_public_access_from_anywhere,
        )
        _checks.check_log_types(control_plane_logs)
        _checks.check_scoring_strategy(scheduler_scoring_strategy)
        _checks.check_upgrade_policy(upgrade_policy)
        if control_plane_scaling_tier is not None and not cdk.Token.is_unresolved(control_plane_scaling_tier):
            _checks.check_tier(control_plane_scaling_tier)
        if service_ipv4_cidr is not None and not cdk.Token.is_unresolved(service_ipv4_cidr):
            validate_service_cidr("service_ipv4_cidr", service_ipv4_cidr)
        if not cdk.Token.is_unresolved(kubernetes_version):
            self._warn_about_version(parse_kubernetes_version(kubernetes_version))
        log_types = sorted(set(control_plane_logs))
        self._check_plain("admin_role_arns", admin_role_arns)
        entries = access_entries(admin_role_arns, access or {})

        self.cluster_name = cluster_name
        self._kubernetes_version, self._service_ipv4_cidr = kubernetes_version, service_ipv4_cidr
        self.secrets_encryption_key = secrets_encryption_key or kms.Key(
            self,
            "SecretsKey",
            description=f"Kubernetes secrets of the EKS cluster {cluster_name}",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.cluster_role = iam.Role(
            self,
            "ClusterRole",
            assumed_by=iam.ServicePrincipal("eks.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKSClusterPolicy")],
        )
        self.cluster_role.apply_removal_policy(removal_policy)
        self.control_plane_security_group = ec2.SecurityGroup(
            self,
            "ControlPlaneSecurityGroup",
            vpc=vpc,
            description=f"Network interfaces of the control plane of EKS cluster {cluster_name}",
            # The cluster security group, on the same interfaces, already lets the control plane reach the nodes.
            allow_all_outbound=False,
        )
        self.control_plane_security_group.apply_removal_policy(removal_policy)
        # EKS creates this log group when it is missing, without retention. CloudWatch Logs' own key: see
        # docs/decisions/0005-cluster.md, keys.
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=f"/aws/eks/{cluster_name}/cluster",
            retention=log_retention,
            removal_policy=removal_policy,
        )
        self.cluster = eks.Cluster(  # type: ignore[assignment]  # mypy sees jsii's Cluster and ICluster apart
            self,
            "Resource",
            version=eks.KubernetesVersion.of(kubernetes_version),
            cluster_name=cluster_name,
            vpc=_unlisted(self, vpc, zones),
            vpc_subnets=[ec2.SubnetSelection(subnets=list(control_plane_subnets))],
            role=self.cluster_role,
            security_group=self.control_plane_security_group,
            secrets_encryption_key=self.secrets_encryption_key,
            endpoint_access=eks.EndpointAccess.PUBLIC_AND_PRIVATE.only_from(*public_access_cidrs)
            if public_access_cidrs
            else eks.EndpointAccess.PRIVATE,
            control_plane_scaling_tier=eks.ControlPlaneScalingTier.of(control_plane_scaling_tier)
            if control_plane_scaling_tier
            else None,
            service_ipv4_cidr=service_ipv4_cidr,
            kubectl_provider_options=kubectl_provider_options,
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            bootstrap_self_managed_addons=False,
            bootstrap_cluster_creator_admin_permissions=False,
            output_config_command=False,
        )
        self.cluster.node.add_dependency(self.log_group)
        if kubectl_provider_options is None:
            # An SSM parameter that only the kubectl provider's custom resources wait for.
            self.cluster.node.try_remove_child("KubectlReadyBarrier")
        resource = cast("eks.CfnCluster", self.cluster.node.default_child)
        # Properties that the L2 does not have, or takes in a spelling of its own.
        resource.deletion_protection = deletion_protection
        resource.add_property_override("UpgradePolicy.SupportType", upgrade_policy)
        resource.add_property_override("Logging.ClusterLogging.EnabledTypes", [{"Type": log} for log in log_types])
        if scheduler_scoring_strategy == "MostAllocated":
            resource.add_property_override(
                "KubeSchedulerConfig.NodeResourcesFit.ScoringStrategy",
                {"Type": scheduler_scoring_strategy, "Resources": _SCHEDULER_RESOURCES},
            )

        self.cluster_arn = self.cluster.cluster_arn
        self.cluster_security_group_id = self.cluster.cluster_security_group_id
        for cidr in api_access_cidrs:
            rule = ec2.CfnSecurityGroupIngress(
                self,
                f"ApiAccess{cidr.replace('/', '-')}",
                group_id=self.control_plane_security_group.security_group_id,
                description=f"Kubernetes API from {cidr}",
                ip_protocol="tcp",
                from_port=_API_PORT,
                to_port=_API_PORT,
                cidr_ip=cidr,
            )
            # A rule that EC2 refuses is to fail before the cluster is there, which may be protected from deletion.
            self.cluster.node.add_dependency(rule)
        for name, entry in entries.items():
            add_access_entry(self, name, entry, cluster_name=self.cluster.cluster_name)

    def _check_plain(self, name: str, values: Sequence[str]) -> None:
        """Refuse tokens where construct ids or physical names are made of the value."""
        for value in values:
            if cdk.Token.is_unresolved(value):
                raise FleetError(
                    path=name,
                    verb="has",
                    got="a token",
                    expected="a plain value",
                    remedy="names and logical ids are made of it",
                )

    def _warn_about_version(self, version: tuple[int, int]) -> None:
        newest = eks_facts.KUBERNETES_VERSIONS[-1]
        if version < eks_facts.RESOURCE_CLAIMS_MINIMUM_VERSION:
            cdk.Annotations.of(self).add_warning_v2(
                "ultrafleet:kubernetes-version",
                f"kubernetes_version is {eks_facts.spelled(version)}, which has no resource.k8s.io/v1: use "
                f"{eks_facts.spelled(eks_facts.RESOURCE_CLAIMS_MINIMUM_VERSION)} or newer",
            )
        elif version > newest.parsed:
            cdk.Annotations.of(self).add_warning_v2(
                "ultrafleet:kubernetes-version-unknown",
                f"kubernetes_version is {eks_facts.spelled(version)}, expected at most {newest.name}: "
                "the catalog knows no newer one, nothing was tried with it and the rehearsal refuses it",
            )


def _zone_of(subnet: ec2.ISubnet) -> str | None:
    """The subnet's availability zone name, or None where synthesis does not know it."""
    try:
        zone = subnet.availability_zone
    except RuntimeError:  # an imported subnet whose zone was not given
        return None
    return None if is_token(zone) else zone


def _unlisted(scope: Construct, vpc: ec2.IVpc, zones: Sequence[str | None]) -> ec2.IVpc:
    """The VPC without its lists of subnets.

    `aws_eks_v2.Cluster` tags every private and public subnet that its VPC lists for load balancers: it would write into
    the network's stack, and invite load balancers into the accelerators' subnets. Subnets are always passed by name.
    """
    return ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id=vpc.vpc_id,
        availability_zones=sorted({zone for zone in zones if zone is not None}) or ["unknown"],  # must not be empty
    )
