"""The gate against an API on loopback, with the objects that the fleet delivers: a block from its start to its jobs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_kubernetes import FakeKubernetes, served, service_account
from helpers.workloads import b300, rack
from ultrafleet.acceptance.gate_api import Gate
from ultrafleet.acceptance.gate_objects import TAINT_KEY, read_node
from ultrafleet.errors import FleetError
from ultrafleet.in_cluster.kubernetes_api import KubernetesApi
from ultrafleet.jobs.acceptance_gate import GATE_MODULES, GateSettings, gate_manifests
from ultrafleet.jobs.acceptance_jobs import acceptance_template
from ultrafleet.jobs.acceptance_package import package_files
from ultrafleet.kubernetes import UNPROVEN_TAINT, PoolNodes

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
GROUP = "rack-a-cr-0aaaaaaaaaaaaaaa1"
NODES = "api/v1/nodes"
JOBS = "apis/trainer.kubeflow.org/v1alpha1/namespaces/acceptance/trainjobs"
RUNTIMES = "apis/trainer.kubeflow.org/v1alpha1/namespaces/acceptance/trainingruntimes"
DOMAINS = "apis/resource.nvidia.com/v1beta1/namespaces/acceptance/computedomains"
CONFIG_MAPS = "api/v1/namespaces/acceptance/configmaps"
EVENTS = "api/v1/namespaces/default/events"
GPU = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
UNPROVEN = {"key": TAINT_KEY, "value": "true", "effect": "NoSchedule"}


def pool(size: int = 3) -> PoolNodes:
    return rack(startup_taints=(UNPROVEN_TAINT,), node_group_sizes={GROUP: size})


class Site:
    """A cluster with the gate's configuration, and what the gate logged."""

    def __init__(self, cluster: FakeKubernetes, address: str, account: Path) -> None:
        self.cluster, self.log = cluster, list[Any]()
        self._api = KubernetesApi(account=account, address=address)

    def join(self, number: int, **changed: Any) -> None:
        name = f"node-{number:03}"
        manifest = {
            "metadata": {
                "name": name,
                "labels": {"ultrafleet/pool": "rack-a", "eks.amazonaws.com/nodegroup": GROUP},
                "annotations": {"other": "kept"},
            },
            "spec": {"providerID": f"aws:///us-east-1-dfw-2a/i-{number:017}", "taints": [GPU, UNPROVEN], **changed},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        self.cluster.add(NODES, manifest)

    def look(self, minutes: float) -> list[str]:
        time = (NOW + timedelta(minutes=minutes)).timestamp()
        return [type(action).__name__ for action in Gate(self._api, now=time, log=self.log.append).tick()]

    def nodes(self) -> dict[str, dict[str, Any]]:
        return self.cluster.objects[NODES]

    def tainted(self) -> set[str]:
        return {name for name, node in self.nodes().items() if UNPROVEN in node["spec"]["taints"]}

    def finish(self, *, bad: str | None = None, rack_passed: bool = True) -> None:
        """What the controllers and the launcher do: the TrainJob ends, with a result."""
        (run,) = self.cluster.objects[JOBS]
        job = self.cluster.objects[JOBS][run]
        tested = json.loads(job["metadata"]["annotations"]["ultrafleet/acceptance-nodes"])
        failed = {"passed": False, "findings": ["bandwidth: 12 GB/s, expected 500"]}
        result = {
            "run": run,
            "nodes": {name: failed if name == bad else {"passed": True} for name in tested},
            "rack": {"passed": rack_passed, "findings": []},
        }
        ended = "Complete" if bad is None and rack_passed else "Failed"
        job["status"] = {
            "conditions": [{"type": ended, "status": "True", "lastTransitionTime": "2026-12-01T12:20:00Z"}]
        }
        labels = {"ultrafleet/acceptance-run": run}
        written = {"metadata": {"name": f"result-{run}", "labels": labels}, "data": {"result.json": json.dumps(result)}}
        self.cluster.add(CONFIG_MAPS, written)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    cluster = FakeKubernetes()
    template = acceptance_template(pool(), image="registry.example/nccl-tests:1")
    for manifest in gate_manifests([pool()], {"rack-a": template}, usd_per_node_hour={"rack-a": 42.28}):
        if manifest["metadata"]["name"] == "acceptance-gate" and manifest["kind"] == "ConfigMap":
            cluster.add(CONFIG_MAPS, dict(manifest), created="2026-11-01T00:00:00Z")
    with served(cluster) as address:
        yield Site(cluster, address, service_account(tmp_path / "account"))


def test_a_block_from_its_start_to_its_jobs(site: Site) -> None:
    site.join(0)
    assert site.look(1) == []
    site.join(1)
    site.join(2)
    assert site.look(2) == ["Start"]
    (run,) = site.cluster.objects[JOBS]
    for collection in (JOBS, RUNTIMES, DOMAINS):
        (made,) = site.cluster.objects[collection].values()
        assert made["metadata"]["labels"]["ultrafleet/acceptance-run"] == run
    assert site.look(3) == []
    site.finish()
    assert site.look(20) == ["Release"] * 3 + ["FreeDomain"]
    assert site.tainted() == set()
    for node in site.nodes().values():
        assert node["spec"]["taints"] == [GPU]
        assert node["metadata"]["annotations"]["other"] == "kept"
        assert read_node(node).standing == "passed"
    assert site.look(21) == []
    assert site.look(60 * 25) == ["Delete"]
    assert not site.cluster.objects[JOBS]
    # Trainer refuses every change of a TrainJob whose runtime is gone, also the end of its deletion: it goes after it.
    assert site.cluster.objects[RUNTIMES]
    assert site.look(60 * 25 + 1) == ["Delete"]
    assert not any(site.cluster.objects[kind] for kind in (JOBS, RUNTIMES, DOMAINS))
    assert set(site.cluster.objects[CONFIG_MAPS]) == {"acceptance-gate"}


def test_a_bad_node_is_held_with_its_finding_its_cost_and_an_event(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish(bad="node-001")
    assert site.look(20) == ["Release", "Hold", "Release", "FreeDomain"]
    assert site.tainted() == {"node-001"}
    annotations = site.nodes()["node-001"]["metadata"]["annotations"]
    assert annotations["ultrafleet/acceptance"] == "failed"
    assert annotations["ultrafleet/acceptance-findings"] == "bandwidth: 12 GB/s, expected 500"
    warnings = [event for event in site.cluster.objects[EVENTS].values() if event["type"] == "Warning"]
    assert [event["message"] for event in warnings] == ["bandwidth: 12 GB/s, expected 500 (42.28 USD an hour)"]
    site.log.clear()
    site.look(21)
    assert {"event": "held", "nodeGroup": GROUP, "heldNodes": 1, "usdPerHour": 42.28} in site.log


def test_a_replaced_node_is_tested_alone(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish(bad="node-001")
    site.look(20)
    del site.nodes()["node-001"]
    site.join(7)
    assert site.look(30) == ["Start"]
    newest = list(site.cluster.objects[JOBS].values())[-1]
    assert set(json.loads(newest["metadata"]["annotations"]["ultrafleet/acceptance-nodes"])) == {"node-007"}


def test_a_rack_of_several_pages_is_one_rack(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultrafleet.in_cluster.kubernetes_api._PAGE", 2)
    for number in range(3):
        site.join(number)
    assert site.look(1) == ["Start"]
    assert sum(request == f"GET {NODES}" for request in site.cluster.requests) == 2


@pytest.mark.parametrize(
    "refused",
    [f"GET {NODES}", f"GET {JOBS}", f"GET {RUNTIMES}", f"GET {CONFIG_MAPS}", f"GET {CONFIG_MAPS}/acceptance-gate"],
)
@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_what_cannot_be_read_leaves_everything_as_it_is(site: Site, refused: str, status: int) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish()
    site.cluster.refuse = {refused: status}
    site.cluster.requests.clear()
    with pytest.raises(OSError, match=str(status)):
        site.look(20)
    assert all(request.startswith("GET") for request in site.cluster.requests)
    assert len(site.tainted()) == 3


def test_a_fleet_without_compute_domains_has_no_such_kind(site: Site) -> None:
    site.join(0)
    site.cluster.refuse = {f"GET {DOMAINS}": 404}
    assert site.look(1) == []


def test_a_node_that_changed_meanwhile_waits_for_the_next_look(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish()
    site.cluster.refuse = {f"PATCH {NODES}/node-001": 409}
    site.look(20)
    assert site.tainted() == {"node-001"}
    site.cluster.refuse = {}
    assert site.look(21) == ["Release"]
    assert site.tainted() == set()


def test_a_run_that_was_half_made_is_finished(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.cluster.refuse = {f"POST {JOBS}": 500}
    with pytest.raises(OSError, match="500"):
        site.look(1)
    assert site.cluster.objects[RUNTIMES]
    site.cluster.refuse = {}
    assert site.look(2) == ["Start"]
    assert len(site.cluster.objects[JOBS]) == len(site.cluster.objects[RUNTIMES]) == 1


def test_events_that_cannot_be_written_stop_nothing(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish()
    site.cluster.refuse = {f"POST {EVENTS}": 403}
    site.look(20)
    assert site.tainted() == set()


def test_objects_that_are_not_the_gate_s_release_nothing(site: Site) -> None:
    """A run that somebody made by hand has the label and no nodes; its result counts for none."""
    for number in range(3):
        site.join(number)
    labels = {"ultrafleet/acceptance-run": "mine"}
    result = {"run": "mine", "nodes": {"node-000": {"passed": True}}, "rack": {"passed": True}}
    written = {"metadata": {"name": "result-mine", "labels": labels}, "data": {"result.json": json.dumps(result)}}
    site.cluster.add(CONFIG_MAPS, written)
    site.cluster.add(JOBS, {"metadata": {"name": "mine"}})
    site.look(1)
    assert len(site.tainted()) == 3
    assert "mine" in site.cluster.objects[JOBS]
    assert "result-mine" in site.cluster.objects[CONFIG_MAPS]


def test_a_node_that_a_person_marks_is_tested_again_or_released(site: Site) -> None:
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish(rack_passed=False)
    site.look(20)
    assert len(site.tainted()) == 3
    assert site.look(500) == []
    site.nodes()["node-000"]["metadata"]["annotations"]["ultrafleet/acceptance"] = "waived"
    assert site.look(501) == ["Release"]
    assert site.tainted() == {"node-001", "node-002"}
    site.nodes()["node-001"]["metadata"]["annotations"]["ultrafleet/acceptance"] = "again"
    assert site.look(502) == ["Start"]


def test_the_gate_has_its_modules_and_the_launcher_has_others() -> None:
    manifests = gate_manifests([pool()], {"rack-a": {"manifests": []}})
    (code,) = [m for m in manifests if m["metadata"]["name"] == "acceptance-gate-code"]
    assert set(code["data"]) == {f"{name}.py" for name in GATE_MODULES}
    assert not any(name.startswith("gate") for name in package_files())


def test_the_gate_starts_from_its_config_map_alone(tmp_path: Path) -> None:
    """With nothing but Python and the delivered files; outside a cluster it says that it has no account."""
    manifests = gate_manifests([pool()], {"rack-a": {"manifests": []}})
    (code,) = [m for m in manifests if m["metadata"]["name"] == "acceptance-gate-code"]
    (job,) = [m for m in manifests if m["kind"] == "CronJob"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for item in pod["volumes"][0]["configMap"]["items"]:
        file = tmp_path / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code["data"][item["key"]])
    module = pod["containers"][0]["command"][2]
    command = [sys.executable, "-S", "-m", module]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert said["event"] == "stopped"
    assert "serviceaccount" in said["why"]


def test_fails_a_pool_whose_new_nodes_take_jobs() -> None:
    with pytest.raises(
        FleetError, match=r"startup_taints of pool b300 is \[\], expected ultrafleet/unproven among them"
    ):
        gate_manifests([b300()], {"b300": {"manifests": []}})


@pytest.mark.parametrize("name", ["wait_minutes", "run_minutes", "keep_hours"])
def test_fails_a_time_that_is_none(name: str) -> None:
    with pytest.raises(FleetError, match=f"{name} is 0, expected 1 to"):
        GateSettings(**{name: 0})


def test_a_price_that_is_not_public_is_called_so(site: Site) -> None:
    config = site.cluster.objects[CONFIG_MAPS]["acceptance-gate"]
    config["data"]["pool.rack-a"] = config["data"]["pool.rack-a"].replace("42.28", "null")
    for number in range(3):
        site.join(number)
    site.look(1)
    site.finish(rack_passed=False)
    site.look(20)
    messages = [event["message"] for event in site.cluster.objects[EVENTS].values()]
    assert messages == ["it failed without a finding (price not public)"] * 3
