"""Baseline of the policy: what it covers, and what it doesn't."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.command import run

_VOLUME: dict[str, Any] = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 100, "Encrypted": False}}


def template(*, encrypted: bool = False, hops: int = 2) -> dict[str, Any]:
    """Launch template with faults of two rules."""
    volume = copy.deepcopy(_VOLUME)
    volume["Ebs"]["Encrypted"] = encrypted
    data = {
        "InstanceType": "g6.xlarge",
        "MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": hops},
        "BlockDeviceMappings": [volume],
    }
    return {"Resources": {"Node": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text(json.dumps(template()))
    return tmp_path


def check(folder: Path, *words: str) -> tuple[int, str]:
    done = run("check", "a", "b", *words, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_what_was_there_before_no_longer_counts_and_what_is_new_does(folder: Path) -> None:
    assert check(folder)[0] == 1
    assert check(folder, "--write-baseline", "base.json")[0] == 0
    code, told = check(folder, "--baseline", "base.json")
    assert code == 0
    assert ": error" not in told
    written = json.loads((folder / "base.json").read_text())
    assert {entry["file"] for entry in written} == {"a/x.json", "b/x.json"}
    assert f"{len(written)} in the baseline" in told

    worse = template()
    worse["Resources"]["Second"] = copy.deepcopy(worse["Resources"]["Node"])
    (folder / "b" / "x.json").write_text(json.dumps(worse))
    code, told = check(folder, "--baseline", "base.json")
    assert code == 1
    assert "Second" in told
    assert "Node" not in told


def test_equal_names_in_several_files_are_told_apart(folder: Path) -> None:
    (folder / "b" / "x.json").write_text(json.dumps(template(encrypted=True)))
    check(folder, "--write-baseline", "base.json")
    (folder / "b" / "x.json").write_text(json.dumps(template()))
    code, told = check(folder, "--baseline", "base.json")
    assert code == 1
    assert "b/x.json" in told
    assert "a/x.json" not in told


def test_lines_and_order_may_change_and_content_may_not(folder: Path) -> None:
    check(folder, "--write-baseline", "base.json")
    moved = {"Description": "new", "Parameters": {"Size": {"Type": "String", "Default": "1"}}, **template()}
    (folder / "a" / "x.json").write_text(json.dumps(moved, indent=4))
    assert check(folder, "--baseline", "base.json")[0] == 0
    (folder / "a" / "x.json").write_text(json.dumps(template(hops=9)))
    code, told = check(folder, "--baseline", "base.json")
    assert code == 1
    assert "a/x.json" in told
    assert "b/x.json" not in told
    assert "of the baseline are no longer found" in told


def test_one_entry_covers_one_finding(folder: Path) -> None:
    check(folder, "--write-baseline", "base.json")
    entries = json.loads((folder / "base.json").read_text())
    (folder / "base.json").write_text(json.dumps(entries[1:]))
    code, told = check(folder, "--baseline", "base.json", "--json")
    assert code in {0, 1}
    assert len(json.loads(told)) == 1


def test_it_is_read_from_any_folder(folder: Path) -> None:
    check(folder, "--write-baseline", "base.json")
    done = run("check", str(folder / "a"), str(folder / "b"), "--baseline", str(folder / "base.json"), cwd=Path("/"))
    assert done.returncode == 0, done.stdout


def test_sarif_tells_new_from_unchanged(folder: Path) -> None:
    check(folder, "--write-baseline", "base.json")
    (folder / "a" / "x.json").write_text(json.dumps(template(hops=9)))
    done = run("check", "a", "b", "--baseline", "base.json", "--sarif", cwd=folder)
    results = json.loads(done.stdout)["runs"][0]["results"]
    states = {
        (item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], item["baselineState"]) for item in results
    }
    assert states >= {("a/x.json", "new"), ("b/x.json", "unchanged")}
    assert ("b/x.json", "new") not in states


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"file": "x"}]', "[" * 100_000, "\x00"])
def test_fails_for_what_is_no_baseline(folder: Path, text: str) -> None:
    (folder / "base.json").write_text(text)
    code, told = check(folder, "--baseline", "base.json")
    assert code == 2
    assert "expected a file that `ultrafleet check --write-baseline` wrote" in told


@pytest.mark.parametrize("name", ["absent.json", "a", "/dev/zero"])
def test_fails_for_what_is_no_file(folder: Path, name: str) -> None:
    assert check(folder, "--baseline", name)[0] == 2


def test_fails_for_both_at_once(folder: Path) -> None:
    code, told = check(folder, "--baseline", "base.json", "--write-baseline", "base.json")
    assert code == 2
    assert "both stated" in told


def test_fails_for_a_file_that_cannot_be_written(folder: Path) -> None:
    code, told = check(folder, "--write-baseline", "a")
    assert code == 2
    assert "expected a file that can be written" in told


def test_a_template_that_cannot_be_read_writes_none(folder: Path) -> None:
    (folder / "a" / "broken.json").write_text('{"Resources": {"A": {"Type": "AWS::EC2::Instance"}')
    assert check(folder, "--write-baseline", "base.json")[0] == 2
    assert not (folder / "base.json").exists()
