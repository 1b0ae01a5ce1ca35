"""Set-up of a node before it joins: a script of yours, containerd, registry mirrors, flags of the kubelet.

On Amazon Linux 2023 of EKS, nodeadm starts containerd and the kubelet after cloud-init's last stage
(awslabs/amazon-eks-ami, nodeadm-run.service, high): scripts of the user data have run then. containerd reads
`/etc/containerd/certs.d/HOST/hosts.toml` (nodeadm's containerd template, high).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.errors import FleetError

MIME_BOUNDARY: Final = "ULTRAFLEET"
"""Boundary of the parts of the user data."""
_REGISTRY: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|_default")
_OWN_FLAGS: Final[Mapping[str, str]] = {
    "--node-labels": "use labels: EKS passes this flag itself, and yours would take its place",
    "--register-with-taints": "use taints: EKS passes this flag itself, and yours would take its place",
    "--max-pods": "use max_pods, by which the subnet's IP budget is computed",
    "--config": "use kubelet_config: nodeadm writes the file",
    "--kubeconfig": "leave it out: nodeadm writes the file",
    "--hostname-override": "leave it out: EKS knows a node by its name",
}


@dataclass(frozen=True, kw_only=True)
class NodeSetup:
    """Set-up of a node that its owner brings.

    Attributes:
        pre_bootstrap_script: script that runs as root, once, before containerd and the kubelet start. It begins with
            `#!`; a failure of it doesn't keep the node from joining. Default: none.
        containerd_config: TOML that nodeadm merges over its own configuration of containerd. Default: none.
        registry_mirrors: HTTPS addresses that images of a registry are pulled from, in this order, before the registry
            itself; by the registry's host, `_default` for every other. Default: none.
        kubelet_flags: flags that nodeadm appends to those of the kubelet, such as `--v=4`. Default: none.

    Raises:
        FleetError: a script without `#!`, text that is no TOML, a malformed host or address, or a flag that EKS,
            nodeadm or a pool sets.
    """

    pre_bootstrap_script: str | None = None
    containerd_config: str | None = None
    registry_mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kubelet_flags: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check_script(self.pre_bootstrap_script)
        _check_toml(self.containerd_config)
        for registry, mirrors in self.registry_mirrors.items():
            _check_mirrors(registry, mirrors)
        for flag in self.kubelet_flags:
            _check_flag(flag)

    def mirror_hook(self) -> str | None:
        """Boot hook that writes the mirrors where containerd reads them; None where there are none."""
        if not self.registry_mirrors:
            return None
        lines = ["#!/bin/bash", "# Mirrors of registries, as containerd reads them."]
        for registry in sorted(self.registry_mirrors):
            folder = f"/etc/containerd/certs.d/{registry.replace(':', '_') + '_' if ':' in registry else registry}"
            lines += [f"mkdir -p {folder}", f"cat > {folder}/hosts.toml <<'TOML'"]
            for mirror in self.registry_mirrors[registry]:
                lines += [f'[host."{mirror}"]', '  capabilities = ["pull", "resolve"]']
                if urlsplit(mirror).path.strip("/"):
                    lines.append("  override_path = true")
            lines.append("TOML")
        return "\n".join(lines) + "\n"


def _check_script(script: str | None) -> None:
    if script is None:
        return
    if not script.startswith("#!"):
        raise FleetError(
            path="pre_bootstrap_script",
            verb="begins with",
            got=repr(script[:20]),
            expected="#! and an interpreter, by which cloud-init runs it",
            remedy="begin it with #!/bin/bash",
        )
    if len(script.encode()) > USER_DATA_BYTES.value:
        raise FleetError(
            path="user data",
            got=f"{len(script.encode()):,} bytes",
            expected=f"at most {USER_DATA_BYTES.value:,}",
            remedy="a script can fetch what is large from S3",
        )
    if f"--{MIME_BOUNDARY}" in script:
        raise FleetError(
            path="pre_bootstrap_script",
            verb="has",
            got=f"the text --{MIME_BOUNDARY}",
            expected="none: it ends the part of the user data",
            remedy="write the text otherwise",
        )


def _check_toml(config: str | None) -> None:
    if config is None:
        return
    try:
        tomllib.loads(config)
    except tomllib.TOMLDecodeError as error:
        raise FleetError(
            path="containerd_config",
            got=f"no TOML ({error})",
            expected="tables as containerd reads them",
            remedy="correct it: nodeadm would fail, and no node would join",
        ) from error


def _check_mirrors(registry: str, mirrors: Sequence[str]) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise FleetError(
            path="key of registry_mirrors",
            got=repr(registry),
            expected="the host of a registry, such as docker.io, or _default",
            remedy="leave scheme and path out",
        )
    if not mirrors:
        raise FleetError(
            path=f"registry_mirrors of {registry}",
            got="empty",
            expected="at least one address",
            remedy="remove the key",
        )
    for mirror in mirrors:
        parts = urlsplit(mirror)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or not mirror.isprintable():
            raise FleetError(
                path=f"mirror of {registry}",
                got=repr(mirror),
                expected="an address such as https://mirror.example.com/v2/docker-hub",
                remedy="plain HTTP doesn't prove whose images they are: give the mirror a certificate",
            )
        if '"' in mirror or "'" in mirror:
            raise FleetError(
                path=f"mirror of {registry}",
                got=repr(mirror),
                expected="an address without quotes",
                remedy="correct it",
            )


def _check_flag(flag: str) -> None:
    name = flag.split("=", maxsplit=1)[0]
    if not re.fullmatch(r"--[a-z0-9][a-z0-9-]*", name):
        raise FleetError(
            path="kubelet_flags",
            verb="have",
            got=repr(flag),
            expected="flags such as --v=4, an item each",
            remedy="write name and value as --name=value",
        )
    if name in _OWN_FLAGS:
        raise FleetError(
            path="kubelet_flags",
            verb="have",
            got=flag,
            expected=f"none of {', '.join(_OWN_FLAGS)}",
            remedy=_OWN_FLAGS[name],
        )
