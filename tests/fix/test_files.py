"""`ultrafleet check --fix` and `--diff` on files: what is written, how, and what is left alone."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ultrafleet.cli import app
from ultrafleet.errors import FleetError
from ultrafleet.fix.files import written_in_place

VOLUME = """\
Resources:
  Lt:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        MetadataOptions: {HttpTokens: 'optional'}   # as it was
        # the last
        KeyName: mine
"""
REPAIRED = VOLUME.replace("'optional'", "'required'").replace("        KeyName: mine\n", "")
GIT = shutil.which("git") or "git"
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def file(folder: Path, text: str = VOLUME, name: str = "t.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_file_is_repaired_with_its_permissions_and_told(tmp_path: Path) -> None:
    path = file(tmp_path)
    path.chmod(0o640)
    result = run(path, "--fix")
    assert result.exit_code == 0
    assert path.read_bytes().decode() == REPAIRED
    assert path.stat().st_mode & 0o777 == 0o640
    assert "Lt: repaired: HttpTokens: required [imdsv2]" in result.output
    assert "2 repaired in 1 file; left: 0 error, 0 warning, 0 unknown" in result.output
    assert [item.name for item in tmp_path.iterdir()] == ["t.yaml"]


def test_what_only_a_deployment_decides_afterwards_is_counted(tmp_path: Path) -> None:
    group = {"GroupDescription": "a", "SecurityGroupIngress": {**SSH, "CidrIp": {"Ref": "Home"}}}
    text = {
        "Parameters": {"Home": {"Type": "String", "Default": "0.0.0.0/0"}},
        "Resources": {"Sg": {"Type": "AWS::EC2::SecurityGroup", "Properties": group}},
    }
    result = run(file(tmp_path, json.dumps(text), "t.json"), "--fix")
    assert "1 repaired in 1 file; left: 0 error, 0 warning, 1 unknown" in result.output
    assert "note: open-to-everybody: reach instances by Session Manager" in result.output


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    path = file(tmp_path)
    run(path, "--fix")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert "0 repaired in 0 files" in run(path, "--fix").output
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.parametrize("options", [("--diff",), ("--fix", "--dry-run")])
def test_a_difference_is_printed_which_patch_takes(options: tuple[str, ...], tmp_path: Path) -> None:
    path = file(tmp_path, VOLUME.replace("\n", "\r\n"))
    result = CliRunner().invoke(app, ["check", str(path), *options])
    assert path.read_bytes().decode() == VOLUME.replace("\n", "\r\n")
    done = subprocess.run(
        [GIT, "apply", "--unsafe-paths", f"-p{len(path.parts) - 1}", "-"],
        input=result.stdout_bytes,
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().decode() == REPAIRED.replace("\n", "\r\n")


def test_a_byte_order_mark_and_ends_of_lines_stay(tmp_path: Path) -> None:
    path = file(tmp_path, "\ufeff" + VOLUME.replace("\n", "\r\n").rstrip())
    run(path, "--fix")
    assert path.read_bytes().decode() == "\ufeff" + REPAIRED.replace("\n", "\r\n").rstrip()


def test_fails_to_mend_what_needs_a_choice_and_says_how(tmp_path: Path) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
    }
    text = json.dumps({"Resources": {"Role": role}})
    path = file(tmp_path, text, "t.json")
    result = run(path, "--fix")
    assert result.exit_code == 1
    assert path.read_text() == text
    assert "not repaired: it needs a choice; remedy: name actions and resources" in result.output


def test_fails_to_touch_what_is_synthesised(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.yaml"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": {"t": stack}}))
    path = file(tmp_path)
    result = run(tmp_path, "--fix")
    assert path.read_text() == VOLUME
    assert "not touched: it is synthesised: change the app that makes it" in result.output


def test_fails_to_write_through_a_link(tmp_path: Path) -> None:
    outside = file(tmp_path, name="outside.yaml")
    link = tmp_path / "t.yaml"
    link.symlink_to(outside)
    assert "it is a link" in run(link, "--fix").output
    assert outside.read_text() == VOLUME
    assert link.is_symlink()


def test_fails_to_part_hard_links(tmp_path: Path) -> None:
    path = file(tmp_path)
    os.link(path, tmp_path / "other.yaml")
    assert "hard links" in run(path, "--fix").output
    assert path.read_text() == VOLUME


def test_fails_to_write_a_file_that_is_read_only(tmp_path: Path) -> None:
    path = file(tmp_path)
    path.chmod(0o444)
    assert "it is read-only: make it writable" in run(path, "--fix").output
    assert path.read_text() == VOLUME


def test_fails_to_write_what_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(b"# caf\xe9\n" + VOLUME.encode())
    assert "it isn't UTF-8" in run(path, "--fix").output
    assert path.read_bytes() == b"# caf\xe9\n" + VOLUME.encode()


def test_fails_on_a_broken_file_and_mends_the_others(tmp_path: Path) -> None:
    path = file(tmp_path)
    broken = file(tmp_path, 'Resources: {A: {Type: "AWS::EC2::Volume"', "broken.yaml")
    assert run(tmp_path, "--fix").exit_code == 2
    assert path.read_text() == REPAIRED
    assert broken.read_text() == 'Resources: {A: {Type: "AWS::EC2::Volume"'


def test_fails_to_overwrite_a_file_that_has_changed(tmp_path: Path) -> None:
    path = file(tmp_path)
    with pytest.raises(FleetError, match="has changed since it was read"):
        written_in_place(path, "another text", REPAIRED)
    assert path.read_text() == VOLUME


def test_an_accepted_finding_is_left_alone(tmp_path: Path) -> None:
    path = file(tmp_path)
    accepted = tmp_path / "accepted.yml"
    accepted.write_text("- {rule: ssh-key, resource: Lt, reason: a lab, owner: me@example.com, until: 2999-01-01}\n")
    run(path, "--fix", "--acknowledgements", accepted)
    assert path.read_text() == VOLUME.replace("'optional'", "'required'")


def test_a_known_finding_is_left_alone(tmp_path: Path) -> None:
    path = file(tmp_path)
    run(path, "--write-baseline", tmp_path / "baseline.json")
    run(path, "--fix", "--baseline", tmp_path / "baseline.json")
    assert path.read_text() == VOLUME


@pytest.mark.parametrize("other", [("--json",), ("--sarif",), ("--annotations", "github"), ("--write-baseline", "b")])
def test_fails_beside_another_form_of_output(other: tuple[str, ...], tmp_path: Path) -> None:
    assert run(file(tmp_path), "--fix", *other).exit_code != 0


def test_fails_with_a_dry_run_of_nothing(tmp_path: Path) -> None:
    assert run(file(tmp_path), "--dry-run").exit_code != 0
