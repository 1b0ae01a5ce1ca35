"""A pull request that tries to change what is said of it: none of its tricks does."""

import json
import os
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from helpers.command import run
from helpers.hostile_inputs import INPUTS, pool
from helpers.template_fuzz import broken
from helpers.template_fuzz import run as fuzzed

BAD: dict[str, Any] = {
    "Resources": {
        "Open": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "x",
                "VpcId": "vpc-1",
                "SecurityGroupIngress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
            },
        }
    }
}
GOOD: dict[str, Any] = deepcopy(BAD)
GOOD["Resources"]["Open"]["Properties"]["SecurityGroupIngress"] = []
AS_OF = ("--as-of", "2026-12-02")


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True, text=True)  # noqa: S607 - git
    return done.stdout.strip()


def commit(repository: Path, files: dict[str, str], message: str = "x") -> None:
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    git(repository, "add", "-A", "-f")
    git(repository, "commit", "--quiet", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Main has a good template, and the branch that is checked out a bad one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, {"golden/a.json": json.dumps(GOOD)})
    git(folder, "checkout", "--quiet", "-b", "pull-request")
    commit(folder, {"golden/a.json": json.dumps(BAD)})
    return folder


def reviewed(repository: Path, *arguments: str) -> tuple[int, str]:
    done = run("review", *(arguments or ("main", "HEAD", "--path", "golden")), *AS_OF, cwd=repository)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def checked(*paths: object, cwd: Path) -> tuple[int, str]:
    done = run("check", *map(str, paths), cwd=cwd)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


