"""Weights: copied once to a node, whole or not at all, and mounted by every engine of it."""

import os
import select
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from helpers.workloads import flavor_of, h200, nodes, serving
from ultrafleet.errors import FleetError
from ultrafleet.inference import VLLM, Model, Serving, ServingRecipe
from ultrafleet.inference.server_manifests import server_manifests
from ultrafleet.inference.weights import weights_manifests
from ultrafleet.kubernetes import UNPROVEN_TAINT

SCRIPT = Path(__file__).parents[2] / "constructs/ultrafleet/inference/copy_weights.sh"
AWS = """#!/bin/sh
# Stands in for the AWS CLI: a bucket is a folder. SYNC is run in the place of the copy where it is stated.
case "$1 $2" in
"s3api list-objects-v2")
  [ "$4" = weights ] && [ "$6" = gpt/oss/ ] || exit 3
  if [ -e "$BUCKET_FOLDER/refuse" ]; then echo "AccessDenied" >&2; exit 254; fi
  (cd "$BUCKET_FOLDER/objects" && for key in $(ls -A); do
    printf '%s\\t"%s"\\tgpt/oss/%s\\n' "$(stat -c %s "$key")" "$(cksum < "$key" | cut -d ' ' -f 1)" "$key"
  done)
  printf '0\\t"x"\\tgpt/oss/folder/\\n' ;;
"s3 sync")
  echo sync >> "$BUCKET_FOLDER/calls"
  for to; do :; done
  [ -z "${SYNC:-}" ] || . "$SYNC"
  rm -rf "$to"; mkdir -p "$to"; cp "$BUCKET_FOLDER"/objects/* "$to" ;;
esac
"""


