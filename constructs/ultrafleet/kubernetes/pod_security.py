"""Kubernetes' baseline for pods as CEL expressions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.source import Source

POD_SECURITY_SOURCE: Final = Source(
    "Kubernetes documentation, Pod Security Standards, baseline",
    address="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
)

POD_SECURITY_LABEL: Final = "pod-security.kubernetes.io/enforce"
"""Of a namespace whose pods need nothing beyond one of the standards: the standard that Kubernetes holds them to."""

_CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
)  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")


@dataclass(frozen=True, kw_only=True)
class PodRule:
    """Rule of a pod's specification.

    Attributes:
        id: its name.
        expression: CEL that is true of a specification `p` that is accepted.
        message: what whoever made the pod reads.
    """

    id: str
    expression: str
    message: str


def _listed(values: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def of_containers(condition: str) -> str:
    """CEL that is true where a condition of `c` holds for every container of a pod `p`."""
    return f"p.containers.all(c, {condition}) && (!has(p.initContainers) || p.initContainers.all(c, {condition}))"


def _of_contexts(condition: str) -> str:
    """CEL that is true where a condition of `s` holds for the security contexts of a pod and of its containers."""
    pod = f"(!has(p.securityContext) || [p.securityContext].all(s, {condition}))"
    return f"{pod} && {of_containers(f'!has(c.securityContext) || [c.securityContext].all(s, {condition})')}"


def baseline_rules(*, locks_memory: str) -> tuple[PodRule, ...]:
    """Baseline of the Pod Security Standards, with one capability more.

    Ephemeral containers can't be in a pod that is created.

    Args:
        locks_memory: CEL that is true of a container `c` that may have IPC_LOCK.
    """
    listed = _listed(_CAPABILITIES)
    return (
        PodRule(
            id="host-namespaces",
            expression="!(p.?hostNetwork.orValue(false) || p.?hostPID.orValue(false) || p.?hostIPC.orValue(false))",
            message="hostNetwork, hostPID and hostIPC are refused: leave them out",
        ),
        PodRule(
            id="privileged",
            expression=of_containers("!c.?securityContext.?privileged.orValue(false)"),
            message="privileged containers are refused: leave securityContext.privileged out",
        ),
        PodRule(
            id="capabilities",
            expression=of_containers(
                f"c.?securityContext.?capabilities.?add.orValue([]).all(a, a in {listed} || "
                f"(a == 'IPC_LOCK' && {locks_memory}))"
            ),
            message="a capability beyond the baseline is refused; IPC_LOCK is for containers with an EFA device",
        ),
        PodRule(
            id="host-path",
            expression="!has(p.volumes) || p.volumes.all(v, !has(v.hostPath))",
            message="hostPath volumes are refused: use emptyDir, a claim, a ConfigMap or a Secret",
        ),
        PodRule(
            id="host-ports",
            expression=of_containers("!has(c.ports) || c.ports.all(q, q.?hostPort.orValue(0) == 0)"),
            message="hostPort is refused: use a Service",
        ),
        PodRule(
            id="host-handlers",
            expression=of_containers(
                "[c.?livenessProbe, c.?readinessProbe, c.?startupProbe]"
                ".all(h, h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == '') && "
                "[c.?lifecycle.?postStart, c.?lifecycle.?preStop]"
                ".all(h, h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == '')"
            ),
            message="a host in a probe or lifecycle handler is refused: leave it out, it is the pod's own",
        ),
        PodRule(
            id="profiles",
            expression=_of_contexts(
                "s.?seccompProfile.?type.orValue('') != 'Unconfined' && "
                "s.?appArmorProfile.?type.orValue('') != 'Unconfined' && "
                f"s.?seLinuxOptions.?type.orValue('') in {_listed(_SELINUX_TYPES)} && "
                "s.?seLinuxOptions.?user.orValue('') == '' && s.?seLinuxOptions.?role.orValue('') == '' && "
                "!s.?windowsOptions.?hostProcess.orValue(false)"
            ),
            message="profiles of seccomp, AppArmor and SELinux can't be switched off, and host processes are refused",
        ),
        PodRule(
            id="proc-mount",
            expression=of_containers("c.?securityContext.?procMount.orValue('Default') == 'Default'"),
            message="procMount other than Default is refused",
        ),
        PodRule(
            id="sysctls",
            expression=f"p.?securityContext.?sysctls.orValue([]).all(y, y.name in {_listed(_SYSCTLS)})",
            message="a sysctl beyond the baseline is refused",
        ),
    )
