"""`ultrafleet summary`."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from helpers import command
from helpers.rehearsal_site import ENVIRONMENTS


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    for environment in ("dev", "training", "inference"):
        folder = tmp_path / f"assembly-{environment}"
        folder.mkdir()
        for number, resources in enumerate((2, 7)):
            template = {"Resources": {f"R{n}": {} for n in range(resources)}}
            (folder / f"stack{number}.template.json").write_text(json.dumps(template))
            (folder / "manifest.json").write_text(
                json.dumps(
                    {
                        "artifacts": {
                            f"stack{n}": {
                                "type": "aws:cloudformation:stack",
                                "properties": {
                                    "templateFile": f"stack{n}.template.json",
                                    "stackName": f"{environment}-s{n}",
                                },
                            }
                            for n in range(number + 1)
                        }
                    }
                )
            )
    return tmp_path


def run(*arguments: str) -> CompletedProcess[str]:
    return command.run("summary", *arguments)


def test_shows_stacks_fleet_ips_and_price(assembly: Path) -> None:
    result = run("--assembly", str(assembly), "--as-of", "2026-11-25")
    assert result.returncode == 0, result.stderr
    stacks, fleet = (line.split() for line in result.stdout.splitlines() if line.split()[:2] == ["training", "2"])
    assert stacks[2:6] == ["9", "7", "in", "training-s1"]
    assert fleet[2:] == ["160", "38", "1,808.64", "2026-09-19,", "2026-10"]
    (b300,) = [line.split() for line in result.stdout.splitlines() if line.split()[:2] == ["training", "b300"]]
    assert b300[2:] == ["us-east-1", "p6-b300.48xlarge", "on-demand", "142.416", "2", "284.83", "2026-09-19"]
    (h100,) = [line for line in result.stdout.splitlines() if line.startswith("dev: pool h100")]
    assert h100 == (
        "dev: pool h100: the price of p5.4xlarge is stale: of 2025-11, more than a quarter before 2026-11-25"
    )
    assert "training: pool" not in result.stdout
    (dallas,) = [line.split() for line in result.stdout.splitlines() if line.split()[:2] == ["training", "dallas"]]
    assert dallas[2:] == ["us-east-1-dfw-2a", "10.64.32.0/19", "3,456", "4,704"]
    assert result.stderr == ""


def test_one_environment(assembly: Path) -> None:
    result = run("dev", "--assembly", str(assembly))
    assert "training" not in result.stdout


def test_as_of_warns_about_blocks_that_are_over(assembly: Path) -> None:
    result = run("training", "--assembly", str(assembly), "--as-of", "2026-12-15T11:30:00")
    assert result.returncode == 0
    assert result.stderr.startswith("warning: training: pool rack-a: block cr-0aaaaaaaaaaaaaaa1 ended 2026-12-15T11:30")
    assert len(result.stderr.splitlines()) == 1


def test_before_their_end_it_does_not(assembly: Path) -> None:
    assert run("training", "--assembly", str(assembly), "--as-of", "2026-12-15T11:29:00").stderr == ""


def test_as_of_warns_about_support_that_ends(assembly: Path) -> None:
    result = run("dev", "--assembly", str(assembly), "--as-of", "2027-01-26")
    assert result.stderr == (
        "warning: dev: standard support of Kubernetes 1.35 ends 2027-03-27, EKS upgrades the control plane then "
        "(upgrade_policy STANDARD): raise kubernetes_version before\n"
    )
    assert run("dev", "--assembly", str(assembly), "--as-of", "2027-01-25").stderr == ""


def test_as_of_warns_about_reservations_that_are_over(assembly: Path, tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    text = (ENVIRONMENTS / "training.yaml").read_text()
    ending = text.replace("    instance_count: 2\n", "    instance_count: 2\n    end: 2026-12-01T12:00:00Z\n", 1)
    assert ending != text
    (folder / "training.yaml").write_text(ending)
    arguments = ("training", "--assembly", str(assembly), "--environments", str(folder), "--as-of")
    assert run(*arguments, "2026-12-01T11:59:00").stderr == ""
    assert run(*arguments, "2026-12-01T12:00:00").stderr == (
        "warning: training: capacity reservation b300 is over at 2026-12-01T12:00:00+00:00: its "
        "instances go on, on demand; remove it, or give it a later end\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prod"], "environment is 'prod', expected one of dev, inference, training"),
        (["dev", "--as-of", "soon"], "as-of"),
        (["dev", "--assembly", "nowhere"], "holds no template, expected those of dev: run `make synth` first"),
    ],
)
def test_fails_in_one_line(assembly: Path, arguments: list[str], message: str) -> None:
    result = run(*["--assembly", str(assembly), *arguments] if "--assembly" not in arguments else arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_own_prices_precede_the_public_ones(assembly: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("type,usd_per_hour,date,source\nu-p6e-gb200x72,100,2026-01-01,contract\n")
    options = ["training", "--assembly", str(assembly), "--as-of", "2026-11-25"]
    result = run(*options, "--prices", str(tmp_path / "p.csv"))
    assert result.returncode == 0
    assert "your prices, or else public ones, in USD an hour" in result.stdout
    assert "100.000" in result.stdout
    assert "your price of 2026-01-01" in result.stdout
    assert "the price of u-p6e-gb200x72 is stale" not in result.stdout
    assert "your price" not in run(*options).stdout
