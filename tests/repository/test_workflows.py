"""The workflows that post a review: their scripts run here, with stand-ins for the hosts' commands.

What a host itself does (events, permissions, artifacts, how it shows a comment) can't be run offline.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.review_fleet import stacks
from helpers.review_scenarios import SCENARIOS
from ultrafleet.review.sections import MARKER

ROOT = Path(__file__).parent.parent.parent
BIN = ROOT / ".venv" / "bin"
WORKFLOWS = ROOT / ".github" / "workflows"
GITHUB: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "fleet-review.yml").read_text())
SYNTHESIS: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "fleet-synthesis.yml").read_text())
GITLAB_JOBS: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab-ci.yml").read_text())
GITLAB: dict[str, Any] = GITLAB_JOBS["fleet review"]
SYNTH = "cp -R ../SIDE/. ."
"""Stands in for the synthesis: what it would have written is there."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BIN / "ultrafleet").exists(), reason="needs the set-up of this repository"),
]


def templates(folder: Path, scenario: str | None) -> None:
    content = stacks()
    if scenario is not None:
        SCENARIOS[scenario].edit(content)
    (folder / "cdk.out").mkdir(parents=True)
    for name, template in content.items():
        (folder / "cdk.out" / f"{name}.template.json").write_text(json.dumps(template))


