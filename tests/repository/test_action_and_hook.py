"""The action and the pre-commit hook of this repository: their files, and their scripts with the real command."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.policy_faults import DATA, FAULTS, edited

ROOT = Path(__file__).parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
BIN = ROOT / ".venv" / "bin"
needs_the_command = pytest.mark.skipif(not (BIN / "ultrafleet").exists(), reason="needs the set-up of this repository")


class TestAction:
    def test_is_composite_and_its_actions_are_commits(self) -> None:
        assert ACTION["runs"]["using"] == "composite"
        used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
        assert used
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used)
        assert all(step["shell"] == "bash" for step in ACTION["runs"]["steps"] if "run" in step)

    def test_no_expression_is_pasted_into_a_script(self) -> None:
        assert not [step for step in ACTION["runs"]["steps"] if "${{" in step.get("run", "")]

    def test_every_input_is_used_and_has_a_default(self) -> None:
        text = (ROOT / "action.yml").read_text()
        assert set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", text)) == set(ACTION["inputs"])
        assert all("default" in item and item["description"] for item in ACTION["inputs"].values())

    def script(self, name: str) -> str:
        (found,) = [step["run"] for step in ACTION["runs"]["steps"] if step.get("name") == name]
        return str(found)

    def shell(self, name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", self.script(name)],  # noqa: S607 - the runner's bash
            cwd=folder,
            env={**os.environ, "RUNNER_TEMP": str(folder / "temp"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def check(self, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
        tool = folder / "temp" / "ultrafleet-check" / "bin"
        tool.mkdir(parents=True, exist_ok=True)
        if not (tool / "ultrafleet").exists():
            (tool / "ultrafleet").symlink_to(BIN / "ultrafleet")
        (folder / "cdk.out").mkdir(exist_ok=True)
        (folder / "cdk.out" / "bad.json").write_text(json.dumps(edited(FAULTS["IMDSv1"][0]).content, indent=1))
        names = {name.upper().replace("-", "_"): item["default"] for name, item in ACTION["inputs"].items()}
        return self.shell("check", folder, **{**names, **inputs})

    def test_installs_itself_and_nothing_of_the_checked_repository(self, tmp_path: Path) -> None:
        (tmp_path / "temp").mkdir()
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").write_text(
            '#!/usr/bin/env bash\necho "$PWD: $*" >> "$RUNNER_TEMP/calls"\nmkdir -p ultrafleet-check/bin\n'
            '[ -e ultrafleet-check/bin/python ] || cp "$0" ultrafleet-check/bin/python\n'
        )
        (tmp_path / "bin" / "python").chmod(0o755)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        done = self.shell("install", tmp_path, PATH=path, SOURCE="/the action")
        assert done.returncode == 0, done.stderr
        made, installed = (tmp_path / "temp" / "calls").read_text().splitlines()
        assert made == f"{tmp_path / 'temp'}: -I -m venv ultrafleet-check"
        assert installed.startswith(f"{tmp_path / 'temp'}: -I -m pip install")
        assert installed.endswith(" /the action")

    @needs_the_command
    def test_annotates_and_fails_on_errors(self, tmp_path: Path) -> None:
        done = self.check(tmp_path)
        assert done.returncode == 1, done.stderr
        assert done.stdout.startswith("::error file=cdk.out/bad.json,line=")

    @needs_the_command
    def test_takes_a_baseline_several_paths_and_writes_sarif(self, tmp_path: Path) -> None:
        self.check(tmp_path)
        written = subprocess.run(
            [str(BIN / "ultrafleet"), "check", "cdk.out", "--write-baseline", "base.json"], cwd=tmp_path, check=False
        )
        assert written.returncode == 0
        (tmp_path / "my racks").mkdir()
        (tmp_path / "my racks" / "rack.yaml").write_text((DATA / "rack.yaml").read_text())
        done = self.check(tmp_path, PATHS="cdk.out\nmy racks\n", BASELINE="base.json", SARIF="out.sarif")
        assert (done.returncode, done.stdout.splitlines()[-1][:12]) == (0, "2 templates:"), done.stderr
        (result,) = json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["results"]
        assert (result["ruleId"], result["baselineState"]) == ("imdsv2", "unchanged")

    @needs_the_command
    @pytest.mark.parametrize(
        ("inputs", "code"),
        [
            ({"FAIL_ON": "never"}, 0),
            ({"FAIL_ON": "never", "PATHS": "nowhere"}, 2),
            ({"FAIL_ON": "never", "PATHS": "nowhere", "SARIF": "out.sarif"}, 2),
            ({"FAIL_ON": "sometimes"}, 2),
            ({"PATHS": "--json"}, 2),
            ({"PATHS": "$(touch pwned)"}, 2),
            ({"SARIF": "out.sarif"}, 1),
        ],
    )
    def test_exits_as_its_inputs_say(self, tmp_path: Path, inputs: dict[str, str], code: int) -> None:
        assert self.check(tmp_path, **inputs).returncode == code
        assert not (tmp_path / "pwned").exists()


class TestHook:
    def test_checks_templates_by_their_names(self) -> None:
        (hook,) = HOOKS
        assert (hook["id"], hook["entry"], hook["language"]) == ("ultrafleet-check", "ultrafleet check", "python")
        names = {
            "cdk.out/Fleet.template.json": True,
            "template.yaml": True,
            "infra/rack-template.yml": True,
            "package.json": False,
            "template.json.md": False,
            "templates/values.yaml": False,
        }
        assert {name: bool(re.search(hook["files"], name)) for name in names} == names

    def test_has_the_keys_that_pre_commit_knows(self) -> None:
        known = {"id", "name", "description", "entry", "language", "types_or", "files", "require_serial"}
        assert set(HOOKS[0]) == known | {"minimum_pre_commit_version"}
