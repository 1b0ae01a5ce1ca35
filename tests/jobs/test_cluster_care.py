"""Programs that care for the cluster: where they are, what they may do, and that they start from what is delivered."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.workloads import b300, rack
from ultrafleet.jobs.cluster_care import care_manifests
from ultrafleet.queueing import fleet_flavors


def care(spare: int = 2, *, training: bool = True, pools: Any = None) -> dict[str, dict[str, Any]]:
    flavors = fleet_flavors(pools or [rack("rack-a"), rack("rack-b"), b300()], spare_nodes_per_ultraserver=spare)
    made = care_manifests(flavors, training=training, image="registry.example/python:3")
    return {f"{item['kind']} {item['metadata']['name']}": dict(item) for item in made}


def test_programs_are_where_there_is_something_to_care_for() -> None:
    assert {name for name in care() if name.startswith("CronJob")} == {"CronJob spare-nodes", "CronJob stale-domains"}
    assert "CronJob spare-nodes" not in care(0)
    assert "CronJob stale-domains" not in care(training=False)
    assert care(pools=[b300()]) == {}
    assert care(0, training=False) == {}


def test_the_program_of_spare_nodes_knows_how_many_nodes_of_a_rack_jobs_may_have() -> None:
    command = _container(care(3)["CronJob spare-nodes"])["command"]
    assert command == ["python3", "-m", "ultrafleet.in_cluster.spare_nodes_command", "rack-a=15", "rack-b=15"]


def test_their_rights_are_these() -> None:
    made = care()
    rules = {name: made[f"ClusterRole {name}"]["rules"] for name in ("spare-nodes", "stale-domains")}
    assert rules["spare-nodes"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}]
    assert {(rule["resources"][0], *rule["verbs"]) for rule in rules["stale-domains"]} == {
        ("computedomains", "list", "delete"),
        ("jobsets", "list"),
        ("trainjobs", "list"),
        ("resourceclaims", "list"),
    }
    assert not any(name.startswith("Role ") for name in made)


def test_a_policy_bounds_what_they_change() -> None:
    made = care()
    nodes = made["ValidatingAdmissionPolicy spare-nodes"]["spec"]
    assert nodes["matchConditions"][0]["expression"].endswith("'system:serviceaccount:ultrafleet-system:spare-nodes'")
    text = json.dumps(nodes["validations"])
    assert all(word in text for word in ("'rack-a', 'rack-b'", "unschedulable", "annotations", "ultrafleet/spare"))
    domains = made["ValidatingAdmissionPolicy stale-domains"]["spec"]
    assert "ultrafleet/job" in domains["validations"][0]["expression"]
    assert domains["matchConstraints"]["resourceRules"][0]["operations"] == ["DELETE"]
    for name in ("spare-nodes", "stale-domains"):
        assert made[f"ValidatingAdmissionPolicyBinding {name}"]["spec"]["validationActions"] == ["Deny"]


def _container(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("name", ["spare-nodes", "stale-domains"])
def test_they_start_from_what_is_delivered_alone(tmp_path: Path, name: str) -> None:
    """With nothing but Python and the delivered files; outside a cluster they say that they have no account."""
    made = care()
    job, code = made[f"CronJob {name}"], made[f"ConfigMap {name}-code"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for item in pod["volumes"][0]["configMap"]["items"]:
        file = tmp_path / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code["data"][item["key"]])
    command = [sys.executable, "-S", *_container(job)["command"][1:]]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert (said["program"], said["event"]) == (name, "stopped")
    assert "serviceaccount" in said["why"]


def test_they_run_as_nobody_and_write_nothing() -> None:
    container = _container(care()["CronJob spare-nodes"])
    assert container["image"] == "registry.example/python:3"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
