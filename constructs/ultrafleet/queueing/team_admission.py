"""Admission policies of team namespaces: what a member's job may ask for, checked by the API server itself."""

from typing import Any, Final

from ultrafleet.kubernetes.labels import TEAM_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pod_security import PodRule, baseline_rules
from ultrafleet.queueing.flavors import EFA_RESOURCE
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY

PRIORITIES_ANNOTATION: Final = "ultrafleet/priorities"
"""Annotation of a team's namespace: the priority classes of its jobs, with commas. Members can't change a namespace."""

_API = "admissionregistration.k8s.io/v1"
_QUEUE = "kueue.x-k8s.io/queue-name"
_PRIORITY = "kueue.x-k8s.io/priority-class"
_HOSTNAME = "kubernetes.io/hostname"
_LABELS = "object.metadata.?labels.orValue({})"
_OF_NAMESPACE = "namespaceObject.metadata"
_REFUSED_TOLERATIONS = (UNPROVEN_TAINT_KEY, "node.kubernetes.io/unschedulable", "CriticalAddonsOnly")
_REFUSED_LIST = ", ".join(f"'{key}'" for key in _REFUSED_TOLERATIONS)

# An EFA device is an extended resource of the device plugin, or a claim of EFA's DRA driver.
_LOCKS_MEMORY = f"('{EFA_RESOURCE}' in c.?resources.?limits.orValue({{}}) || c.?resources.?claims.hasValue())"

_PLACE_RULES = (
    PodRule(
        id="no-priority-class",
        expression="p.?priorityClassName.orValue('') == ''",
        message=f"priorityClassName is refused: it preempts pods past the queue; label the job {_PRIORITY}",
    ),
    PodRule(
        id="no-node-name",
        expression=f"p.?nodeName.orValue('') == '' && !('{_HOSTNAME}' in p.?nodeSelector.orValue({{}})) && "
        "p.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"
        ".all(t, !has(t.matchFields) && (!has(t.matchExpressions) || "
        f"t.matchExpressions.all(e, e.key != '{_HOSTNAME}')))",
        message="names of nodes are refused (nodeName, or a selector by host name): the queue chooses nodes",
    ),
    PodRule(
        id="tolerations",
        expression="p.?tolerations.orValue([]).all(t, t.?key.orValue('') != '' && "
        f"!(t.key in [{_REFUSED_LIST}]) && !t.key.startsWith('node-role.kubernetes.io/'))",
        message=f"a toleration of everything, or of {', '.join(_REFUSED_TOLERATIONS)} or node roles, is refused",
    ),
)

_POD_RULES = (*baseline_rules(locks_memory=_LOCKS_MEMORY), *_PLACE_RULES)

_QUEUED = {
    "expression": f"{_LABELS}[?'{_QUEUE}'].orValue('') != ''",
    "message": f"the label {_QUEUE} is missing: without it the job takes nodes past the queue; label it with the "
    "namespace's LocalQueue",
}
_OWNED_OR_QUEUED = {
    **_QUEUED,
    "expression": f"object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false)) || "
    f"{_QUEUED['expression']}",
}
# Trainer gives the queue label of a TrainJob to no JobSet. A member could name any owner, so who asks decides, too.
_TRAINERS_OR_QUEUED = {
    **_QUEUED,
    "expression": "(object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'TrainJob' && "
    "o.apiVersion.startsWith('trainer.kubeflow.org/')) && "
    "request.userInfo.username.startsWith('system:serviceaccount:') "
    "&& !request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':')) || "
    f"{_QUEUED['expression']}",
}
_ALLOWED_PRIORITY = {
    "expression": f"!('{_PRIORITY}' in {_LABELS}) || {_LABELS}['{_PRIORITY}'] in "
    f"{_OF_NAMESPACE}.?annotations[?'{PRIORITIES_ANNOTATION}'].orValue('').split(',')",
    "messageExpression": f"'{_PRIORITY} ' + {_LABELS}[?'{_PRIORITY}'].orValue('') + ' is refused in this namespace, "
    f"expected one of ' + {_OF_NAMESPACE}.?annotations[?'{PRIORITIES_ANNOTATION}'].orValue('')",
    "message": "the job's priority isn't one of its team's",
}
_ON_OWN_POOLS = {
    "expression": f"object.spec.?nodeSelector[?'{WORKLOAD_LABEL}'].orValue('') == "
    f"{_OF_NAMESPACE}.?labels[?'{WORKLOAD_LABEL}'].orValue('-')",
    "message": f"a pod without the node selector {WORKLOAD_LABEL} of its namespace could land on the system's nodes; "
    "the queue sets it where pods ask for accelerators, add it to the others",
}
_NO_UNCONFINED_ANNOTATION = {
    "expression": "object.metadata.?annotations.orValue({}).all(k, "
    "!k.startsWith('container.apparmor.security.beta.kubernetes.io/') || "
    "object.metadata.annotations[k] != 'unconfined')",
    "message": "AppArmor can't be switched off",
}

