"""Admission policy of team namespaces: what a member's job may ask for, checked by the API server itself."""

from typing import Any, Final

from ultrafleet.kubernetes.labels import TEAM_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.network_devices import EFA_RESOURCE
from ultrafleet.kubernetes.pod_security import PodRule, baseline_rules
from ultrafleet.rules.spare import SPARE_TAINT_KEY
from ultrafleet.rules.unproven import UNPROVEN_TAINT_KEY

PRIORITIES_ANNOTATION: Final = "ultrafleet/priorities"
"""Annotation of a team's namespace: the priority classes of its jobs, with commas. Members can't change a namespace."""

_NAME = "ultrafleet-teams"
_API = "admissionregistration.k8s.io/v1"
_QUEUE = "kueue.x-k8s.io/queue-name"
_PRIORITY = "kueue.x-k8s.io/priority-class"
_HOSTNAME = "kubernetes.io/hostname"
_LABELS = "object.metadata.?labels.orValue({})"
_OF_NAMESPACE = "namespaceObject.metadata"
_REFUSED_TOLERATIONS = (UNPROVEN_TAINT_KEY, SPARE_TAINT_KEY, "node.kubernetes.io/unschedulable", "CriticalAddonsOnly")
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

_PODS = (
    "request.kind.kind == 'Pod' ? [dyn(object).spec] : "
    "request.kind.kind == 'Job' ? [dyn(object).spec.template.spec] : "
    "request.kind.kind == 'JobSet' ? dyn(object).spec.replicatedJobs.map(j, j.template.spec.template.spec) : "
    "request.kind.kind == 'TrainingRuntime' ? "
    "dyn(object).spec.template.spec.replicatedJobs.map(j, j.template.spec.template.spec) : []"
)
_POD_RULES = (*baseline_rules(locks_memory=_LOCKS_MEMORY), *_PLACE_RULES)

# Controllers make Jobs and pods, members can't. Trainer gives the queue label of a TrainJob to no JobSet; a member
# could name any owner, so who makes the JobSet decides, too.
_QUEUED = (
    f"request.kind.kind == 'TrainingRuntime' || {_LABELS}[?'{_QUEUE}'].orValue('') != '' || "
    "(request.kind.kind in ['Pod', 'Job'] && "
    "object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false))) || "
    "(request.kind.kind == 'JobSet' && object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'TrainJob' && "
    "o.apiVersion.startsWith('trainer.kubeflow.org/')) && "
    "request.userInfo.username.startsWith('system:serviceaccount:') && "
    "!request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':'))"
)
_ALLOWED = f"{_OF_NAMESPACE}.?annotations[?'{PRIORITIES_ANNOTATION}'].orValue('')"
_JOB_RULES: tuple[dict[str, str], ...] = (
    {
        "expression": _QUEUED,
        "message": f"the label {_QUEUE} is missing: without it the job takes nodes past the queue; label it with the "
        "namespace's LocalQueue",
    },
    {
        "expression": f"!('{_PRIORITY}' in {_LABELS}) || {_LABELS}['{_PRIORITY}'] in {_ALLOWED}.split(',')",
        "messageExpression": f"'{_PRIORITY} ' + {_LABELS}[?'{_PRIORITY}'].orValue('') + "
        f"' is refused in this namespace, expected one of ' + {_ALLOWED}",
        "message": "the job's priority isn't one of its team's",
    },
    {
        "expression": "request.kind.kind != 'Pod' || "
        f"dyn(object).spec.?nodeSelector[?'{WORKLOAD_LABEL}'].orValue('') == "
        f"{_OF_NAMESPACE}.?labels[?'{WORKLOAD_LABEL}'].orValue('-')",
        "message": f"a pod without the node selector {WORKLOAD_LABEL} of its namespace could land on the system's "
        "nodes; the queue sets it where pods ask for accelerators, add it to the others",
    },
    {
        "expression": "object.metadata.?annotations.orValue({}).all(k, "
        "!k.startsWith('container.apparmor.security.beta.kubernetes.io/') || "
        "object.metadata.annotations[k] != 'unconfined')",
        "message": "AppArmor can't be switched off",
    },
)

# Queues change a pod's selector when they let it go, so pods are checked when they are made.
_CHECKED = (
    ("", "v1", ["pods"], ["CREATE"]),
    ("batch", "v1", ["jobs"], ["CREATE", "UPDATE"]),
    ("jobset.x-k8s.io", "v1alpha2", ["jobsets"], ["CREATE", "UPDATE"]),
    ("trainer.kubeflow.org", "v1alpha1", ["trainjobs", "trainingruntimes"], ["CREATE", "UPDATE"]),
)


def team_admission_manifests() -> list[Manifest]:
    """Policy of all namespaces with the team label, and its binding.

    Pods are checked however they come about. The objects that make them are checked, too, so that whoever submits a job
    reads at once what is refused. Objects that exist aren't looked at again until their labels change.
    """
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources}
                for group, version, resources, operations in _CHECKED
            ]
        },
        "matchConditions": [
            {
                "name": "new-or-relabelled",
                "expression": f"oldObject == null || {_LABELS} != oldObject.metadata.?labels.orValue({{}})",
            }
        ],
        "variables": [{"name": "pods", "expression": _PODS}],
        "validations": [
            *(
                {"expression": f"variables.pods.all(p, {rule.expression})", "message": rule.message}
                for rule in _POD_RULES
            ),
            *_JOB_RULES,
        ],
    }
    binding = {
        "policyName": _NAME,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchExpressions": [{"key": TEAM_LABEL, "operator": "Exists"}]}},
    }
    return [
        kubernetes_object(_API, "ValidatingAdmissionPolicy", _NAME, spec=spec),
        kubernetes_object(_API, "ValidatingAdmissionPolicyBinding", _NAME, spec=binding),
    ]