class TestBase:
    def test_is_honest_without_a_trick(self, repository: Path) -> None:
        code, text = reviewed(repository)
        assert (code, "security-group-widened" in text, "1 new policy error" in text) == (0, True, True)
        assert f"at `{git(repository, 'rev-parse', 'HEAD')}`" in text

    @pytest.mark.parametrize("name", ["main", "HEAD", "origin/main"])
    def test_is_not_a_folder_of_the_pull_request(self, repository: Path, name: str) -> None:
        git(repository, "update-ref", "refs/remotes/origin/main", "main")
        commit(repository, {f"{name}/a.json": json.dumps(BAD)})
        base = name if name != "HEAD" else "main"
        assert "1 new policy error" in reviewed(repository, base, "pull-request", "--path", "golden")[1]
        code, text = reviewed(repository, name, "pull-request")
        assert (code, "a path and a git revision" in text) == (2, True)

    def test_is_not_a_tag_of_its_name(self, repository: Path) -> None:
        git(repository, "tag", "main", "HEAD")
        code, text = reviewed(repository)
        assert (code, "more than one revision" in text) == (2, True)

    def test_is_no_replaced_object(self, repository: Path) -> None:
        git(repository, "replace", git(repository, "rev-parse", "main"), git(repository, "rev-parse", "HEAD"))
        assert "1 new policy error" in reviewed(repository)[1]

    def test_fails_on_a_folder_with_path(self, repository: Path) -> None:
        code, text = reviewed(repository, "./golden", "HEAD", "--path", "golden")
        assert (code, "--path is a folder of one" in text) == (2, True)

    def test_runs_nothing_of_the_repository(self, repository: Path, tmp_path: Path) -> None:
        owned = tmp_path / "owned"
        script = tmp_path / "script"
        script.write_text(f"#!/bin/sh\ntouch {owned}\nexit 1\n")
        script.chmod(0o755)
        for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "core.hooksPath"):
            git(repository, "config", key, str(script))
        reviewed(repository)
        assert not owned.exists()

    def test_a_missing_object_is_no_reason_to_fetch(self, repository: Path, tmp_path: Path) -> None:
        owned = tmp_path / "owned"
        blob = git(repository, "rev-parse", "main:golden/a.json")
        (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        for key, value in {
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "far",
            "remote.far.url": "ssh://host.invalid/x",
            "remote.far.promisor": "true",
            "core.sshCommand": f"touch {owned}; false",
        }.items():
            git(repository, "config", key, value)
        code, text = reviewed(repository)
        assert (code, "not in this repository" in text) == (2, True)
        assert not owned.exists()


def _escaped(text: str) -> str:
    return text.replace("AWS::", "\\u0041WS::").replace("Resources", "\\u0052esources")


SPELLINGS = {
    "escapes": ("a.json", _escaped(json.dumps(BAD))),
    "a tag": (
        "a.yaml",
        "Resources:\n  Open:\n    Type: !!str AWS::EC2::SecurityGroup\n    Properties: "
        + json.dumps(BAD["Resources"]["Open"]["Properties"]),
    ),
    "flow": ("a.yaml", json.dumps(BAD).replace('"Resources"', '"Re\\x73ources"')),
    "a function of the resolver": (
        "a.json",
        json.dumps(
            {
                "Resources": {
                    "A0": {
                        "Type": "AWS::SNS::Topic",
                        "Properties": {"X": {"Fn::_init__": {"Conditions": {"On": {"Fn::Equals": ["a", "b"]}}}}},
                    },
                    "Open": {**BAD["Resources"]["Open"], "Condition": "On"},
                },
                "Conditions": {"On": {"Fn::Equals": ["a", "a"]}},
            }
        ),
    ),
    "a chain of conditions": (
        "a.json",
        json.dumps(
            {
                "Resources": {"Open": {**BAD["Resources"]["Open"], "Condition": "C0"}},
                "Conditions": {
                    **{
                        f"C{n}": {"Fn::Or": [{"Condition": f"C{n + 1}"}, {"Condition": f"C{n + 1}"}]}
                        for n in range(3000)
                    },
                    "C3000": {"Fn::Equals": ["a", "a"]},
                },
            }
        ),
    ),
}


class TestReading:
    @pytest.mark.parametrize(("name", "text"), SPELLINGS.values(), ids=SPELLINGS)
    def test_a_spelling_hides_nothing(self, repository: Path, name: str, text: str) -> None:
        (repository / "golden" / "a.json").unlink()
        commit(repository, {f"golden/{name}": text})
        code, said = checked("golden", cwd=repository)
        assert (code, "[open-to-everybody]" in said) == (1, True)
        assert "security-group-widened" in reviewed(repository)[1]

    def test_what_a_manifest_names_is_read_or_refused(self, repository: Path) -> None:
        stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "asset.x/stack.txt"}}
        manifest = {"artifacts": {"dev": stack}}
        commit(repository, {"out/manifest.json": json.dumps(manifest), "out/asset.x/stack.txt": json.dumps(BAD)})
        assert "[open-to-everybody]" in checked("out", cwd=repository)[1]
        (repository / "out" / "asset.x" / "stack.txt").unlink()
        code, said = checked("out", cwd=repository)
        assert (code, "which isn't there" in said) == (2, True)

    @pytest.mark.parametrize("name", ["golden/a.txt", "golden/asset.b/a.json"])
    def test_what_is_passed_over_is_told(self, repository: Path, name: str) -> None:
        commit(repository, {"golden/a.json": json.dumps(GOOD), name: json.dumps(BAD)})
        _, said = checked("golden", cwd=repository)
        last = said.strip().splitlines()[-1]
        assert "1 unknown; passed over: 1 file" in last
        assert "passed over: 1 file" in reviewed(repository)[1]

    def test_an_unread_stack_is_no_clean_one(self, repository: Path) -> None:
        commit(repository, {"golden/a.json": json.dumps(BAD)[:-3]})
        code, text = reviewed(repository)
        assert (code, "None found." in text) == (2, False)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", INPUTS)
    def test_an_input_that_costs_much_ends_with_a_line(self, tmp_path: Path, name: str) -> None:
        file, text = INPUTS[name]
        (tmp_path / file).write_bytes(text().encode("utf-8", "surrogatepass"))
        (tmp_path / "base.json").write_text(pool())
        code, said = checked(file, cwd=tmp_path)
        assert code in (0, 1, 2)
        assert said.isascii() or "\ud800" not in said
        code, _ = reviewed(tmp_path, "base.json", file)
        assert code in (0, 2)

    @pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
    def test_acknowledgements_are_a_file(self, repository: Path, path: str) -> None:
        os.mkfifo(repository / "pipe")
        done = run("check", "golden", "--acknowledgements", path, cwd=repository)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


