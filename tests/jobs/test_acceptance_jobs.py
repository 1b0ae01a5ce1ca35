"""The objects of an acceptance run: counts, order, nodes, rights; and the template that they are made from."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import b300, h200, nodes, rack
from ultrafleet.acceptance import run_template
from ultrafleet.acceptance.image import AWS_ARM64_IMAGE, HOSTFILE, KEYS, SSH_PORT
from ultrafleet.acceptance.launcher import SECONDS
from ultrafleet.acceptance.run_template import fill
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.jobs.acceptance_jobs import (
    ACCEPTANCE_NAMESPACE,
    acceptance_job,
    acceptance_template,
    shared_acceptance_manifests,
)
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT

IMAGE = "registry.example/nccl-tests:1"
NAMES = tuple(f"ip-10-0-1-{number}.ec2.internal" for number in range(18))


def run_of(pool: Any, *, names: tuple[str, ...] = NAMES, node_group: str | None = "rack-a-cr-1") -> dict[str, Any]:
    template = acceptance_template(pool, image=IMAGE, floors={"efa": 300})
    return {item["kind"]: item for item in fill(template, run="rack-a-x1", node_group=node_group, node_names=names)}


def steps(runtime: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in runtime["spec"]["template"]["spec"]["replicatedJobs"]}


def pod(runtime: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = steps(runtime)[step]["template"]["spec"]["template"]["spec"]
    return found


class TestRun:
    """What the real Trainer made of these fields is in docs/decisions/0014."""

    def test_has_one_launcher_and_a_worker_for_each_node(self) -> None:
        found = run_of(rack())
        runtime = found["TrainingRuntime"]
        labelled = [
            name
            for name, step in steps(runtime).items()
            if "trainer.kubeflow.org/trainjob-ancestor-step" in step["template"].get("metadata", {}).get("labels", {})
        ]
        assert labelled == ["launcher"]
        assert runtime["spec"]["mlPolicy"]["numNodes"] == 1
        assert runtime["spec"]["mlPolicy"]["mpi"]["runLauncherAsNode"] is False
        assert found["TrainJob"]["spec"]["trainer"] == {"numNodes": 18, "numProcPerNode": 4}

    def test_the_launcher_waits_for_ready_workers(self) -> None:
        runtime = run_of(rack())["TrainingRuntime"]
        assert list(steps(runtime)) == ["node", "launcher"]
        assert steps(runtime)["launcher"]["dependsOn"] == [{"name": "node", "status": "Ready"}]
        assert pod(runtime, "node")["containers"][0]["readinessProbe"]["tcpSocket"]["port"] == SSH_PORT

    def test_nothing_is_started_again(self) -> None:
        runtime = run_of(rack())["TrainingRuntime"]
        assert runtime["spec"]["template"]["spec"]["failurePolicy"] == {"maxRestarts": 0}
        for step in steps(runtime).values():
            assert step["template"]["spec"]["backoffLimit"] == 0
            assert step["template"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"

    def test_ends_some_time(self) -> None:
        """After all steps of the launcher, with half an hour for images."""
        seconds = run_of(rack())["TrainJob"]["spec"]["activeDeadlineSeconds"]
        assert sum(SECONDS.values()) + 1800 <= seconds == 5400

    @pytest.mark.parametrize("step", ["node", "launcher"])
    def test_is_on_its_nodes_proven_or_not(self, step: str) -> None:
        made = pod(run_of(rack())["TrainingRuntime"], step)
        assert made["nodeSelector"] == {"ultrafleet/pool": "rack-a", "eks.amazonaws.com/nodegroup": "rack-a-cr-1"}
        terms = made["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert terms == [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]} for name in NAMES
        ]
        assert UNPROVEN_TAINT.toleration in made["tolerations"]
        assert SPARE_TAINT.toleration in made["tolerations"]
        assert len(made["tolerations"]) == 3

    def test_names_are_of_the_run(self) -> None:
        found = run_of(rack())
        assert {item["metadata"]["name"] for item in found.values()} == {"rack-a-x1"}
        claim = found["ComputeDomain"]["spec"]["channel"]["resourceClaimTemplate"]["name"]
        assert claim == "rack-a-x1-channel"
        assert pod(found["TrainingRuntime"], "node")["resourceClaims"][0]["resourceClaimTemplateName"] == claim
        command = pod(found["TrainingRuntime"], "launcher")["containers"][0]["command"]
        assert command[:5] == ["python3", "-m", "ultrafleet.acceptance.run", "--run", "rack-a-x1"]
        assert command[command.index("--nodes") + 1] == ",".join(NAMES)

    def test_floors_of_the_caller_are_passed_on_and_no_others(self) -> None:
        command = pod(run_of(rack())["TrainingRuntime"], "launcher")["containers"][0]["command"]
        assert [word for word in command if word.startswith("--floor")] == ["--floor=efa=300"]
        assert command[command.index("--paths") + 1] == "nvlink,efa"

    def test_ssh_needs_nothing_of_the_image_s_own(self) -> None:
        runtime = run_of(rack())["TrainingRuntime"]
        script = pod(runtime, "node")["containers"][0]["command"][-1]
        assert runtime["spec"]["mlPolicy"]["mpi"]["sshAuthMountPath"] == KEYS
        for words in ("-f /dev/null", f"-p {SSH_PORT}", f"AuthorizedKeysFile={KEYS}/authorized_keys", "UsePAM=no"):
            assert words in script
        assert HOSTFILE == "/etc/mpi/hostfile"

    def test_workers_have_no_token_of_the_api(self) -> None:
        runtime = run_of(rack())["TrainingRuntime"]
        assert pod(runtime, "node")["automountServiceAccountToken"] is False

    def test_the_launcher_has_no_accelerator_and_a_worker_all(self) -> None:
        runtime = run_of(rack())["TrainingRuntime"]
        (launcher,), (worker,) = pod(runtime, "launcher")["containers"], pod(runtime, "node")["containers"]
        assert "resources" not in launcher
        assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in launcher["env"]
        assert worker["resources"]["limits"] == {"nvidia.com/gpu": "4", "vpc.amazonaws.com/efa": "4"}

    def test_a_single_node_is_a_run_too(self) -> None:
        found = run_of(rack(), names=NAMES[:1])
        assert found["TrainJob"]["spec"]["trainer"]["numNodes"] == 1


class TestWholePool:
    """The nodes that `ultrafleet job accept` tests: those of one UltraServer, whichever of two that overlap."""

    @staticmethod
    def made(pool: Any) -> dict[str, Any]:
        return {item["kind"]: dict(item) for item in acceptance_job(pool, image=IMAGE, floors={"efa": 300})}

    @pytest.mark.parametrize("pool", [rack(), rack(nodes=36, nodes_per_group=18)], ids=["in turn", "overlapping"])
    def test_is_of_the_nodes_of_one_ultraserver(self, pool: Any) -> None:
        found = self.made(pool)
        assert found["TrainJob"]["metadata"]["name"] == "rack-a-18"
        assert found["TrainJob"]["spec"]["trainer"]["numNodes"] == 18
        worker = pod(found["TrainingRuntime"], "node")
        assert worker["nodeSelector"] == {"ultrafleet/pool": "rack-a"}
        (term,) = worker["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert list(worker["affinity"]) == ["podAffinity"]
        assert term["topologyKey"] == "ultrafleet/ultraserver"
        assert term["labelSelector"]["matchLabels"] == {
            "jobset.sigs.k8s.io/jobset-name": "rack-a-18",
            "jobset.sigs.k8s.io/replicatedjob-name": "node",
        }

    def test_single_instances_need_none_of_that(self) -> None:
        found = self.made(b300(count=6, nodes_per_group=4))
        assert found["TrainJob"]["spec"]["trainer"]["numNodes"] == 4
        assert "affinity" not in json.dumps(found)

    def test_of_other_makers_there_is_none(self) -> None:
        assert acceptance_job(nodes("dl2q", "dl2q.24xlarge", 2, efa=1), image=IMAGE) == []

    def test_fails_with_an_image_of_another_architecture(self) -> None:
        with pytest.raises(
            FleetError, match=r"image of pool b300 is .*nccl-tests-arm64:latest, expected one for x86_64"
        ):
            acceptance_template(b300(), image=f"{AWS_ARM64_IMAGE}:latest", floors={"efa": 300})
        assert acceptance_template(rack(), image=f"{AWS_ARM64_IMAGE}:latest")["manifests"]

    def test_a_floor_of_a_node_s_own(self) -> None:
        found = {item["kind"]: item for item in acceptance_job(rack(), image=IMAGE, floors={"node": 600})}
        command = pod(found["TrainingRuntime"], "launcher")["containers"][0]["command"]
        assert "--floor=node=600" in command
        assert command[command.index("--paths") + 1] == "nvlink,efa"

    def test_fails_without_a_floor(self) -> None:
        with pytest.raises(UnknownFactError, match="no floor is published for p6-b300"):
            acceptance_template(b300(), image=IMAGE)


class TestTemplate:
    """Tokens of a template, each of which is filled."""

    @pytest.mark.parametrize("pool", [rack(), b300(), h200()])
    def test_is_json_and_leaves_no_token(self, pool: Any) -> None:
        template = acceptance_template(pool, image=IMAGE, floors={"efa": 300})
        template = json.loads(json.dumps(template))
        for names, count in ((NAMES, None), ((), 3)):
            text = json.dumps(fill(template, run="r", node_group=None, node_names=names, nodes=count))
            assert run_template.RUN not in text
            assert "ULTRAFLEET_" not in text

    @given(
        st.lists(st.text("abcdefghijklmnop-.0123456789", min_size=1), min_size=1, max_size=72, unique=True),
        st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True),
    )
    def test_names_each_node_once(self, names: list[str], run: str) -> None:
        template = acceptance_template(rack(), image=IMAGE)
        found = {item["kind"]: item for item in fill(template, run=run, node_group="g", node_names=names)}
        affinity = pod(found["TrainingRuntime"], "node")["affinity"]["nodeAffinity"]
        (terms,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"].values()
        assert [term["matchFields"][0]["values"] for term in terms] == [[name] for name in names]
        assert found["TrainJob"]["spec"]["trainer"]["numNodes"] == len(names)
        assert found["TrainJob"]["metadata"]["name"] == run

    @pytest.mark.parametrize("run", ["", "A", "a_b", "-a", "a" * 41, "a\n"])
    def test_fails_for_a_name_that_kubernetes_refuses(self, run: str) -> None:
        with pytest.raises(ValueError, match="expected a DNS label"):
            fill({"manifests": []}, run=run, node_group=None, node_names=("a",))

    @pytest.mark.parametrize(("names", "nodes"), [((), None), ((), 0), (("a",), 2), (("a", "a"), None)])
    def test_fails_without_nodes(self, names: tuple[str, ...], nodes: int | None) -> None:
        with pytest.raises(ValueError, match="expected one or more, each once"):
            fill({"manifests": []}, run="r", node_group=None, node_names=names, nodes=nodes)


class TestShared:
    """What all runs share."""

    def test_a_launcher_may_write_results_and_nothing_else(self) -> None:
        roles = [item for item in shared_acceptance_manifests() if item["kind"] == "Role"]
        assert [item["rules"] for item in roles] == [
            [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
        ]
        assert not [item for item in shared_acceptance_manifests() if item["kind"].startswith("Cluster")]
        assert {item["metadata"]["namespace"] for item in roles} == {ACCEPTANCE_NAMESPACE}

    def test_each_object_is_small_enough_to_be_sent_twice(self) -> None:
        """In an update CloudFormation sends old and new text in one event of Lambda, as JSON within JSON."""
        for manifest in shared_acceptance_manifests():
            assert 2 * len(json.dumps({"Manifest": json.dumps([manifest])})) < 262_144, manifest["metadata"]["name"]

    def test_the_launcher_starts_from_its_config_maps_alone(self, tmp_path: Path) -> None:
        """With nothing but Python; without the keys that Trainer mounts it has nothing to test."""
        delivered = {item["metadata"]["name"]: item["data"] for item in shared_acceptance_manifests() if "data" in item}
        launcher = pod(run_of(rack())["TrainingRuntime"], "launcher")
        (volume,) = launcher["volumes"]
        for source in volume["projected"]["sources"]:
            for item in source["configMap"]["items"]:
                file = tmp_path / item["path"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(delivered[source["configMap"]["name"]][item["key"]], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-S", *launcher["containers"][0]["command"][1:]],
            env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: [Errno 2] No such file or directory: '/etc/ultrafleet/ssh/id_rsa'")


def test_a_rack_on_roce_is_tested_over_nvlink_and_roce_with_its_own_devices() -> None:
    pool = nodes(
        "roce", "p6e-gb300r.36xlarge", 18, efa=0, workload="training", ultraserver="u-p6e-gb300x72", roce_interfaces=8
    )
    text = json.dumps(acceptance_template(pool, image=AWS_ARM64_IMAGE))
    assert '"nvlink,roce"' in text
    assert '"resourceClaimTemplateName": "roce-8"' in text
    assert '"NCCL_IB_HCA"' in text
    assert not any(word in text for word in ("vpc.amazonaws.com/efa", "hugepages", "FI_PROVIDER"))
