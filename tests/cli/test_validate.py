"""`ultrafleet validate`: every fault of environment files, in text, as JSON and as annotations."""

import json
from pathlib import Path

import pytest

from helpers.command import run

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = (FOLDER / "dev.yaml").read_text(encoding="utf-8")
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    wrong = text.replace("region: us-east-2", "region: us-esat-2").replace("nodes: 1", "nodes: one")
    (tmp_path / "wrong.yaml").write_text(wrong, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("account: [\n", encoding="utf-8")
    return tmp_path


def test_the_shipped_files_have_no_fault() -> None:
    done = run("validate", "--as-of", "2026-11-26")
    assert (done.returncode, done.stdout) == (0, "3 environment files: 0 errors, 0 warnings\n")


def test_all_faults_of_all_files(folder: Path) -> None:
    done = run("validate", "--environments", str(folder))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[-1] == "3 environment files: 3 errors, 0 warnings"
    assert lines[0].startswith(f"error: {folder}/broken.yaml:2:1: the line is no valid YAML")
    assert lines[1] == (
        f"error: {folder}/wrong.yaml:4:9: region: is 'us-esat-2', expected us-east-2, in which every subnet's zone is: "
        "write us-east-2, or zones of us-esat-2"
    )
    assert lines[2].startswith(f"error: {folder}/wrong.yaml:21:12: pools[0].nodes: is 'one', expected a whole number")


def test_as_json(folder: Path) -> None:
    done = run("validate", str(folder / "wrong.yaml"), "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert (first["severity"], first["line"], first["column"], first["key"]) == ("error", 4, 9, "region")
    assert (second["got"], second["expected"]) == ("'one'", "a whole number")
    assert {"file", "remedy", "message", "path"} <= second.keys()


def test_as_annotations(folder: Path) -> None:
    done = run("validate", "wrong.yaml", "--annotations", "github", cwd=folder)
    assert done.returncode == 1
    assert "::error file=wrong.yaml,line=4,col=9,title=ultrafleet environment::region: is 'us-esat-2'" in done.stdout
    report = json.loads(run("validate", "wrong.yaml", "--annotations", "gitlab", cwd=folder).stdout)
    assert [item["location"]["lines"]["begin"] for item in report] == [4, 21]


def test_warns_about_blocks_that_are_over() -> None:
    done = run("validate", "--as-of", "2027-06-01", str(FOLDER / "training.yaml"))
    assert done.returncode == 0
    assert "warning: " in done.stdout
    assert "blocks[0].end: block cr-0aaaaaaaaaaaaaaa1 ended 2026-12-15T11:30:00+00:00, before 2027-06-01" in done.stdout
    assert done.stdout.endswith("1 environment file: 0 errors, 3 warnings\n")


def test_warns_about_services_of_which_eks_takes_one_of_two_ranges(tmp_path: Path) -> None:
    text = (FOLDER / "dev.yaml").read_text().replace("10.20.", "10.100.")
    (tmp_path / "dev.yaml").write_text(text)
    done = run("validate", str(tmp_path / "dev.yaml"))
    assert (
        "cluster.service_cidr: is not stated, and the VPC overlaps 10.100.0.0/16, expected one outside" in done.stdout
    )
    (tmp_path / "dev.yaml").write_text(text + "cluster: { service_cidr: 172.20.0.0/16 }\n")
    assert "1 environment file: 0 errors, 0 warnings" in run("validate", str(tmp_path / "dev.yaml")).stdout


def test_other_commands_say_every_fault_in_a_line(folder: Path) -> None:
    done = run("stacks", "wrong", "--environments", str(folder))
    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error", "error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "nowhere.yaml is not there, expected an environment file"),
        (["--json", "--annotations", "github"], "--json and --annotations are both stated"),
    ],
)
def test_fails_on_unusable_arguments(arguments: list[str], message: str) -> None:
    done = run("validate", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