class TestWords:
    EVIL = "x\n::error file=app.py,line=1::forged\n0 templates: 0 error\x1b[2J\u202e ##[error]y"

    def test_nothing_is_a_command_or_a_line_of_its_own(self, repository: Path) -> None:
        commit(repository, {"golden/a.json": json.dumps({"Resources": {self.EVIL: BAD["Resources"]["Open"]}})})
        for arguments in (["golden"], ["golden", "--json"], ["golden", "--sarif"]):
            _, said = checked(*arguments, cwd=repository)
            assert not [line for line in said.splitlines() if line.lstrip().startswith(("::", "0 templates"))]
            assert "##[" not in said or arguments != ["golden"]
            plain = said if arguments == ["golden"] else str(json.loads(said.partition("\nnote")[0]))
            assert not {"\x1b", "\u202e"} & set(plain)

    def test_a_name_is_no_markup(self, repository: Path, tmp_path: Path) -> None:
        kind = "p9 | 0 |\n\n## Approved by security\n\n<img src=x> @all &commat;all https://x.example www.x.example"
        template = json.loads(pool(InstanceTypes=[kind], NodegroupName="n\x1b[2J\u2028"))
        commit(repository, {"golden/a.json": json.dumps(template)})
        code, _ = reviewed(repository, "main", "HEAD", "--path", "golden", "--out", str(tmp_path / "out.md"))
        text = (tmp_path / "out.md").read_text()
        assert code == 0
        assert "\n## Approved" not in text
        outside = "".join(part for place, part in enumerate(text.split("`")) if place % 2 == 0)
        for part in ("<img src=x>", "@all", "&commat;", "https://x.example", "www.x.example", "\x1b", "\u2028"):
            assert part not in outside.replace("<picture>", "")

    def test_out_follows_no_link(self, repository: Path, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("kept")
        (repository / "review.md").symlink_to(tmp_path / "precious")
        code, _ = reviewed(repository, "main", "HEAD", "--path", "golden", "--out", "review.md")
        assert (code, (tmp_path / "precious").read_text()) == (2, "kept")


class TestBlocks:
    @pytest.mark.parametrize(
        ("stated", "words"),
        [
            ({"instances": 1}, "instances 16 → 1"),
            ({"instances": -16}, "is taken out"),
            ({"end": "2027-06-01T11:30:00Z"}, "end 2026"),
        ],
    )
    def test_metadata_is_not_believed_in_silence(self, repository: Path, stated: dict[str, Any], words: str) -> None:
        reservation = {"CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}}
        data = {"InstanceType": "p5.48xlarge", "CapacityReservationSpecification": reservation}

        def fleet(block: dict[str, Any] | None) -> str:
            template = json.loads(pool(block, LaunchTemplate={"Id": {"Ref": "L"}, "Version": "1"}))
            template["Resources"]["L"] = {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": data},
            }
            return json.dumps(template)

        git(repository, "checkout", "--quiet", "main")
        commit(repository, {"golden/a.json": fleet(None)})
        git(repository, "checkout", "--quiet", "-B", "pull-request")
        commit(repository, {"golden/a.json": fleet(stated)})
        text = reviewed(repository)[1]
        assert "block-metadata" in text
        assert words in text
        assert "1 of 1 pools change" in text


class TestSlips:
    def test_an_environment_without_its_templates(self, repository: Path) -> None:
        git(repository, "checkout", "--quiet", "main")
        commit(repository, {"environments/dev.yaml": "a: 1", "golden/dev-pool.json": json.dumps(GOOD)})
        git(repository, "checkout", "--quiet", "-B", "pull-request")
        commit(repository, {"environments/dev.yaml": "a: 2"})
        assert "none of its 1 templates does" in reviewed(repository)[1].replace("\\", "")

    def test_an_empty_assembly(self, repository: Path) -> None:
        commit(repository, {"out/manifest.json": json.dumps({"artifacts": {}})})
        code, said = checked("out", cwd=repository)
        assert (code, "a cloud assembly without a stack" in said) == (2, True)
        assert "synthesis that failed" in reviewed(repository, "./golden", "./out")[1]

    def test_templates_of_others(self, repository: Path) -> None:
        commit(repository, {"node_modules/x/a.json": json.dumps(GOOD)})
        assert "in folders of what others wrote" in checked(".", cwd=repository)[1]

    def test_a_rename_is_one(self, repository: Path) -> None:
        git(repository, "mv", "golden/a.json", "golden/b.json")
        commit(repository, {})
        text = reviewed(repository)[1]
        assert "is called b now" in text
        assert "stack-left" not in text
        assert "security-group-widened" in text


@pytest.mark.slow
def test_some_templates_that_nobody_would_write() -> None:
    @seed(1)
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(base=broken(), head=broken())
    def one(base: str, head: str) -> None:
        fuzzed(base, head)

    one()