def fake(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{script}")
    (folder / name).chmod(0o755)


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As a runner does: bash, and the first failure ends it."""
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],  # noqa: S607 - the runner's bash
        cwd=folder,
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


class TestGitHub:
    def step(self, job: str, name: str) -> str:
        (found,) = [step["run"] for step in GITHUB["jobs"][job]["steps"] if step.get("name") == name]
        return str(found)

    def test_what_runs_the_pull_request_may_not_write(self) -> None:
        assert SYNTHESIS["permissions"] == {}
        assert [job["permissions"] for job in SYNTHESIS["jobs"].values()] == [{"contents": "read"}]
        assert "secrets" not in (WORKFLOWS / "fleet-synthesis.yml").read_text()
        (checkout, *_) = SYNTHESIS["jobs"]["synthesise"]["steps"]
        assert checkout["with"]["persist-credentials"] is False

    def test_what_judges_runs_nothing_of_the_pull_request(self) -> None:
        assert list(GITHUB[True]) == ["workflow_run"]  # YAML's "on": the default branch's file, whatever the head says
        assert GITHUB["permissions"] == {}
        assert GITHUB["jobs"]["review"]["permissions"] == {"actions": "read", "contents": "read"}
        checkouts = [step["with"] for step in GITHUB["jobs"]["review"]["steps"] if "checkout" in step.get("uses", "")]
        assert [(item["path"], item["persist-credentials"]) for item in checkouts] == [("base", False)]
        assert "head" not in checkouts[0]["ref"]
        script = self.step("review", "review")
        assert '"head/' not in script
        assert "cd head" not in script
        assert "--acknowledgements head" not in script

    def test_what_may_write_runs_neither_side(self) -> None:
        steps = GITHUB["jobs"]["comment"]["steps"]
        assert [step["uses"].split("@")[0] for step in steps if "uses" in step] == ["actions/download-artifact"]
        assert not [
            step for step in steps if "ultrafleet " in step.get("run", "").replace("<!-- ultrafleet review", "")
        ]

    def test_what_uploads_to_code_scanning_has_that_right_alone_and_runs_nothing(self) -> None:
        job = GITHUB["jobs"]["scanning"]
        assert job["permissions"] == {"security-events": "write"}
        assert not [step for step in job["steps"] if "run" in step]
        names = [step["uses"].split("@")[0] for step in job["steps"]]
        assert names == ["actions/download-artifact", "github/codeql-action/upload-sarif"]

    def test_every_action_is_pinned_by_its_hash(self) -> None:
        for workflow in WORKFLOWS.glob("*.yml"):
            for job in yaml.safe_load(workflow.read_text())["jobs"].values():
                for step in job["steps"]:
                    assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}")), step

    def test_no_expression_is_pasted_into_a_script(self) -> None:
        # A branch may be named like a command.
        for job in (*GITHUB["jobs"].values(), *SYNTHESIS["jobs"].values()):
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")]

    def test_an_older_assembly_is_not_taken_for_the_pull_request(self, tmp_path: Path) -> None:
        (tmp_path / "cdk.out").mkdir()
        (step,) = [item["run"] for item in SYNTHESIS["jobs"]["synthesise"]["steps"] if item.get("name") == "synthesise"]
        done = shell(step, tmp_path, SYNTH="true", TEMPLATES="cdk.out")
        assert done.returncode != 0
        done = shell(step, tmp_path, SYNTH="mkdir -p cdk.out", TEMPLATES="cdk.out")
        assert (done.returncode, (tmp_path / "head" / "templates").is_dir()) == (0, True)

    def review(
        self, folder: Path, conclusion: str = "success", synth: str = "true"
    ) -> subprocess.CompletedProcess[str]:
        # The base's assembly stands where its synthesis would have written it.
        script = self.step("review", "review").replace('rm -rf "$TEMPLATES" && ', "")
        environment = {
            **GITHUB["env"],
            "ULTRAFLEET": "ultrafleet",
            "ADDRESS": "https://x/raw",
            "NUMBER": "7",
            "SHA": "abc",
            "SYNTH": synth,
            "SYNTHESISED": conclusion,
        }
        return shell(script, folder, **environment, GITHUB_STEP_SUMMARY=str(folder / "sum"))

    @pytest.fixture
    def reviewed(self, tmp_path: Path) -> Path:
        templates(tmp_path / "base", None)
        templates(tmp_path / "head", "the endpoint is opened")
        (tmp_path / "head" / "cdk.out").rename(tmp_path / "head" / "templates")
        fake(tmp_path / "base", "ultrafleet", f'exec {BIN / "ultrafleet"} "$@"\n')
        fake(tmp_path / "head", "ultrafleet", "touch owned\n")
        done = self.review(tmp_path)
        assert done.returncode == 0, done.stderr
        return tmp_path

    def test_reviews(self, reviewed: Path) -> None:
        text = (reviewed / "review" / "review.md").read_text()
        assert text.startswith(MARKER)
        assert "at `abc`" in text
        assert "endpoint-opened" in text
        assert 'src="https://x/raw/fleet-review-pictures/pr-7/abc/review-light.svg"' in text
        assert (reviewed / "sum").read_text() == text
        assert (reviewed / "review" / "review-dark.svg").exists()
        assert not list(reviewed.rglob("owned"))

    def test_writes_sarif_with_the_paths_of_the_repository(self, reviewed: Path) -> None:
        item = {"rule": "ssh-key", "resource": "Nothing", "reason": "r", "owner": "o", "until": "2999-01-01"}
        (reviewed / "base" / "acknowledgements.yaml").write_text(yaml.safe_dump([item]))
        self.review(reviewed)
        log = json.loads((reviewed / "review" / "check.sarif").read_text())
        places = [
            location["physicalLocation"]["artifactLocation"]["uri"]
            for result in log["runs"][0]["results"]
            for location in result["locations"]
        ]
        assert "acknowledgements.yaml" in places
        assert {str(Path(place).parent) for place in places} == {"cdk.out", "."}

    def test_fails_on_errors_of_the_policy_after_it_has_reviewed(self, reviewed: Path) -> None:
        done = shell(self.step("review", "policy"), reviewed)
        assert (done.returncode, "[public-endpoint]" in done.stdout) == (1, True)
        (reviewed / "review" / "check.exit").unlink()
        assert shell(self.step("review", "policy"), reviewed).returncode == 0

    def test_takes_the_acknowledgements_of_the_base_alone(self, reviewed: Path) -> None:
        item = {"rule": "public-endpoint", "resource": "Fleet", "reason": "r", "owner": "o", "until": "2999-01-01"}
        (reviewed / "head" / "acknowledgements.yaml").write_text(yaml.safe_dump([item]))
        self.review(reviewed)
        text = (reviewed / "review" / "review.md").read_text()
        assert "1 new acknowledgements, not applied" in text
        assert "Acknowledged (1)" not in text
        assert (reviewed / "review" / "check.exit").read_text().strip() == "1"
        (reviewed / "head" / "acknowledgements.yaml").rename(reviewed / "base" / "acknowledgements.yaml")
        (reviewed / "review" / "check.exit").unlink()
        self.review(reviewed)
        assert "Acknowledged (1)" in (reviewed / "review" / "review.md").read_text()
        assert not (reviewed / "review" / "check.exit").exists()

    @pytest.mark.parametrize(("conclusion", "synth"), [("failure", "true"), ("success", "false")])
    def test_what_cannot_be_synthesised_is_said_of_its_commit(
        self, reviewed: Path, conclusion: str, synth: str
    ) -> None:
        (reviewed / "review" / "review.md").unlink()
        assert self.review(reviewed, conclusion, synth).returncode == 0
        text = (reviewed / "review" / "review.md").read_text()
        assert text.startswith(f"{MARKER}\n## Fleet review of `abc` failed")
        assert shell(self.step("review", "policy"), reviewed).returncode == 2

    def test_a_review_that_crashed_replaces_the_old_comment(self, tmp_path: Path) -> None:
        done = shell(self.step("comment", "text"), tmp_path, SHA="abc")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "review" / "review.md").read_text().startswith(f"{MARKER}\n## Fleet review of `abc` failed")

    @pytest.mark.parametrize(
        ("known", "method", "path"), [("", "POST", "issues/7/comments"), ("99", "PATCH", "issues/comments/99")]
    )
    def test_posts_one_comment_and_updates_it(self, tmp_path: Path, known: str, method: str, path: str) -> None:
        (tmp_path / "review").mkdir()
        (tmp_path / "review" / "review.md").write_text(f"{MARKER}\ntext")
        fake(tmp_path / "bin", "gh", f'echo "$*" >> calls\ncase "$*" in *--jq*) echo "{known}";; esac\n')
        done = shell(self.step("comment", "comment"), tmp_path, GITHUB_REPOSITORY="o/r", NUMBER="7")
        assert done.returncode == 0, done.stderr
        asked, posted = (tmp_path / "calls").read_text().splitlines()
        assert MARKER in asked
        assert "repos/o/r/issues/7/comments" in asked
        assert posted == f"api --method {method} repos/o/r/{path} --field body=@review/review.md --silent"

    def test_pictures_go_to_their_branch(self, tmp_path: Path) -> None:
        hub = tmp_path / "hub" / "o" / "r"
        hub.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", "--bare", str(hub)], check=True)  # noqa: S607 - git
        script = self.step("comment", "pictures").replace(
            'address="https://x-access-token:$GH_TOKEN@${GITHUB_SERVER_URL#https://}/$GITHUB_REPOSITORY"',
            f'address="{hub}"',
        )
        assert str(hub) in script
        for number, sha in (("7", "abc"), ("8", "def")):
            run = tmp_path / sha
            (run / "review").mkdir(parents=True)
            (run / "review" / "review-light.svg").write_text("<svg/>")
            done = shell(script, run, PICTURES="pictures-branch", NUMBER=number, SHA=sha, GH_TOKEN="t")  # noqa: S106 - a stand-in
            assert done.returncode == 0, done.stderr
        listed = subprocess.run(
            ["git", "ls-tree", "-r", "--name-only", "pictures-branch"],  # noqa: S607 - git
            cwd=hub,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert listed.split() == ["pr-7/abc/review-light.svg", "pr-8/def/review-light.svg"]

    def test_no_pictures_are_no_failure(self, tmp_path: Path) -> None:
        (tmp_path / "review").mkdir()
        script = self.step("comment", "pictures").replace("https://x-access-token:$GH_TOKEN@", "")
        environment = {"GITHUB_SERVER_URL": "https:///nowhere", "GITHUB_REPOSITORY": "o/r", "GH_TOKEN": "t"}
        done = shell(script, tmp_path, PICTURES="b", NUMBER="7", SHA="a", **environment)
        assert done.returncode == 0, done.stderr


class TestGitLab:
    CURL = """echo "$*" >> calls
case "$*" in *--data-urlencode*) ;; *v4/user) echo '{"id": 5}';; *page=1) cat known;; *) echo '[]';; esac
"""

    def test_what_runs_the_merge_request_is_a_job_of_its_own(self) -> None:
        text = "\n".join(GITLAB_JOBS["fleet synthesis"]["script"])
        assert "TOKEN" not in text
        assert '"$ULTRAFLEET"' not in text
        script = "\n".join(GITLAB["script"])
        assert "(cd base" in script
        assert "--acknowledgements head" not in script
        assert "cd head" not in script

    def run(self, tmp_path: Path, known: str, **environment: str) -> list[str]:
        templates(tmp_path / "base", None)
        templates(tmp_path / "head", "a rack is added")
        (tmp_path / "head" / "cdk.out").rename(tmp_path / "head" / "templates")
        fake(tmp_path / "bin", "curl", self.CURL)
        fake(tmp_path / "base", "ultrafleet", f'exec {BIN / "ultrafleet"} "$@"\n')
        (tmp_path / "known").write_text(known)
        variables = {
            **GITLAB["variables"],
            "SYNTH": "true",
            "ULTRAFLEET": "ultrafleet",
            "CI_COMMIT_SHA": "abc",
            "CI_PROJECT_URL": "https://gitlab.example/o/r",
            "CI_JOB_ID": "5",
            "CI_API_V4_URL": "https://gitlab.example/api/v4",
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "7",
            **environment,
        }
        # The first line gets the base, which stands here already with its assembly.
        script = "\n".join(GITLAB["script"][1:]).replace('rm -rf "$TEMPLATES" && ', "")
        done = shell(script, tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []

    def test_reviews_without_a_token(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "[]") == []
        text = (tmp_path / "review" / "review.md").read_text()
        assert 'src="https://gitlab.example/o/r/-/jobs/5/artifacts/raw/review/review-light.svg"' in text
        assert "at `abc`" in text
        assert GITLAB["artifacts"]["paths"] == ["review"]
        report = json.loads((tmp_path / GITLAB["artifacts"]["reports"]["codequality"]).read_text())
        assert all(issue["location"]["path"].startswith("cdk.out/") for issue in report)

    @pytest.mark.parametrize(
        ("known", "ending"),
        [
            ([{"id": 1, "body": f"{MARKER}\nanybody's", "author": {"id": 6}}], "--request POST"),
            (
                [
                    {"id": 1, "body": "hello", "author": {"id": 5}},
                    {"id": 9, "body": f"{MARKER}\nold", "author": {"id": 5}},
                ],
                "--request PUT",
            ),
        ],
    )
    def test_posts_one_note_and_updates_its_own(self, tmp_path: Path, known: list[Any], ending: str) -> None:
        calls = self.run(tmp_path, json.dumps(known), FLEET_REVIEW_TOKEN="secret")  # noqa: S106 - a stand-in
        notes = "https://gitlab.example/api/v4/projects/3/merge_requests/7/notes"
        assert calls[1].endswith(f"{notes}?per_page=100&page=1")
        assert ending in calls[-1]
        assert calls[-1].endswith(notes if "POST" in ending else f"{notes}/9")
        assert "--data-urlencode body@review/review.md" in calls[-1]
