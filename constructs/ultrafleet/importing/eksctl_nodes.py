"""Settings of nodes of eksctl's groups that mean the same here: volumes, taints, scripts before nodeadm."""

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from ultrafleet.environment.pool_settings import NodeSettings
from ultrafleet.errors import FleetError
from ultrafleet.importing.draft import Draft, DraftPool
from ultrafleet.importing.source import Source
from ultrafleet.rules.node_setup import NodeSetup
from ultrafleet.rules.node_volume import NodeVolume, validate_gp3_performance
from ultrafleet.rules.taint import validate_taint_key, validate_taint_value
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_AL2023: Final = ("AmazonLinux2023", None)
"""Image families whose nodes start with nodeadm; eksctl's default is the first (its defaults.go, high)."""
_GP3: Final = "gp3"
_EFFECTS: Final = {
    "NoSchedule": "NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}
_OF_AMAZON_LINUX_2: Final = re.compile(
    r"bootstrap\.sh|amazon-linux-extras|/etc/docker|docker\.service|kubelet-args|/etc/sysconfig/kubelet"
)
"""Things that the images of Amazon Linux 2 have and those of 2023 don't (awslabs/amazon-eks-ami, medium)."""
_KEY_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
_DEFAULT_VOLUME_GIB: Final = 80
"""eksctl's default of `volumeSize` (its schema, high)."""
_ROOT_VOLUME_GIB: Final[int] = NodeSettings.model_fields["root_volume_gib"].default


class NodeReader:
    """Reader of what a group states for its nodes.

    Args:
        draft: gets the lines.
        group: the group.
        pool: gets the settings.
    """

    def __init__(self, draft: Draft, group: Source, pool: DraftPool) -> None:
        self._draft = draft
        self._group = group
        self._pool = pool
        self._overrides_fully = False

    @property
    def has_user_data(self) -> bool:
        """True if some user data of the group isn't carried over."""
        left = self._group.get("preBootstrapCommands") and "pre_bootstrap_script" not in self._pool.own_node
        return bool(left or (self._group.get("overrideBootstrapCommand") and not self._overrides_fully))

    def read(self) -> None:
        """Read each of them."""
        if self._group.get("amiFamily").value == _AL2023[0]:
            self._group.get("amiFamily").read()
        own = self._pool.own_node
        own.update(self._root_volume())
        volumes = list(self._volumes())
        if volumes:
            own["volumes"] = volumes
        taints = list(self._taints(self._group.get("taints")))
        if taints:
            own["taints"] = taints
            self._draft.note(self._group.get("taints"), "instead of the usual taint of the accelerator, as node.taints")
        script = self._script(self._group.get("preBootstrapCommands"))
        if script is not None:
            own["pre_bootstrap_script"] = script
        self._override(self._group.get("overrideBootstrapCommand"))
        unavailable = self._group.get("updateConfig", "maxUnavailable").number()
        if unavailable is not None and unavailable > 1:
            own["max_unavailable"] = unavailable

    # Volumes.

    def _root_volume(self) -> dict[str, Any]:
        group, draft, found = self._group, self._draft, dict[str, Any]()
        size = self._pool.root_volume_gib or _ROOT_VOLUME_GIB
        iops, throughput = group.get("volumeIOPS"), group.get("volumeThroughput")
        is_gp3 = (group.get("volumeType").text() or _GP3) == _GP3
        for source, key in ((iops, "root_volume_iops"), (throughput, "root_volume_throughput_mibps")):
            number = source.number()
            if number is None:
                continue
            if is_gp3:
                found[key] = number
            else:
                draft.note(source, f"not carried over: the root volume is a gp3; node.{key} states it")
        try:
            validate_gp3_performance(
                "the root volume",
                size_gib=size,
                iops=found.get("root_volume_iops"),
                throughput_mibps=found.get("root_volume_throughput_mibps"),
            )
        except FleetError as error:
            draft.note(iops or throughput, f"not carried over: {error}")
            found = {}
        key_id = group.get("volumeKmsKeyID")
        text = key_id.loose_text()
        if text is not None and _KEY_ARN.fullmatch(text):
            found["root_volume_key_arn"] = text
        elif key_id:
            draft.note(key_id, "not carried over: node.root_volume_key_arn takes the whole ARN of a key")
        return found

    def _volumes(self) -> Iterator[dict[str, Any]]:
        for volume in self._group.get("additionalVolumes").items():
            made = self._volume(volume)
            if made is not None:
                yield made

    def _volume(self, volume: Source) -> dict[str, Any] | None:
        draft = self._draft
        kind = volume.get("volumeType").text() or _GP3
        if kind != _GP3:
            draft.note(volume, f"{kind} is not carried over: node.volumes are gp3")
            return None
        stated: dict[str, Any] = {
            "device_name": volume.get("volumeName").text(),
            "size_gib": volume.get("volumeSize").number() or _DEFAULT_VOLUME_GIB,
            "iops": volume.get("volumeIOPS").number(),
            "throughput_mibps": volume.get("volumeThroughput").number(),
            "snapshot_id": volume.get("snapshotID").text(),
            "key_arn": volume.get("volumeKmsKeyID").text(),
        }
        if stated["key_arn"] is not None and not _KEY_ARN.fullmatch(stated["key_arn"]):
            draft.note(volume, "not carried over: node.volumes takes the whole ARN of a key")
            return None
        if stated["device_name"] is None:
            draft.note(volume, "not carried over: it has no volumeName, which node.volumes needs as device_name")
            return None
        try:
            NodeVolume(**stated)
        except FleetError as error:
            draft.note(volume, f"not carried over: {error}")
            return None
        if not volume.get("volumeEncrypted").flag():
            draft.note(volume, "carried over as node.volumes, encrypted, as all volumes are here")
        return {key: value for key, value in stated.items() if value is not None}

    # Taints.

    def _taints(self, taints: Source) -> Iterator[dict[str, str]]:
        if isinstance(taints.value, dict):  # of self-managed groups: {key: "value:NoSchedule"}
            for entry in taints.entries():
                value, _, effect = (entry.text() or "").rpartition(":")
                yield from self._taint(entry, entry.key, value, effect)
            return
        for item in taints.items():
            key, value, effect = (item.get(name).text() or "" for name in ("key", "value", "effect"))
            yield from self._taint(item, key, value, effect)

    def _taint(self, source: Source, key: str, value: str, effect: str) -> Iterator[dict[str, str]]:
        if effect not in _EFFECTS:
            self._draft.note(source, f"not carried over: its effect is none of {', '.join(_EFFECTS)}")
            return
        try:
            validate_taint_key(key)
            validate_taint_value(value)
        except FleetError as error:
            self._draft.note(source, f"not carried over: {error}")
        else:
            yield {"key": key, "value": value, "effect": _EFFECTS[effect]}

    # Scripts.

    def _script(self, commands: Source) -> str | None:
        if not commands:
            return None
        if not isinstance(commands.value, list) or not all(isinstance(item, str) for item in commands.value):
            for item in commands.items():
                item.text()
            return None
        family = self._group.get("amiFamily").loose_text()
        commands.read()
        if family not in _AL2023:
            self._draft.note(
                commands, f"not carried over: they are for {family}, and nodes run Amazon Linux 2023: state what is "
                "still needed as node.pre_bootstrap_script",
            )  # fmt: skip
            return None
        old = _OF_AMAZON_LINUX_2.search("\n".join(commands.value))
        if old is not None:
            self._draft.note(
                commands, f"not carried over: {old[0]} is of Amazon Linux 2, and nodes run Amazon Linux 2023: state "
                "what is still needed as node.pre_bootstrap_script",
            )  # fmt: skip
            return None
        script = _one_script(commands.value)
        try:
            NodeSetup(pre_bootstrap_script=script)
        except FleetError as error:
            self._draft.note(commands, f"not carried over: {error}")
            return None
        self._draft.note(
            commands,
            "carried over as node.pre_bootstrap_script, which runs before nodeadm; EKS's image for the accelerator "
            "has its driver and EFA: take out what installs them",
        )
        return script

    def _override(self, command: Source) -> None:
        """NodeConfig of nodeadm, which eksctl takes for Amazon Linux 2023 (its al2023.go, high)."""
        if not isinstance(command.value, str) or self._group.get("amiFamily").loose_text() not in _AL2023:
            return
        config = _node_config(command.value)
        if config is None:
            return
        command.read()
        kubelet, rest = config.pop("kubelet", {}), dict(config)
        carried = []
        if rest.get("instance") == {"localStorage": {"strategy": "RAID0"}}:
            del rest["instance"]
            self._pool.raid0 = True
            carried.append("raid0_instance_store")
        if isinstance(kubelet, dict):
            carried += self._kubelet(kubelet)
        toml = rest.get("containerd")
        if isinstance(toml, dict) and toml.keys() == {"config"} and _is_toml(toml["config"]):
            del rest["containerd"]
            self._pool.own_node["containerd_config"] = toml["config"]
            carried.append("containerd_config")
        left = [*rest, *(f"kubelet.{key}" for key in kubelet)] if isinstance(kubelet, dict) else [*rest, "kubelet"]
        self._overrides_fully = not left
        told = [
            *([f"carried over as node.{' and node.'.join(carried)}"] if carried else []),
            *([f"{', '.join(left)} not carried over: the library writes the rest of the NodeConfig"] if left else []),
        ]
        self._draft.note(command, "; ".join(told) or "it states nothing")

    def _kubelet(self, kubelet: dict[str, Any]) -> list[str]:
        """Keys of a pool that take settings of the kubelet, which are taken out of them."""
        carried = []
        config = kubelet.get("config")
        if isinstance(config, dict):
            del kubelet["config"]
            pods = config.pop("maxPods", None)
            if isinstance(pods, int) and self._pool.max_pods is None:
                self._pool.max_pods = pods
                carried.append("max_pods")
            if config:
                self._pool.kubelet_config.update(config)
                carried.append("kubelet_config")
        flags = kubelet.get("flags")
        if isinstance(flags, list) and _are_flags(flags):
            del kubelet["flags"]
            self._pool.own_node["kubelet_flags"] = flags
            carried.append("kubelet_flags")
        return carried


def _node_config(text: str) -> dict[str, Any] | None:
    """Specification of a NodeConfig of nodeadm; None of any other text."""
    try:
        found = load_yaml(text, UniqueKeyLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("kind") != "NodeConfig" or not isinstance(found.get("spec"), dict):
        return None
    spec: dict[str, Any] = copy.deepcopy(found["spec"])
    return spec


def _is_toml(text: object) -> bool:
    try:
        NodeSetup(containerd_config=text if isinstance(text, str) else "=")
    except FleetError:
        return False
    return True


def _are_flags(flags: list[Any]) -> bool:
    try:
        NodeSetup(kubelet_flags=[flag if isinstance(flag, str) else "" for flag in flags])
    except FleetError:
        return False
    return True


def _one_script(commands: Sequence[str]) -> str:
    """Script of all commands, each in a shell of its own, as eksctl runs them (its al2023.go, high)."""
    if len(commands) == 1:
        return f"#!/bin/bash\n{commands[0].rstrip()}\n"
    return "#!/bin/bash\n" + "".join(f"(\n{command.rstrip()}\n)\n" for command in commands)
