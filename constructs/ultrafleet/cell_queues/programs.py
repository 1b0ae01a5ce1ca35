"""Programs of a queue over cells: tokens of workers on the manager, ComputeDomains of its jobs on a worker."""

import json
from collections.abc import Sequence
from typing import Final

from ultrafleet.cell_queues.manager_manifests import KUEUE_NAMESPACE
from ultrafleet.cell_queues.queue import EksCredentials, Worker
from ultrafleet.cell_queues.worker_manifests import MANAGER_ACCOUNT
from ultrafleet.jobs.cluster_program import PROGRAM_IMAGE, ClusterProgram
from ultrafleet.kubernetes.manifest import Manifest

TOKEN_PROGRAM: Final = "worker-tokens"  # noqa: S105 - a name
"""Name of the program that renews tokens, and of its service account in Kueue's namespace."""

_API = "in_cluster.kubernetes_api"


def token_manifests(workers: Sequence[Worker], *, image: str = PROGRAM_IMAGE) -> list[Manifest]:
    """The program that gives each EKS worker's secret a kubeconfig with a token of a day, every four hours.

    So a worker stays connected while five renewals in a row fail. It may change these secrets alone.

    Args:
        workers: workers of all queues; those with a kubeconfig of their own are passed over.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """
    on_eks = {worker.name: (worker, worker.credentials) for worker in workers}
    table = {
        name: {
            "account": MANAGER_ACCOUNT,
            "cluster": way.cluster_name,
            "namespace": KUEUE_NAMESPACE,
            "region": way.region,
            "role": way.role_arn,
            "secret": worker.secret_name,
        }
        for name, (worker, way) in sorted(on_eks.items())
        if isinstance(way, EksCredentials)
    }
    if not table:
        return []
    program = ClusterProgram(
        name=TOKEN_PROGRAM,
        namespace=KUEUE_NAMESPACE,
        modules=["in_cluster.worker_tokens_command", "in_cluster.worker_tokens", _API],
        schedule="17 */4 * * *",
        image=image,
        arguments=[json.dumps(table, sort_keys=True)],
        has_role=True,
    )
    secrets = sorted(row["secret"] for row in table.values())
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"], "resourceNames": secrets}
    return [
        program.service_account(),
        *program.role([rule], namespace=KUEUE_NAMESPACE),
        program.code(),
        program.network_policy(),
        program.cron_job(),
    ]


def domain_manifests(*, namespace: str, image: str = PROGRAM_IMAGE) -> list[Manifest]:
    """The program that makes ComputeDomains of jobs from the manager, each minute.

    The manager sends Workload and job alone, and Kueue admits a Workload only when the templates of its claims are
    there. Kueue marks one that waited for its template; the program takes the mark away, or the job would evict others
    in vain.

    Args:
        namespace: where it runs.
        image: image with Python 3.11 or newer. Default: Docker's official one in Amazon ECR Public.
    """
    program = ClusterProgram(
        name="worker-domains",
        namespace=namespace,
        modules=["in_cluster.worker_domains_command", "in_cluster.worker_domains", _API],
        schedule="* * * * *",
        image=image,
    )
    rules = [
        {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": ["list"]},
        {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads/status"], "verbs": ["patch"]},
        {"apiGroups": ["resource.nvidia.com"], "resources": ["computedomains"], "verbs": ["list", "create"]},
    ]
    status = {
        "apiGroups": ["kueue.x-k8s.io"],
        "apiVersions": ["v1beta2"],
        "operations": ["UPDATE"],
        "resources": ["workloads/status"],
    }
    return [
        program.service_account(),
        *program.role(rules),
        *program.bounds(
            status,
            {
                "admissions are left alone": "object.?status.?admission == oldObject.?status.?admission && "
                "object.?status.?admissionChecks == oldObject.?status.?admissionChecks",
                "other conditions are left alone": f"{_conditions('object')} == {_conditions('oldObject')}",
            },
        ),
        program.code(),
        program.network_policy(),
        program.cron_job(),
    ]


def _conditions(workload: str) -> str:
    """Conditions of a Workload but the one that queues it again, in CEL."""
    return f"{workload}.?status.?conditions.orValue([]).filter(c, c.type != 'Requeued')"
