"""What people bring to their nodes: scripts, mirrors, containerd, flags, volumes, keys, images."""

import email
import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fleet import LAUNCH_TEMPLATE, NODE_GROUP, Site, only, user_data
from ultrafleet.catalog import InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.pools import NodeImage, NodeOptions, NodeSetup, NodeVolume
from ultrafleet.rules.node_volume import validate_volumes
from ultrafleet.rules.user_data import NodeUserData

SCRIPT = "#!/bin/bash\nsysctl -w vm.max_map_count=262144\n"
IMAGE = "ami-0123456789abcdef0"


def parts(text: str) -> list[tuple[str, str]]:
    message = email.message_from_string(text)
    assert message.is_multipart()
    return [(part.get_content_type(), str(part.get_payload())) for part in message.get_payload()]  # type: ignore[union-attr]


def node_config(text: str) -> dict[str, Any]:
    (config,) = [body for kind, body in parts(text) if kind == "application/node.eks.aws"]
    found: dict[str, Any] = json.loads(config)["spec"]
    return found


def data(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
    return found


def test_a_script_runs_before_the_node_joins(site: Site) -> None:
    site.accelerator_pool(options=NodeOptions(setup=NodeSetup(pre_bootstrap_script=SCRIPT)))
    found = parts(user_data(site.stack))
    assert ("text/x-shellscript", SCRIPT) in [(kind, f"{body.rstrip()}\n") for kind, body in found]


def test_nodeadm_gets_containerd_and_flags(site: Site) -> None:
    config = "[plugins.'io.containerd.cri.v1.images']\ndiscard_unpacked_layers = false\n"
    site.accelerator_pool(options=NodeOptions(setup=NodeSetup(containerd_config=config, kubelet_flags=["--v=4"])))
    spec = node_config(user_data(site.stack))
    assert tomllib.loads(spec["containerd"]["config"])
    assert spec["kubelet"]["flags"] == ["--v=4"]
    assert spec["kubelet"]["config"]["maxPods"] == 64


def test_nothing_brought_changes_nothing() -> None:
    assert NodeUserData(max_pods=64).render() == NodeUserData(max_pods=64, setup=NodeSetup()).render()


def test_mirrors_are_files_that_containerd_reads(tmp_path: Path) -> None:
    setup = NodeSetup(
        registry_mirrors={
            "docker.io": ["https://mirror.example.com/v2/docker-hub", "https://second.example.com"],
            "registry.example.com:5000": ["https://mirror.example.com"],
            "_default": ["https://mirror.example.com"],
        }
    )
    hook = setup.mirror_hook()
    assert hook is not None
    # The hook itself, by a shell, into another folder than /etc.
    subprocess.run(["/bin/bash", "-eu"], input=hook.replace("/etc/", f"{tmp_path}/"), text=True, check=True)
    hosts = {path.parent.name: tomllib.loads(path.read_text()) for path in tmp_path.rglob("hosts.toml")}
    assert set(hosts) == {"docker.io", "registry.example.com_5000_", "_default"}
    assert list(hosts["docker.io"]["host"]) == [
        "https://mirror.example.com/v2/docker-hub",
        "https://second.example.com",
    ]
    first, second = hosts["docker.io"]["host"].values()
    assert first == {"capabilities": ["pull", "resolve"], "override_path": True}
    assert second == {"capabilities": ["pull", "resolve"]}


@given(
    registry=st.from_regex(r"[a-z0-9.:_-]{1,30}", fullmatch=True),
    mirror=st.text(max_size=40).map(lambda text: f"https://mirror.example.com/{text}"),
)
def test_no_mirror_writes_more_than_its_file(registry: str, mirror: str) -> None:
    try:
        hook = NodeSetup(registry_mirrors={registry: [mirror]}).mirror_hook()
    except FleetError:
        return
    assert hook is not None
    lines = hook.splitlines()
    assert lines.count("TOML") == 1
    assert "/.." not in lines[2]
    tomllib.loads("\n".join(lines[4:-1]))


def test_volumes_are_encrypted_and_go_with_the_instance(site: Site) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    site.accelerator_pool(
        options=NodeOptions(
            root_volume_iops=6000,
            root_volume_throughput_mibps=500,
            volumes=[
                NodeVolume(device_name="/dev/xvdb", size_gib=500, iops=10000, throughput_mibps=1000, key_arn=key),
                NodeVolume(device_name="/dev/xvdc", size_gib=20, snapshot_id="snap-0123456789abcdef0"),
            ],
        )
    )
    root, first, second = data(site)["BlockDeviceMappings"]
    assert root["Ebs"]["Iops"] == 6000
    assert root["Ebs"]["Throughput"] == 500
    common = {"DeleteOnTermination": True, "Encrypted": True, "VolumeType": "gp3"}
    assert first == {
        "DeviceName": "/dev/xvdb",
        "Ebs": {**common, "Iops": 10000, "KmsKeyId": key, "Throughput": 1000, "VolumeSize": 500},
    }
    assert second == {
        "DeviceName": "/dev/xvdc",
        "Ebs": {**common, "SnapshotId": "snap-0123456789abcdef0", "VolumeSize": 20},
    }


def cluster_facts() -> dict[str, Any]:
    return {
        "api_server_endpoint": "https://0123.gr7.us-east-1.eks.amazonaws.com",
        "certificate_authority": "LS0tLS1CRUdJTg==",
        "service_cidr": "10.100.0.0/16",
    }


def test_an_image_by_the_recipes_of_eks_gets_the_cluster(site: Site) -> None:
    site.accelerator_pool(options=NodeOptions(image=NodeImage(image_id=IMAGE, **cluster_facts())))
    assert data(site)["ImageId"] == IMAGE
    assert "AmiType" not in only(site.stack, NODE_GROUP)
    assert node_config(user_data(site.stack))["cluster"] == {
        "name": "research",
        "apiServerEndpoint": "https://0123.gr7.us-east-1.eks.amazonaws.com",
        "certificateAuthority": "LS0tLS1CRUdJTg==",
        "cidr": "10.100.0.0/16",
    }


def test_any_other_image_has_user_data_of_its_own(site: Site) -> None:
    image = NodeImage(image_id=IMAGE, user_data="#!/bin/bash\n/opt/join\n", root_device_name="/dev/sda1")
    site.accelerator_pool(options=NodeOptions(image=image))
    assert user_data(site.stack) == "#!/bin/bash\n/opt/join\n"
    assert data(site)["BlockDeviceMappings"][0]["DeviceName"] == "/dev/sda1"


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: NodeSetup(pre_bootstrap_script="echo hello"),
        "pre_bootstrap_script begins with 'echo hello', expected #!",
    ),
    (
        lambda: NodeSetup(pre_bootstrap_script="#!/bin/sh\n--ULTRAFLEET--"),
        "pre_bootstrap_script has the text --ULTRAFLEET",
    ),
    (lambda: NodeSetup(containerd_config="a = "), "containerd_config is no TOML"),
    (
        lambda: NodeSetup(registry_mirrors={"https://docker.io": ["https://m"]}),
        "key of registry_mirrors is 'https://docker",
    ),
    (lambda: NodeSetup(registry_mirrors={"../etc": ["https://m"]}), "key of registry_mirrors is '../etc'"),
    (lambda: NodeSetup(registry_mirrors={"docker.io": []}), "registry_mirrors of docker.io is empty"),
    (lambda: NodeSetup(registry_mirrors={"docker.io": ["http://m"]}), "mirror of docker.io is 'http://m', expected"),
    (lambda: NodeSetup(registry_mirrors={"docker.io": ['https://m"x']}), "expected an address without quotes"),
    (lambda: NodeSetup(kubelet_flags=["--node-labels=a=b"]), "kubelet_flags have --node-labels=a=b, expected none of"),
    (lambda: NodeSetup(kubelet_flags=["--max-pods=5"]), "use max_pods, by which the subnet's IP budget is computed"),
    (lambda: NodeSetup(kubelet_flags=["v=4"]), "kubelet_flags have 'v=4', expected flags such as --v=4"),
    (
        lambda: NodeVolume(device_name="/dev/xvda", size_gib=1),
        "device_name is '/dev/xvda', expected .*: /dev/xvda is the root",
    ),
    (lambda: NodeVolume(device_name="xvdb", size_gib=1), "device_name is 'xvdb', expected /dev/xvdb to"),
    (lambda: NodeVolume(device_name="/dev/xvdb", size_gib=0), "size_gib of /dev/xvdb is 0, expected 1 to 65,536"),
    (
        lambda: NodeVolume(device_name="/dev/xvdb", size_gib=1, iops=100),
        "iops of /dev/xvdb is 100, expected 3,000 to 80,000",
    ),
    (
        lambda: NodeVolume(device_name="/dev/xvdb", size_gib=1, throughput_mibps=5000),
        "throughput_mibps of /dev/xvdb is 5000, expected 125 to 2,000",
    ),
    (
        lambda: NodeVolume(device_name="/dev/xvdb", size_gib=1, snapshot_id="vol-1"),
        "snapshot_id of /dev/xvdb is 'vol-1', expected snap-",
    ),
    (
        lambda: NodeVolume(device_name="/dev/xvdb", size_gib=100, throughput_mibps=2000),
        "throughput_mibps of /dev/xvdb is 2000, expected at most 750, which 3,000 IOPS give: state 8,000 IOPS or more",
    ),
    (
        lambda: NodeVolume(device_name="/dev/xvdb", size_gib=10, iops=16000),
        "iops of /dev/xvdb is 16000, expected at most 5,000, which 10 GiB give: make it 32 GiB or more",
    ),
    (
        lambda: NodeOptions(root_volume_iops=80000),
        "iops of the root volume is 80000, expected at most 50,000, which 100 GiB give",
    ),
    (lambda: NodeOptions(root_volume_iops=1), "iops of the root volume is 1, expected 3,000"),
    (lambda: NodeImage(image_id="my-image", user_data="x"), "image_id is 'my-image', expected ami-"),
    (lambda: NodeImage(image_id=IMAGE), "has no user_data and 0 of the cluster's facts, expected user_data alone, or"),
    (lambda: NodeImage(image_id=IMAGE, service_cidr="10.0.0.0/16"), "has no user_data and 1 of the cluster's facts"),
    (lambda: NodeImage(image_id=IMAGE, user_data="x", **cluster_facts()), "has user_data and 3 of the cluster's facts"),
    (
        lambda: NodeImage(image_id=IMAGE, **{**cluster_facts(), "service_cidr": "10.0.0.0/99"}),
        "service_cidr is '10.0.0.0/99', expected an IPv4 CIDR",
    ),
    (
        lambda: NodeOptions(image=NodeImage(image_id=IMAGE, **cluster_facts()), ami_type="CUSTOM"),
        f"ami_type is CUSTOM beside image {IMAGE}, expected one of them",
    ),
    (
        lambda: NodeOptions(image=NodeImage(image_id=IMAGE, user_data="x"), kubelet_config={"a": 1}),
        "kubelet_config is stated beside user_data of image",
    ),
    (
        lambda: NodeUserData(max_pods=1, setup=NodeSetup(pre_bootstrap_script=f"#!/bin/sh\n{'x' * 17000}")).render(),
        "user data is 17,.* bytes, expected at most 16,384: .*a script can fetch what is large from S3",
    ),
    (
        lambda: validate_volumes(
            InstanceType.P5_48XLARGE,
            [NodeVolume(device_name="/dev/sdb", size_gib=1), NodeVolume(device_name="/dev/xvdb", size_gib=1)],
        ),
        "volumes name /dev/xvdb twice",
    ),
    (
        lambda: validate_volumes(
            InstanceType.INF1_24XLARGE,
            [NodeVolume(device_name=f"/dev/xvd{letter}", size_gib=1) for letter in "bcdefghijkl"],
        ),
        "volumes are 11 and the root volume, expected at most 11 together on inf1",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:60] for _, message in REFUSALS])
def test_fails_what_no_node_can_have(make: Callable[[], object], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        make()
