"""A model that is served, with everything of AWS that it needs."""

from collections.abc import Mapping, Sequence
from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IDependable

from ultrafleet.cluster_reference import ClusterReference, cluster_security_group_id
from ultrafleet.delivery.delivery import Delivery
from ultrafleet.delivery.pod_identity import pod_identity
from ultrafleet.errors import FleetError
from ultrafleet.inference.engine_network import engine_network_policy
from ultrafleet.inference.envoy_configuration import GATEWAY_PORT
from ultrafleet.inference.gateway import DEFAULT_CLIENTS, GATEWAY_IMAGE, TRANSLATOR_IMAGE, Gateway, GatewayClient
from ultrafleet.inference.gateway_manifests import GATEWAY_ACCOUNT, gateway_manifests
from ultrafleet.inference.serving import Serving
from ultrafleet.inference.serving_manifests import serving_manifests
from ultrafleet.inference.weights import WEIGHTS_ACCOUNT, weights_namespace


@jsii.implements(ec2.IConnectable)
class ModelEndpoint(Construct):
    """An OpenAI API inside the VPC, served from reserved accelerators, and from Amazon Bedrock while they are gone.

    Replicas are LeaderWorkerSets in no queue, at most as many as the capacity holds. A gateway on the system nodes
    sends requests to them, and to the same model in Bedrock when no replica is healthy, or none sends a token in time:
    a rack's end is not an outage. It is behind an internal Network Load Balancer that the AWS Load Balancer Controller
    makes, in a security group of this construct. Each client sends the key in its own secret. By a network policy the
    gateway alone reaches the replicas.

    With `serving.rack_scale` a replica is a share of an UltraServer, with prefill and decode on nodes of their own and
    vLLM's router before them. Its recipe is a published one (`RackScale.published`); none of it ran on hardware here.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name
            and security group, which lets the load balancer in. The name is plain, since roles are limited to it.
        vpc: VPC of the load balancer.
        serving: model, capacity, recipe and replicas.
        subnets: ids or `Name` tags of the load balancer's subnets, in availability zones: those of the system nodes.
        client_cidrs: IPv4 networks that may reach the load balancer. Default: none may.
        certificate_arn: certificate for TLS on port 443. Default: none; then `plain_http` has to be said.
        plain_http: port 80 without TLS. Default: False.
        bedrock_region: region where Bedrock has the model. Default: no fallback.
        clients: who may ask, each with a key and limits of its own. Default: one, `default`, without limits.
        first_token_seconds: longest that a client waits for the first token of replicas, before Bedrock is asked: half
            of it at one, half at another. Default: 30, twice what a prompt of 131,072 tokens takes at 10,000 a second.
        idle_seconds: longest between two chunks of a stream, before it is cut. Default: 60.
        total_seconds: longest that a stream takes. Default: 3600.
        tokens_per_second: tokens that all replicas make at most, which decides the number of gateway pods. Default: as
            published for the model on its nodes; without a figure, two pods.
        weights_bucket: bucket of `serving.weights`. Default: imported by its name.
        gateway_image: Envoy's image. Default: the version that this library was tested with.
        translator_image: LiteLLM's image, which speaks to Bedrock. Default: the version that this library was tested
            with.

    Raises:
        FleetError: neither a certificate nor `plain_http`, a fallback for a model that Bedrock isn't known to have,
            times out of order, clients without a name or with a limit below the number of gateway pods.
    """

    client_keys: Mapping[str, secretsmanager.Secret]
    """Key of each client, by its name."""
    security_group: ec2.CfnSecurityGroup
    """Group of the load balancer."""
    weights_role: iam.Role
    """Role of the pods that copy the weights to nodes: reads them. The servers have none."""
    gateway_role: iam.Role
    """Role of the gateway: invokes the model in Bedrock."""
    weights_identity: eks.CfnPodIdentityAssociation
    """Gives those pods their role."""
    gateway_identity: eks.CfnPodIdentityAssociation
    """Gives the gateway its role."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        cluster: ClusterReference,
        vpc: ec2.IVpc,
        serving: Serving,
        subnets: Sequence[str],
        client_cidrs: Sequence[str] = (),
        certificate_arn: str | None = None,
        plain_http: bool = False,
        bedrock_region: str | None = None,
        clients: Sequence[GatewayClient] = DEFAULT_CLIENTS,
        first_token_seconds: int = 30,
        idle_seconds: int = 60,
        total_seconds: int = 3600,
        tokens_per_second: int | None = None,
        weights_bucket: s3.IBucket | None = None,
        gateway_image: str = GATEWAY_IMAGE,
        translator_image: str = TRANSLATOR_IMAGE,
    ) -> None:
        super().__init__(scope, id)
        cluster_name = cluster.cluster_name
        if cdk.Token.is_unresolved(cluster_name):
            raise FleetError(
                path="cluster_name",
                verb="has",
                got="a token",
                expected="a plain value",
                remedy="names are made of it",
            )
        name = f"{cluster_name}-{serving.name}"
        gateway = Gateway(
            serving=serving,
            key_secret_prefix=f"{name}-client",
            region=cdk.Stack.of(self).region,
            subnets=subnets,
            security_group=f"{name}-gateway",
            certificate_arn=certificate_arn,
            plain_http=plain_http,
            bedrock_region=bedrock_region,
            bedrock_model_id=serving.model.bedrock_model_id,
            clients=clients,
            first_token_seconds=first_token_seconds,
            idle_seconds=idle_seconds,
            total_seconds=total_seconds,
            tokens_per_second=tokens_per_second,
            image=gateway_image,
            translator_image=translator_image,
        )
        # The AWS-managed key: one role of this account reads it; see docs/decisions/0005-cluster.md, keys.
        self.client_keys = {
            client.name: secretsmanager.Secret(
                self,
                f"Key-{client.name}",
                secret_name=gateway.key_secret_name(client),
                description=f"key of {client.name} for {serving.name} in {cluster_name}",
                generate_secret_string=secretsmanager.SecretStringGenerator(
                    password_length=48, exclude_punctuation=True
                ),
            )
            for client in clients
        }
        self.security_group = self._load_balancer_group(
            gateway, vpc=vpc, client_cidrs=client_cidrs, nodes_group_id=cluster_security_group_id(cluster)
        )
        self._listener_port = gateway.listener_port
        self.weights_role, self.weights_identity = self._identity(
            "Weights",
            cluster_name,
            weights_namespace(serving),
            WEIGHTS_ACCOUNT,
            self._may_read_weights(serving, weights_bucket),
        )
        self.gateway_role, self.gateway_identity = self._identity(
            "Gateway", cluster_name, serving.name, GATEWAY_ACCOUNT, self._may_answer(gateway)
        )
        # A pod that starts before its identity is there gets no credentials.
        after: dict[str, Sequence[IDependable]] = {
            "Deployment": (self.gateway_identity, *self.client_keys.values()),
            "DaemonSet": (self.weights_identity,),
        }
        for manifest in (*serving_manifests(serving), engine_network_policy(serving), *gateway_manifests(gateway)):
            delivery.add_manifest(self, manifest, after=after.get(manifest["kind"], ()))

    @property
    def connections(self) -> ec2.Connections:
        """Connections of the load balancer, on the listener's port by default."""
        group = self.node.try_find_child("Connections") or ec2.SecurityGroup.from_security_group_id(
            self, "Connections", self.security_group.attr_group_id
        )
        return ec2.Connections(
            security_groups=[cast("ec2.ISecurityGroup", group)], default_port=ec2.Port.tcp(self._listener_port)
        )

    def grant_read_client_key(self, client: str, grantee: iam.IGrantable) -> iam.Grant:
        """Grant the right to read the key that a client sends.

        Args:
            client: its name.
            grantee: a role, a user or a service.

        Raises:
            FleetError: there is no client of that name.
        """
        if client not in self.client_keys:
            raise FleetError(
                path="client",
                got=repr(client),
                expected=f"one of {', '.join(self.client_keys)}",
                remedy="pass it in clients",
            )
        return self.client_keys[client].grant_read(grantee)

    def _identity(
        self, who: str, cluster_name: str, namespace: str, account: str, statements: Sequence[iam.PolicyStatement]
    ) -> tuple[iam.Role, eks.CfnPodIdentityAssociation]:
        return pod_identity(
            self,
            who,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=account,
            description=f"{account} of {namespace}",
            statements=statements,
        )

    def _may_read_weights(self, serving: Serving, bucket: s3.IBucket | None) -> list[iam.PolicyStatement]:
        name, _, prefix = serving.weights.removeprefix("s3://").partition("/")
        bucket = bucket or s3.Bucket.from_bucket_name(self, "WeightsBucket", name)
        return [
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": [f"{prefix}/*", prefix]}},
            ),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{prefix}/*")]),
        ]

    def _may_answer(self, gateway: Gateway) -> list[iam.PolicyStatement]:
        """Read the keys; invoke one model in one region: Converse and streaming are these two (Bedrock guide, high)."""
        keys = [key.secret_arn for key in self.client_keys.values()]
        statements = [iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=keys)]
        if gateway.has_fallback:
            model = f"{gateway.bedrock_region}::foundation-model/{gateway.bedrock_model_id}"
            statements.append(
                iam.PolicyStatement(
                    actions=["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
                    resources=[f"arn:{cdk.Stack.of(self).partition}:bedrock:{model}"],
                )
            )
        return statements

    def _load_balancer_group(
        self, gateway: Gateway, *, vpc: ec2.IVpc, client_cidrs: Sequence[str], nodes_group_id: str
    ) -> ec2.CfnSecurityGroup:
        """Clients to the listener, the listener to the gateway's pods, and nothing else."""
        group = ec2.CfnSecurityGroup(
            self,
            "LoadBalancerGroup",
            vpc_id=vpc.vpc_id,
            group_description=f"clients of {gateway.serving.name}",
            security_group_ingress=[
                {
                    "ipProtocol": "tcp",
                    "fromPort": gateway.listener_port,
                    "toPort": gateway.listener_port,
                    "cidrIp": cidr,
                    "description": "clients",
                }
                for cidr in client_cidrs
            ],
            security_group_egress=[
                {
                    "ipProtocol": "tcp",
                    "fromPort": GATEWAY_PORT,
                    "toPort": GATEWAY_PORT,
                    "destinationSecurityGroupId": nodes_group_id,
                    "description": "gateway pods",
                }
            ],
            # The load balancer's controller finds it by its name.
            tags=[cdk.CfnTag(key="Name", value=gateway.security_group)],
        )
        ec2.CfnSecurityGroupIngress(
            self,
            "GatewayFromLoadBalancer",
            group_id=nodes_group_id,
            ip_protocol="tcp",
            from_port=GATEWAY_PORT,
            to_port=GATEWAY_PORT,
            source_security_group_id=group.attr_group_id,
            description=f"load balancer of {gateway.serving.name}",
        )
        return group
