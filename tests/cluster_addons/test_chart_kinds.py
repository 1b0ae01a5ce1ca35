"""Definitions in the charts' folders, which Helm doesn't update."""

import subprocess
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from helpers.workloads import h200, rack
from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.cluster import ImportedCluster
from ultrafleet.cluster_addons import FleetPlatform
from ultrafleet.cluster_addons.chart_kinds import CHARTS_WITH_FOLDER, KUBECTL_IMAGE, chart_kinds_manifests
from ultrafleet.cluster_addons.controllers import inference_controllers, training_controllers
from ultrafleet.delivery import ArgoCdDelivery, Delivery, GitSource, KubectlDelivery
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.queueing.kueue import kueue_release


def releases(versions: dict[str, str] | None = None) -> list[ChartRelease]:
    table = VersionTable.of(versions)
    return [
        *accelerator_runtime([rack(), h200()], table),
        kueue_release(table, counts_channels=True),
        *training_controllers(table),
        *inference_controllers(table, cluster_name="c", region="us-east-1", vpc={"vpcId": "vpc-1"}, scaled=True),
    ]


def job(versions: dict[str, str] | None = None) -> dict[str, Any]:
    (found,) = [dict(item) for item in chart_kinds_manifests(releases(versions)) if item["kind"] == "Job"]
    return found


def pod(versions: dict[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = job(versions)["spec"]["template"]["spec"]
    return found


def words(versions: dict[str, str] | None = None) -> list[str]:
    (fetch,) = pod(versions)["initContainers"]
    assert fetch["command"][:2] == ["/bin/sh", "-ec"]
    found: list[str] = fetch["command"][4:]
    return found


def test_each_chart_with_a_folder_is_fetched_as_it_is_installed() -> None:
    charts = VersionTable.of().charts
    found = words()
    assert list(zip(*[iter(found)] * 3, strict=True)) == [
        (charts[name].name, charts[name].repository, charts[name].version)
        if name == "aws-load-balancer-controller"
        else (charts[name].repository, "", charts[name].version)
        for name in sorted(CHARTS_WITH_FOLDER)
    ]
    assert "0.12.1" in words({"jobset": "0.12.1"})


def test_the_script_keeps_what_helm_prints_of_each_chart(tmp_path: Path) -> None:
    """Run by the shell, with a `helm` that prints like Helm: lines of the digest first, then the definitions."""
    (tmp_path / "helm").write_text('#!/bin/sh\nprintf "Pulled: x\\nDigest: y\\n---\\n"\nprintf "%s|" "$@"\n')
    (tmp_path / "helm").chmod(0o755)
    script = pod()["initContainers"][0]["command"][2]
    for folder in ("kinds", "home"):
        (tmp_path / folder).mkdir()
        script = script.replace(f"/{folder}/", f"{tmp_path}/{folder}/")
    given = ["oci://r.example/a", "", "1.0.0", "b", "https://c.example", "2.0.0-$(touch x)"]
    subprocess.run(
        ["/bin/sh", "-ec", script, "fetch", *given], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, cwd=tmp_path
    )
    assert sorted(path.read_text() for path in (tmp_path / "kinds").iterdir()) == [
        "---\nshow|crds|b|--repo=https://c.example|--version=2.0.0-$(touch x)|",
        "---\nshow|crds|oci://r.example/a|--version=1.0.0|",
    ]
    assert not (tmp_path / "x").exists()


def test_the_script_ends_where_a_chart_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "helm").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "helm").chmod(0o755)
    script = (
        pod()["initContainers"][0]["command"][2].replace("/home/", f"{tmp_path}/").replace("/kinds/", f"{tmp_path}/")
    )
    found = subprocess.run(
        ["/bin/sh", "-ec", script, "fetch", "a", "", "1.0.0"], check=False, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    assert found.returncode == 1


def test_another_version_is_another_job() -> None:
    names = {job(versions)["metadata"]["name"] for versions in (None, {"jobset": "0.12.1"}, {"kueue": "0.19.3"})}
    assert len(names) == 2


def test_only_what_applies_has_a_token_and_it_may_not_delete() -> None:
    _, role, _, _ = chart_kinds_manifests(releases())
    assert role["rules"] == [
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "verbs": ["create", "get", "patch"],
        }
    ]
    made = pod()
    assert made["automountServiceAccountToken"] is False
    with_token = [
        item["image"]
        for item in (*made["initContainers"], *made["containers"])
        if any(mount["name"] == "token" for mount in item["volumeMounts"])
    ]
    assert with_token == [KUBECTL_IMAGE]
    (apply,) = made["containers"]
    assert {"apply", "--server-side", "--force-conflicts"} <= set(apply["command"])
    for item in (*made["initContainers"], apply):
        assert item["securityContext"]["readOnlyRootFilesystem"] is True
        assert item["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_drained_node_leaves_the_webhook_of_model_replicas() -> None:
    (lws,) = [release for release in releases() if release.release == "lws"]
    assert lws.values["replicaCount"] == 2
    (term,) = lws.values["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"


def test_there_is_none_without_such_a_chart() -> None:
    assert chart_kinds_manifests([kueue_release(VersionTable.of(), counts_channels=False)]) == []


@pytest.mark.parametrize("by_argo_cd", [False, True])
def test_argo_cd_needs_no_job(stack: cdk.Stack, delivery: KubectlDelivery, tmp_path: Path, by_argo_cd: bool) -> None:
    used: Delivery = delivery
    if by_argo_cd:
        source = GitSource(repository="https://git.example/fleet", path="clusters/prod")
        used = ArgoCdDelivery(folder=tmp_path, source=source, cluster_name="prod", cluster_arn="arn:aws:eks:r:1:c/p")
    FleetPlatform(
        stack, "Platform", delivery=used, cluster=ImportedCluster(cluster_name="prod"), kubernetes_version="1.35",
        pools=[rack()],
    )  # fmt: skip
    jobs = [item for item in used.manifests if item["kind"] == "Job"]
    assert bool(jobs) is not by_argo_cd
