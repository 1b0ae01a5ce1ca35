"""`ultrafleet init`: folders, names, refusals, git; what is written is held by tests/starter."""

import json
import subprocess
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from helpers.command import ROOT, run
from helpers.wheels import wheel_file

PLACE = ["--account", "123456789012", "--region", "us-west-2", "--zone", "us-west-2a", "--zone", "us-west-2b"]


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return str(wheel_file(tmp_path / "built"))


def init(folder: Path, *words: str) -> CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return run("init", *words, cwd=folder, environment={"GIT_CEILING_DIRECTORIES": str(folder.parent)})


def test_makes_a_folder_with_an_environment_of_its_name(wheel: str, tmp_path: Path) -> None:
    done = init(tmp_path / "a b", "research", "--wheel", wheel)
    assert (done.returncode, done.stderr) == (0, "")
    made = tmp_path / "a b" / "research"
    assert (made / "stacks" / "environments" / "research.yaml").exists()
    assert (made / ".git").is_dir()
    assert "research.yaml are placeholders: it can be rehearsed, not deployed" in done.stdout
    assert "next: cd research && make synth, make test, make deploy ENV=research" in done.stdout
    written = {str(path.relative_to(made.parent)) for path in made.rglob("*") if path.is_file()}
    assert {path for path in written if "/.git/" not in path} == set(done.stdout.splitlines()[:-2])


def test_json_says_what_was_made(wheel: str, tmp_path: Path) -> None:
    made = json.loads(init(tmp_path / "a", "research", "--wheel", wheel, "--json").stdout)
    assert made["environment_file"] == "research/stacks/environments/research.yaml"
    assert made["environment_file"] in made["files"]
    assert made["placeholders"] is True
    assert "can be rehearsed, not deployed" in made["notes"][0]
    again = run("init", "research", "--wheel", wheel, "--upgrade", "--json", cwd=tmp_path / "a")
    assert json.loads(again.stdout).keys() == {"version", "replaced"}


def test_without_a_name_it_is_this_folder(wheel: str, tmp_path: Path) -> None:
    done = init(tmp_path / "here", "--wheel", wheel, *PLACE)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "here" / "stacks" / "environments" / "dev.yaml").read_text()
    assert 'account: "123456789012" # your account\nregion: us-west-2' in text
    assert "placeholder" not in done.stdout
    assert "next: make synth" in done.stdout
    again = init(tmp_path / "here", "--wheel", wheel)
    assert again.returncode == 2
    assert "expected none of the files that are written: nothing is overwritten" in again.stderr


def test_a_folder_of_a_git_repository_gets_none_of_its_own(wheel: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S607 - git
    done = run("init", "fleet", "--wheel", wheel, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "fleet" / ".git").exists()


def test_begins_with_an_environment_file(wheel: str, tmp_path: Path) -> None:
    shipped = ROOT / "stacks" / "environments" / "training.yaml"
    done = init(tmp_path / "r", "--wheel", wheel, "--from", str(shipped))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "r" / "stacks" / "environments" / "training.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=environment.schema.json\n")
    assert text.splitlines()[-5:] == shipped.read_text().splitlines()[-5:]
    assert text.count("yaml-language-server") == 1


EKSCTL = """
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: { name: theirs, region: us-east-2 }
managedNodeGroups:
  - { name: h100, instanceType: p5.4xlarge, desiredCapacity: 2, efaEnabled: true, availabilityZones: [us-east-2a] }
"""


def test_begins_with_a_file_of_another_tool(wheel: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(EKSCTL)
    words = ["--wheel", wheel, "--from", "../cluster.yaml"]
    asked = init(tmp_path / "r", *words)
    assert (asked.returncode, list((tmp_path / "r").iterdir())) == (2, []), asked.stdout
    assert "account" in asked.stderr
    place = ["--account", "123456789012", "--zone", "us-east-2a", "--zone", "us-east-2b"]
    more = ["--workload", "training", "--nodes", "2", "--cidr", "10.30.0.0/16"]
    done = init(tmp_path / "r", *more, *words, *place)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "r" / "stacks" / "environments" / "theirs.yaml").read_text()
    assert "p5.4xlarge" in text
    named = run("init", "ours", *words[:-1], "cluster.yaml", *more, *place, cwd=tmp_path)
    assert named.returncode == 0, named.stderr
    assert (tmp_path / "ours" / "stacks" / "environments" / "ours.yaml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Research"], "NAME is 'Research', expected up to 40 lower-case letters"),
        (["r", "--account", "123456789012"], "--region, --zone, twice is missing, expected account, region and two"),
        ([*PLACE[:-2]], "--zone, twice is missing"),
        (["r", "--regoin", "x"], "arguments is --regoin x, expected NAME and the options that --help lists"),
        (["r", *PLACE[:1], "12", *PLACE[2:]], "account"),
        (["r", "--from", "absent.yaml"], "absent.yaml is unreadable"),
        (["r", "--live", "theirs", "--adopt"], "region is missing"),
        (["--live", "theirs", "--from", "x.yaml"], "--live is stated beside --from, expected one of them"),
        (["--upgrade"], "has no fleet.mk, expected a repository that `ultrafleet init` made"),
    ],
)
def test_fails_and_writes_nothing(wheel: str, tmp_path: Path, words: list[str], message: str) -> None:
    done = init(tmp_path / "r", "--wheel", wheel, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert list((tmp_path / "r").iterdir()) == []


def test_fails_for_an_environment_that_does_not_load(wheel: str, tmp_path: Path) -> None:
    text = (ROOT / "stacks" / "environments" / "dev.yaml").read_text().replace("nodes: 1", "nodes: 0")
    (tmp_path / "bad.yaml").write_text(text)
    done = init(tmp_path / "r", "--wheel", wheel, "--from", "../bad.yaml")
    assert done.returncode == 2
    assert "bad.yaml" in done.stderr
    assert str(tmp_path.anchor) not in done.stderr.split("bad.yaml")[0]
    assert list((tmp_path / "r").iterdir()) == []


def test_fails_where_the_library_comes_from_no_wheel(tmp_path: Path) -> None:
    done = init(tmp_path / "r")  # the development install
    assert done.returncode == 2
    assert "ultrafleet is not installed from a wheel on this machine" in done.stderr
    assert "pass it: --wheel" in done.stderr
