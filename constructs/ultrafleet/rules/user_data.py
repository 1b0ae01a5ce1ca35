"""User data of an accelerator node: a nodeadm NodeConfig and, where needed, a boot hook, as one MIME document.

Sources: the EKS user guide and the nodeadm documentation for the NodeConfig; EKS merges its own part (cluster name,
endpoint) into this document where the launch template names no image.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.errors import FleetError
from ultrafleet.rules.node_setup import MIME_BOUNDARY, NodeSetup

_BOUNDARY = MIME_BOUNDARY

# On the 580 driver, GB200 and GB300 need this parameter or EFA's GPUDirect silently falls back to sockets; the 595
# driver dropped it, where an unknown parameter only makes the driver log a line (NVIDIA/aicr #640; high that it is
# needed, medium that a boot hook is the place: not tested on hardware, hence a property of the pool).
_GRDMA_BOOT_HOOK = """\
#!/bin/bash
# EFA GPUDirect on GB200 and GB300 with the 580 driver; check it in /proc/driver/nvidia/params.
cat > /etc/modprobe.d/ultrafleet-grdma.conf <<'CONF'
options nvidia NVreg_GrdmaPciTopoCheckOverride=1
CONF
"""

# The AMI installs nvidia-imex and doesn't enable it; the DRA driver runs an IMEX daemon for each ComputeDomain, and
# wants the host's own stopped for good (NVIDIA DRA driver, prerequisites, high).
_IMEX_BOOT_HOOK = """\
#!/bin/bash
# ComputeDomains bring their own IMEX daemon.
systemctl mask --now nvidia-imex.service
"""


@dataclass(frozen=True, kw_only=True)
class NodeUserData:
    """User data of a node, read at boot.

    Attributes:
        max_pods: pods the kubelet accepts; the same number the subnet's IP budget was computed with.
        raid0_instance_store: join the NVMe disks into one RAID 0 array for containerd and the kubelet. nodeadm leaves
            them unformatted otherwise.
        grdma_pci_topo_check_override: write the NVIDIA driver parameter that EFA's GPUDirect needs on GB200 and GB300.
        mask_imex: keep the host's own nvidia-imex service from starting, which ComputeDomains need.
        kubelet_config: more fields of the KubeletConfiguration, merged over the ones set here.
        setup: what the owner of the nodes brings. Default: nothing.
        cluster: cluster as nodeadm reads it, for a custom image or self-managed nodes. Default: EKS adds it.
        registration_flags: flags by which the kubelet registers self-managed nodes with labels and taints. Default:
            none, EKS adds them.
    """

    max_pods: int
    raid0_instance_store: bool = True
    grdma_pci_topo_check_override: bool = False
    mask_imex: bool = False
    kubelet_config: dict[str, object] | None = None
    setup: NodeSetup = field(default_factory=NodeSetup)
    cluster: Mapping[str, object] | None = None
    registration_flags: Sequence[str] = ()

    def render(self) -> str:
        """The MIME document, without base64.

        Raises:
            FleetError: it is larger than EC2 takes.
        """
        parts = [_part("application/node.eks.aws", self._node_config())]
        if self.grdma_pci_topo_check_override:
            parts.append(_part("text/cloud-boothook", _GRDMA_BOOT_HOOK))
        if self.mask_imex:
            parts.append(_part("text/cloud-boothook", _IMEX_BOOT_HOOK))
        mirrors = self.setup.mirror_hook()
        if mirrors is not None:
            parts.append(_part("text/cloud-boothook", mirrors))
        if self.setup.pre_bootstrap_script is not None:
            parts.append(_part("text/x-shellscript", self.setup.pre_bootstrap_script))
        header = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
        document = header + "".join(parts) + f"--{_BOUNDARY}--\n"
        validate_user_data_size(document)
        return document

    def _node_config(self) -> str:
        # JSON is YAML; nodeadm reads it, and it needs no YAML writer whose style may change between releases.
        instance = {"localStorage": {"strategy": "RAID0"}} if self.raid0_instance_store else None
        flags = [*self.registration_flags, *self.setup.kubelet_flags]
        spec = {
            **({"cluster": dict(self.cluster)} if self.cluster is not None else {}),
            "kubelet": {
                "config": {"maxPods": self.max_pods, **(self.kubelet_config or {})},
                **({"flags": flags} if flags else {}),
            },
            **({"containerd": {"config": self.setup.containerd_config}} if self.setup.containerd_config else {}),
            **({"instance": instance} if instance else {}),
        }
        config = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}
        return json.dumps(config, indent=2) + "\n"


def validate_user_data_size(document: str) -> None:
    """Refuse user data that is larger than EC2 takes.

    Args:
        document: user data before base64.

    Raises:
        FleetError: it is larger.
    """
    size = len(document.encode())
    if size > USER_DATA_BYTES.value:
        raise FleetError(
            path="user data",
            got=f"{size:,} bytes",
            expected=f"at most {USER_DATA_BYTES.value:,}",
            remedy="pass a smaller kubelet_config or pre_bootstrap_script: a script can fetch what is large from S3",
        )


def _part(content_type: str, body: str) -> str:
    return f"--{_BOUNDARY}\nContent-Type: {content_type}\n\n{body}\n"
