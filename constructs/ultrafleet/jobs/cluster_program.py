"""A program of `ultrafleet.in_cluster` or `ultrafleet.acceptance` in the cluster: code, rights, network and CronJob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pod_identity import POD_IDENTITY_ADDRESS

PROGRAM_IMAGE: Final = "public.ecr.aws/docker/library/python:3.13-slim"
"""Python for programs in the cluster, which need nothing else; of Docker's official images, in AWS's registry."""

_RBAC = "rbac.authorization.k8s.io/v1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_NOBODY = 65534
_FOLDER = "/opt/ultrafleet"


@dataclass(frozen=True, kw_only=True)
class ClusterProgram:
    """A program that looks at the cluster now and then, with a service account and rights of its own.

    Attributes:
        name: its name, also of its service account.
        namespace: where it runs.
        modules: its modules, the one that runs first; they import the standard library and each other.
        schedule: when it looks, as in a crontab.
        image: image with Python 3.11 or newer.
        arguments: arguments of the command.
        container: name of the container. Default: that of the program.
        has_role: whether it has an IAM role, whose credentials it gets of the EKS Pod Identity agent.
    """

    name: str
    namespace: str
    modules: Sequence[str]
    schedule: str
    image: str = PROGRAM_IMAGE
    arguments: Sequence[str] = field(default_factory=tuple)
    container: str | None = None
    has_role: bool = False

    @property
    def user(self) -> str:
        """Kubernetes user of its service account."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def service_account(self) -> Manifest:
        """Its service account."""
        return kubernetes_object("v1", "ServiceAccount", self.name, namespace=self.namespace)

    def role(self, rules: Sequence[Mapping[str, Any]], *, namespace: str | None = None) -> list[Manifest]:
        """A role with its binding.

        Args:
            rules: what it may do.
            namespace: where. Default: everywhere.
        """
        kind = "ClusterRole" if namespace is None else "Role"
        return [
            kubernetes_object(_RBAC, kind, self.name, namespace=namespace, rules=list(rules)),
            kubernetes_object(
                _RBAC,
                f"{kind}Binding",
                self.name,
                namespace=namespace,
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self.name},
                subjects=[{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}],
            ),
        ]

    def bounds(self, rule: Mapping[str, Any], validations: Mapping[str, str]) -> list[Manifest]:
        """Bounds that RBAC can't set: an admission policy for what it asks alone.

        Args:
            rule: which requests, as `resourceRules` has it.
            validations: CEL expressions by their messages.
        """
        return [
            kubernetes_object(
                _ADMISSION,
                "ValidatingAdmissionPolicy",
                self.name,
                spec={
                    "failurePolicy": "Fail",
                    "matchConstraints": {"resourceRules": [dict(rule)]},
                    "matchConditions": [
                        {"name": "program", "expression": f"request.userInfo.username == '{self.user}'"}
                    ],
                    "validations": [
                        {"expression": expression, "message": message} for message, expression in validations.items()
                    ],
                },
            ),
            kubernetes_object(
                _ADMISSION,
                "ValidatingAdmissionPolicyBinding",
                self.name,
                spec={"policyName": self.name, "validationActions": ["Deny"]},
            ),
        ]

    def code(self) -> Manifest:
        """The ConfigMap with its modules, as keys `PACKAGE.MODULE.py`."""
        return kubernetes_object(
            "v1",
            "ConfigMap",
            f"{self.name}-code",
            namespace=self.namespace,
            data={f"{module}.py": _text(module) for module in self.modules},
        )

    def network_policy(self) -> Manifest:
        """The policy by which it calls DNS and the API, and nothing calls it."""
        ports = [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 53}, {"protocol": "UDP", "port": 53}]
        agent = {
            "to": [{"ipBlock": {"cidr": POD_IDENTITY_ADDRESS}}],
            "ports": [{"protocol": "TCP", "port": 80}],
        }
        return kubernetes_object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            self.name,
            namespace=self.namespace,
            spec={
                "podSelector": {"matchLabels": {"app": self.name}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [{"ports": ports}, *([agent] if self.has_role else [])],
            },
        )

    def cron_job(self) -> Manifest:
        """The CronJob that runs it."""
        package = [
            {"key": f"{module}.py", "path": f"ultrafleet/{module.replace('.', '/')}.py"} for module in self.modules
        ]
        container = {
            "name": self.container or self.name,
            "image": self.image,
            "command": ["python3", "-m", f"ultrafleet.{self.modules[0]}", *self.arguments],
            "env": [{"name": "PYTHONPATH", "value": _FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
            "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
            "volumeMounts": [{"name": "code", "mountPath": _FOLDER, "readOnly": True}],
        }
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": self.name,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "code", "configMap": {"name": f"{self.name}-code", "items": package}}],
        }
        job = {
            "activeDeadlineSeconds": 300,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 600,
            "template": {"metadata": {"labels": {"app": self.name}}, "spec": pod},
        }
        return kubernetes_object(
            "batch/v1",
            "CronJob",
            self.name,
            namespace=self.namespace,
            spec={
                "schedule": self.schedule,
                # Two at once would each do the same.
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 50,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"spec": job},
            },
        )


def _text(module: str) -> str:
    package, _, name = module.rpartition(".")
    return (files(f"ultrafleet.{package}") / f"{name}.py").read_text(encoding="utf-8")