_JOBS_OF_SET = ".replicatedJobs.map(j, j.template.spec.template.spec)"


def team_admission_manifests() -> list[Manifest]:
    """Policies of all namespaces with the team label, each with its binding.

    Pods are checked however they come about. The objects that make them are checked, too, so that whoever submits a job
    reads at once what is refused. Objects that exist aren't looked at again until their labels change.
    """
    runtime = "object.spec.template.spec" + _JOBS_OF_SET
    return [
        *_policy(
            "team-pods",
            ("", "v1", "pods"),
            pods="[object.spec]",
            more=(_OWNED_OR_QUEUED, _ALLOWED_PRIORITY, _ON_OWN_POOLS, _NO_UNCONFINED_ANNOTATION),
            operations=("CREATE",),
        ),
        *_policy(
            "team-jobs",
            ("batch", "v1", "jobs"),
            pods="[object.spec.template.spec]",
            more=(_OWNED_OR_QUEUED, _ALLOWED_PRIORITY),
        ),
        *_policy(
            "team-jobsets",
            ("jobset.x-k8s.io", "v1alpha2", "jobsets"),
            pods="object.spec" + _JOBS_OF_SET,
            more=(_TRAINERS_OR_QUEUED, _ALLOWED_PRIORITY),
        ),
        *_policy(
            "team-trainjobs", ("trainer.kubeflow.org", "v1alpha1", "trainjobs"), more=(_QUEUED, _ALLOWED_PRIORITY)
        ),
        *_policy("team-runtimes", ("trainer.kubeflow.org", "v1alpha1", "trainingruntimes"), pods=runtime),
    ]


def _policy(
    name: str,
    resource: tuple[str, str, str],
    *,
    pods: str | None = None,
    more: tuple[dict[str, str], ...] = (),
    operations: tuple[str, ...] = ("CREATE", "UPDATE"),
) -> list[Manifest]:
    group, version, plural = resource
    rules = [] if pods is None else [_validation(rule) for rule in _POD_RULES]
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [group], "apiVersions": [version], "operations": list(operations), "resources": [plural]}
            ]
        },
        "validations": [*rules, *({**rule, "reason": "Forbidden"} for rule in more)],
    }
    if "UPDATE" in operations:
        spec["matchConditions"] = [
            {
                "name": "new-or-relabelled",
                "expression": f"oldObject == null || {_LABELS} != oldObject.metadata.?labels.orValue({{}})",
            }
        ]
    if pods is not None:
        spec["variables"] = [{"name": "pods", "expression": pods}]
    selector = {"matchExpressions": [{"key": TEAM_LABEL, "operator": "Exists"}]}
    full = f"ultrafleet-{name}"
    return [
        kubernetes_object(_API, "ValidatingAdmissionPolicy", full, spec=spec),
        kubernetes_object(
            _API,
            "ValidatingAdmissionPolicyBinding",
            full,
            spec={
                "policyName": full,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": selector},
            },
        ),
    ]


def _validation(rule: PodRule) -> dict[str, str]:
    return {
        "expression": f"variables.pods.all(p, {rule.expression})",
        "message": rule.message,
        "reason": "Forbidden",
    }