class Node:
    """A node with the script on it, and a bucket."""

    def __init__(self, folder: Path) -> None:
        self.bucket, self.store, self.bin = folder / "bucket", folder / "store", folder / "bin"
        for made in (self.bucket / "objects", self.store, self.bin):
            made.mkdir(parents=True)
        aws = self.bin / "aws"
        aws.write_text(AWS)
        aws.chmod(aws.stat().st_mode | stat.S_IXUSR)
        self.put("config.json", "{}")
        self.put("model.safetensors", "weights" * 10000)
        self.started: list[subprocess.Popen[bytes]] = []

    def put(self, name: str, text: str) -> None:
        (self.bucket / "objects" / name).write_text(text)

    def start(self, copy: str = "abc", **environment: str) -> "subprocess.Popen[bytes]":
        """The script, with its output in a pipe."""
        made = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT.read_text()],
            env={
                "PATH": f"{self.bin}:{os.environ['PATH']}",
                "BUCKET_FOLDER": str(self.bucket),
                "BUCKET": "weights",
                "PREFIX": "gpt/oss",
                "STORE": str(self.store),
                "COPY": copy,
                "MODEL": "gpt-oss",
                "AGAIN_SECONDS": "0.1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(made)
        return made

    def said(self, made: "subprocess.Popen[bytes]", what: str) -> str:
        """What the script says until it has said that."""
        assert made.stdout is not None
        lines = ""
        while what not in lines:
            ready, _, _ = select.select([made.stdout], [], [], 20)
            read = os.read(made.stdout.fileno(), 4096) if ready else b""
            assert read, f"it has only said {lines}"
            lines += read.decode()
        return lines

    def names(self, *folder: str) -> list[str]:
        """Names in a folder of the store."""
        return sorted(item.name for item in self.store.joinpath(*folder).iterdir())

    def stop(self) -> None:
        for made in self.started:
            # Its sleep outlives it here; in a container it is the last.
            with suppress(ProcessLookupError):
                os.killpg(made.pid, 9)
            made.communicate()

    @property
    def syncs(self) -> int:
        calls = self.bucket / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.fixture
def node(tmp_path: Path) -> Any:
    made = Node(tmp_path)
    yield made
    made.stop()


class TestCopy:
    def test_it_is_there_whole_and_the_script_stays(self, node: Node) -> None:
        made = node.start()
        node.said(made, "is whole")
        assert (node.store / "abc/gpt-oss/model.safetensors").read_text() == "weights" * 10000
        assert [item.name for item in node.store.iterdir()] == ["abc"]
        assert made.poll() is None

    def test_it_is_copied_once(self, node: Node) -> None:
        for _ in range(2):
            node.said(node.start(), "is whole")
        assert node.syncs == 1

    def test_it_ends_at_once_when_it_is_told(self, node: Node) -> None:
        made = node.start()
        node.said(made, "is whole")
        made.terminate()
        assert made.wait(timeout=5) == 0

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            # The copy stops in the middle, as when the node's disk is full.
            ('mkdir -p "$to"; echo half > "$to/config.json"; exit 1', "copying"),
            # A file is shorter than its object.
            ('mkdir -p "$to"; cp "$BUCKET_FOLDER"/objects/* "$to"; echo x > "$to/model.safetensors"; exit 0', "hasn't"),
            # A file is missing.
            ('mkdir -p "$to"; cp "$BUCKET_FOLDER"/objects/config.json "$to"; exit 0', "hasn't 70000 bytes"),
            # Somebody uploads meanwhile.
            ('cp "$BUCKET_FOLDER/objects/config.json" "$BUCKET_FOLDER/objects/more$(date +%N)"', "changed while they"),
        ],
    )
    def test_half_a_copy_is_never_seen(self, node: Node, tmp_path: Path, fault: str, said: str) -> None:
        hook = tmp_path / "hook"
        hook.write_text(fault)
        made = node.start(SYNC=str(hook))
        node.said(made, said)
        assert not (node.store / "abc").exists()
        hook.write_text("")
        node.said(made, "is whole")
        assert {item.name for item in (node.store / "abc/gpt-oss").iterdir()} == {
            item.name for item in (node.bucket / "objects").iterdir()
        }

    def test_one_that_was_killed_is_taken_up_by_the_next(self, node: Node, tmp_path: Path) -> None:
        hook = tmp_path / "hook"
        hook.write_text('mkdir -p "$to"; echo half > "$to/junk"; echo in; sleep 60')
        killed = node.start(SYNC=str(hook))
        node.said(killed, "in")
        os.killpg(killed.pid, 9)
        assert not (node.store / "abc").exists()
        node.said(node.start(), "is whole")
        assert node.names("abc", "gpt-oss") == ["config.json", "model.safetensors"]

    def test_two_at_once_leave_one_whole_copy(self, node: Node, tmp_path: Path) -> None:
        hook = tmp_path / "hook"
        hook.write_text("sleep 0.3")
        both = [node.start(SYNC=str(hook)) for _ in range(2)]
        for made in both:
            node.said(made, "is whole")
        assert node.names() == ["abc"]
        assert (node.store / "abc/gpt-oss/model.safetensors").read_text() == "weights" * 10000

    def test_sums_are_compared_where_they_are_uploaded(self, node: Node) -> None:
        node.put("SHA256SUMS", f"{'0' * 64}  config.json\n")
        made = node.start()
        node.said(made, "aren't those of SHA256SUMS")
        assert not (node.store / "abc").exists()
        node.put("SHA256SUMS", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  config.json\n")
        node.said(made, "is whole")

    def test_a_full_disk_is_told(self, node: Node) -> None:
        df = node.bin / "df"
        df.write_text("#!/bin/sh\necho Avail; echo 1000\n")
        df.chmod(0o755)
        said = node.said(node.start(), "is full")
        assert "has room for" in said
        assert "expected 70002" in said
        assert node.syncs == 0

    def test_copies_of_earlier_addresses_go_when_their_room_is_needed(self, node: Node) -> None:
        node.said(node.start("old"), "is whole")
        node.said(node.start("new"), "is whole")
        assert node.names() == ["new", "old"]
        df = node.bin / "df"
        df.write_text(f"#!/bin/sh\necho Avail; [ -d {node.store}/old ] && echo 1000 || echo 1000000\n")
        df.chmod(0o755)
        node.said(node.start("newer"), "is whole")
        assert "old" not in node.names()

    def test_what_is_served_is_not_changed_and_it_is_told(self, node: Node) -> None:
        node.said(node.start(), "is whole")
        node.put("config.json", '{"other": 1}')
        assert "put changed weights under another prefix" in node.said(node.start(), "is whole")
        assert (node.store / "abc/gpt-oss/config.json").read_text() == "{}"

    def test_no_objects_are_told_and_waited_for(self, node: Node) -> None:
        objects = node.bucket / "objects"
        objects.rename(node.bucket / "later")
        objects.mkdir()
        made = node.start()
        node.said(made, "gpt/oss has no objects, expected the model's files: upload them")
        objects.rmdir()
        (node.bucket / "later").rename(objects)
        node.said(made, "is whole")

    def test_rights_that_are_missing_are_waited_for(self, node: Node) -> None:
        (node.bucket / "refuse").touch()
        made = node.start()
        node.said(made, "AccessDenied")
        time.sleep(0.2)
        assert made.poll() is None
        (node.bucket / "refuse").unlink()
        node.said(made, "is whole")


def half_rack(**changed: Any) -> Any:
    return nodes(
        "rack-c", "p6e-gb200.36xlarge", 9, efa=4, workload="inference", ultraserver="u-p6e-gb200x36", **changed
    )


def objects(served: Serving) -> dict[str, dict[str, Any]]:
    return {item["kind"]: dict(item) for item in weights_manifests(served)}


def engine_pod(served: Serving) -> dict[str, Any]:
    (group,) = [item for item in server_manifests(served) if item["kind"] == "LeaderWorkerSet"]
    found: dict[str, Any] = group["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]
    return found


class TestObjects:
    def test_eight_engines_of_a_node_mount_one_copy_and_cannot_write_it(self) -> None:
        served = serving(pool=h200(), min_replicas=8, max_replicas=8)
        pod = engine_pod(served)
        (volume,) = [item for item in pod["volumes"] if item["name"] == "weights"]
        assert volume["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
        assert all("hostPath" not in item for item in pod["volumes"])
        for container in (*pod["initContainers"], *pod["containers"]):
            (mount,) = [item for item in container["volumeMounts"] if item["name"] == "weights"]
            assert mount == {"name": "weights", "mountPath": "/models", "readOnly": True}

    def test_the_claim_is_the_directory_that_the_pods_of_the_nodes_fill(self) -> None:
        found = objects(serving())
        volume, claim = found["PersistentVolume"], found["PersistentVolumeClaim"]
        pod = found["DaemonSet"]["spec"]["template"]["spec"]
        assert volume["spec"]["local"]["path"] == pod["volumes"][0]["hostPath"]["path"]
        assert pod["containers"][0]["volumeMounts"] == [{"name": "store", "mountPath": "/store"}]
        assert volume["spec"]["local"]["path"].startswith("/mnt/k8s-disks/0/")
        assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
        assert volume["spec"]["claimRef"]["namespace"] == claim["metadata"]["namespace"] == "gpt-oss-120b"
        assert volume["spec"]["accessModes"] == claim["spec"]["accessModes"] == ["ReadOnlyMany"]
        # Of a node of its own a volume would be one node's alone.
        (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert term["matchExpressions"] == [{"key": "ultrafleet/capacity", "operator": "Exists"}]

    def test_engines_start_when_the_copy_is_whole(self) -> None:
        served = serving()
        environment = {
            item["name"]: item["value"]
            for item in objects(served)["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        (waits,) = engine_pod(served)["initContainers"]
        assert f"[ -d /models/{environment['COPY']} ]" in waits["command"][-1]
        assert served.directory == f"/models/{environment['COPY']}/{environment['MODEL']}"
        assert (environment["BUCKET"], environment["PREFIX"]) == ("weights", "gpt-oss-120b")

    def test_nodes_have_them_before_they_may_serve(self) -> None:
        served = serving(pool=half_rack(startup_taints=(UNPROVEN_TAINT,)))
        pod = objects(served)["DaemonSet"]["spec"]["template"]["spec"]
        tolerated = {item["key"] for item in pod["tolerations"]}
        assert tolerated == {"nvidia.com/gpu", UNPROVEN_TAINT.key}
        assert {item["key"] for item in engine_pod(served)["tolerations"]} == {"nvidia.com/gpu"}
        assert pod["nodeSelector"] == engine_pod(served)["nodeSelector"]

    def test_the_engines_image_is_kept_on_the_node(self) -> None:
        for served in (serving(), serving(image="registry.example/vllm:1")):
            containers = objects(served)["DaemonSet"]["spec"]["template"]["spec"]["containers"]
            assert containers[1]["image"] == engine_pod(served)["containers"][0]["image"]

    def test_containers_of_its_image_that_only_wait_get_no_gpu(self) -> None:
        image = objects(serving())["DaemonSet"]["spec"]["template"]["spec"]["containers"][1]
        (waits,) = engine_pod(serving())["initContainers"]
        for container in (image, waits):
            assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in container["env"]

    def test_only_the_pods_that_copy_may_mount_a_directory_of_the_node(self) -> None:
        made = server_manifests(serving())
        labels = {item["metadata"]["name"]: item["metadata"]["labels"] for item in made if item["kind"] == "Namespace"}
        assert labels["gpt-oss-120b"]["pod-security.kubernetes.io/enforce"] == "baseline"
        assert labels["gpt-oss-120b-weights"]["pod-security.kubernetes.io/enforce"] == "privileged"
        # Kueue and the policies of models look at namespaces of a workload.
        assert "ultrafleet/workload" not in labels["gpt-oss-120b-weights"]
        (daemons,) = [item for item in made if item["kind"] == "DaemonSet"]
        copies, image = daemons["spec"]["template"]["spec"]["containers"]
        assert copies["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "volumeMounts" not in image
        assert daemons["spec"]["template"]["spec"]["automountServiceAccountToken"] is False

    def test_another_address_is_another_copy_in_the_same_volume(self) -> None:
        one, other = serving(), serving(weights="s3://weights/gpt-oss-120b-v2")
        assert one.directory != other.directory
        for kind in ("PersistentVolume", "PersistentVolumeClaim"):
            assert objects(one)[kind] == objects(other)[kind]

    def test_a_model_of_any_size_has_the_same_claim(self) -> None:
        own = ServingRecipe(engine=VLLM, gpus=8)
        sizes = [
            objects(serving("ours", model=Model.of("ours", weights_gib=size), recipe=own))["PersistentVolumeClaim"]
            for size in (70, 700)
        ]
        assert sizes[0] == sizes[1]

    @pytest.mark.parametrize(
        ("pool", "changed", "message"),
        [
            (
                h200(joins_instance_store=False),
                {},
                "pool h200 has raid0_instance_store false, expected an instance store, joined to one volume, for the",
            ),
            (
                h200(),
                {"model": Model.of("ours", weights_gib=40000), "recipe": ServingRecipe(engine=VLLM, gpus=8)},
                "the instance store of pool h200 has 8 x 3800 GB, expected room for 40000 GiB of weights: choose a po",
            ),
        ],
    )
    def test_fails_on_nodes_without_room(self, pool: Any, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            serving(flavor=flavor_of([pool]), **changed)
