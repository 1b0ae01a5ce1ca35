"""Both ends of a queue over cells: the manager's role and tokens, and what a worker grants it."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.cell_queues.managed import ManagedQueues
from ultrafleet.cell_queues.manager_manifests import KUEUE_NAMESPACE
from ultrafleet.cell_queues.programs import TOKEN_PROGRAM, domain_manifests, token_manifests
from ultrafleet.cell_queues.queue import EksCredentials
from ultrafleet.cell_queues.worker_manifests import MANAGER_GROUP, worker_manifests
from ultrafleet.cluster.access import ClusterAccess, add_access_entry
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.delivery.delivery import Delivery
from ultrafleet.delivery.pod_identity import pod_identity
from ultrafleet.errors import FleetError
from ultrafleet.jobs.cluster_care import CARE_NAMESPACE
from ultrafleet.jobs.cluster_program import PROGRAM_IMAGE
from ultrafleet.queueing.flavors import Flavor


class CellQueueManager(Construct):
    """Way of a manager into its EKS workers: a role that takes theirs, and a program that renews tokens.

    Kueue with the queues themselves comes by `FleetPlatform(managed=...)`. No credential is in a template: the program
    asks each worker for a token of a day, every four hours, and writes it into the secret that Kueue reads.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster.
        cluster: the manager.
        managed: its queues.
        role_name: name of its role, which workers name by ARN.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """

    role: iam.Role | None
    """Role of the program, `manager_role_arn` of each worker; None where no worker is an EKS cluster."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        cluster: ClusterReference,
        managed: ManagedQueues,
        role_name: str,
        image: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        workers = [worker for queue in managed.queues for worker in queue.workers]
        roles = sorted(
            {worker.credentials.role_arn for worker in workers if isinstance(worker.credentials, EksCredentials)}
        )
        self.role = None
        if not roles:
            return
        own = [worker.name for worker in workers if _is(worker.credentials, cluster, cdk.Stack.of(self))]
        if own:
            raise FleetError(
                path=f"worker {own[0]}",
                got="the manager itself",
                expected="another cluster",
                remedy="Kueue has no manager that is its own worker: make the manager a small cluster without racks",
            )
        self.role, association = pod_identity(
            self,
            "Workers",
            cluster_name=cluster.cluster_name,
            namespace=KUEUE_NAMESPACE,
            service_account=TOKEN_PROGRAM,
            description=f"tokens of the workers of {cluster.cluster_name}",
            statements=[iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)],
            role_name=role_name,
        )
        for manifest in token_manifests(workers, image=image or PROGRAM_IMAGE):
            delivery.add_manifest(self, manifest, after=[association])


class CellQueueWorker(Construct):
    """Grants of a worker to its manager: a role, an access entry, and Kubernetes rights for the stated kinds of jobs.

    The role may describe this cluster alone. In the cluster it may ask for a token of one service account, which may
    make and delete Workloads and jobs of the stated kinds, and read queues; it may read no secret, node or pod.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster.
        cluster: the worker.
        manager_role_arn: role of the manager, `CellQueueManager.role`; a plain ARN.
        job_kinds: kinds of jobs, those of the manager. Default: JobSets.
        role_name: name of its role, which the manager names by ARN.
        flavors: the cluster's capacity: where NVLink joins nodes, a program makes the ComputeDomains of jobs. Default:
            none, and no such program.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """

    role: iam.Role
    """Role that the manager takes: `role_arn` of the worker."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        cluster: ClusterReference,
        manager_role_arn: str,
        role_name: str,
        job_kinds: Sequence[str] = ("JobSet",),
        flavors: Sequence[Flavor] = (),
        image: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        arn = stack.format_arn(service="eks", resource="cluster", resource_name=cluster.cluster_name)
        describe = iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[arn])
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=iam.ArnPrincipal(manager_role_arn),
            description=f"manager of queues over cells in {cluster.cluster_name}",
            inline_policies={"permissions": iam.PolicyDocument(statements=[describe])},
        )
        add_access_entry(
            self,
            "Access",
            ClusterAccess(principal_arn=self.role.role_arn, kubernetes_groups=[MANAGER_GROUP]),
            cluster_name=cluster.cluster_name,
        )
        manifests = worker_manifests(job_kinds)
        if any(pool.has_multi_node_nvlink for flavor in flavors for pool in flavor.pools):
            manifests += domain_manifests(namespace=CARE_NAMESPACE, image=image or PROGRAM_IMAGE)
        for manifest in manifests:
            delivery.add_manifest(self, manifest)


def _is(credentials: object, cluster: ClusterReference, stack: cdk.Stack) -> bool:
    """True if a worker's cluster is this one: by name and region."""
    return (
        isinstance(credentials, EksCredentials)
        and credentials.cluster_name == cluster.cluster_name
        and credentials.region == stack.region
    )
