"""Files of other tools: each is said to be what it is, with what to do; a template is never taken for one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from helpers.command import run
from helpers.policy_faults import DATA
from ultrafleet.cli import app
from ultrafleet.errors import FleetError
from ultrafleet.policy import parse_template, read_templates
from ultrafleet.templates.other_formats import (
    ASSEMBLY,
    EKSCTL,
    HELM,
    KUBERNETES,
    PARALLEL_CLUSTER,
    SERVERLESS,
    TERRAFORM,
    TERRAFORM_PLAN,
    OtherFormat,
    recognised,
)

FILES: dict[str, tuple[str, OtherFormat]] = {
    "cluster.yaml": ("apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a}\n", EKSCTL),
    "quoted.yml": ("---\n# a cluster\nkind: ClusterConfig\napiVersion: 'eksctl.io/v1alpha5' # v1\n", EKSCTL),
    "pcluster.yaml": ("Region: us-west-2\nImage: {Os: alinux2023}\nHeadNode: {}\nScheduling: {}\n", PARALLEL_CLUSTER),
    "plan.json": (json.dumps({"format_version": "1.2", "terraform_version": "1.9.8"}), TERRAFORM_PLAN),
    "state.json": (json.dumps({"version": 4, "terraform_version": "1.9.8", "resources": []}), TERRAFORM_PLAN),
    "main.tf": ('resource "aws_launch_template" "a" {\n}\n', TERRAFORM),
    "main.tf.json": (json.dumps({"resource": {}}), TERRAFORM),
    "job.yaml": ("apiVersion: batch/v1\nkind: Job\n---\napiVersion: v1\nkind: Service\n", KUBERNETES),
    "list.json": (json.dumps({"apiVersion": "v1", "kind": "List", "items": []}), KUBERNETES),
    "Chart.yaml": ("apiVersion: v2\nname: a\nversion: 0.1.0\n", HELM),
    "values.yaml": ("replicas: 1\n", HELM),
    "deployment.yaml": ("metadata:\n  name: {{ .Values.name }}\n", HELM),
    "manifest.json": (json.dumps({"version": "48.0.0", "artifacts": {"Tree": {}}}), ASSEMBLY),
    "serverless.yml": ("service: a\nprovider: {name: aws}\nresources: {Resources: {}}\n", SERVERLESS),
}
SAM = "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: 'AWS::Serverless::Function'}}\n"


@pytest.mark.parametrize("name", FILES)
class TestNamed:
    def test_is_recognised(self, name: str) -> None:
        text, other = FILES[name]
        assert recognised(text, name) is other

    def test_fails_with_what_it_is_and_what_to_do(self, tmp_path: Path, name: str) -> None:
        text, other = FILES[name]
        (tmp_path / name).write_text(text)
        with pytest.raises(FleetError) as caught:
            read_templates([tmp_path / name])
        assert (caught.value.got, caught.value.remedy) == (other.name, other.remedy)


@pytest.mark.parametrize("command", [["check", "job.yaml"], ["review", "job.yaml", "job.yaml"]])
def test_the_commands_exit_with_2(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "job.yaml").write_text(FILES["job.yaml"][0])
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "job.yaml is a Kubernetes manifest, expected a CloudFormation template" in done.stderr


class TestFolders:
    def test_count_them_by_their_tools(self, tmp_path: Path) -> None:
        for name, (text, _) in FILES.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "manifest.json").unlink()  # of an assembly without a stack
        (tmp_path / "rack.yaml").write_text((DATA / "rack.yaml").read_text())
        (tmp_path / "settings.json").write_text("{}")
        last = CliRunner().invoke(app, ["check", str(tmp_path)]).stdout.splitlines()[-1]
        assert last.startswith("1 template: 0 error, 0 warning, 0 unknown; passed over: 13 files (")
        assert (
            "2 of eksctl, 1 of AWS ParallelCluster, 4 of Terraform, 2 of Kubernetes, 3 of Helm, 1 of the Serverl"
            in last
        )

    def test_fails_without_a_template_and_says_what_is_there(self, tmp_path: Path) -> None:
        for name in ("job.yaml", "list.json", "cluster.yaml"):
            (tmp_path / name).write_text(FILES[name][0])
        with pytest.raises(FleetError, match=r"no template, and files of other tools \(1 of eksctl, 2 of Kubernetes\)"):
            read_templates([tmp_path])
        done = run("review", str(tmp_path), str(tmp_path), cwd=tmp_path)
        assert done.returncode == 2
        assert "2 of eksctl, 4 of Kubernetes" in done.stderr
        assert "name one alone: its error says more" in done.stderr
        (tmp_path / "cluster.yaml").unlink()
        with pytest.raises(FleetError) as caught:
            read_templates([tmp_path])
        assert caught.value.remedy == KUBERNETES.remedy


class TestTemplates:
    @pytest.mark.parametrize("other", [text for text, _ in FILES.values() if not text.startswith(("{", "-"))])
    def test_that_begin_as_another_format_are_read_as_templates(self, other: str) -> None:
        if "{{" in other or "resource " in other or "---" in other:
            other = "apiVersion: v1\nkind: Pod\n"
        text = f"{other}Resources: {{Topic: {{Type: 'AWS::SNS::Topic'}}}}\n"
        assert list(parse_template(text, name="t").resources) == ["Topic"]

    def test_of_sam_are_templates(self) -> None:
        assert list(parse_template(SAM, name="t").resources) == ["F"]

    def test_fails_on_what_nobody_knows_as_before(self) -> None:
        with pytest.raises(FleetError, match="has no Resources"):
            parse_template("a: 1\n", name="t.yaml")


@given(st.text(max_size=300), st.sampled_from([*FILES, "a.json", "b.yaml"]))
def test_any_text_has_an_answer(text: str, name: str) -> None:
    for whole in (text, "{" + text, '{"artifacts": ' + text, "{{" * 50 + text):
        assert recognised(whole, name) is None or isinstance(recognised(whole, name), OtherFormat)
