"""`ultrafleet review`: folders, files and git revisions; a comment that fits; the same every time."""

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from typer.testing import CliRunner, Result

from helpers.policy_templates import GRACE, P6E, efa_only
from helpers.review_fleet import Stacks, pool, stacks
from helpers.review_scenarios import SCENARIOS
from ultrafleet.cli import app
from ultrafleet.cli.review import MOST_BYTES
from ultrafleet.errors import FleetError

AS_OF = ["--as-of", "2026-11-24"]


def write(folder: Path, content: Stacks) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, template in content.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
    return folder


def edited(name: str) -> Stacks:
    content = deepcopy(stacks())
    SCENARIOS[name].edit(content)
    return content


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["review", *arguments, *AS_OF])


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)  # noqa: S607 - git


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    return str(write(tmp_path / "base", stacks())), str(write(tmp_path / "head", edited("a rack is added")))


class TestInput:
    def test_two_folders(self, sides: tuple[str, str]) -> None:
        result = run(*sides)
        assert result.exit_code == 0
        assert result.stdout.startswith("<!-- ultrafleet review -->\n")
        assert "| UltraServers | 2 | 3 | +1 |" in result.stdout

    def test_fails_on_a_parameter_that_nobody_has(self, sides: tuple[str, str]) -> None:
        result = run(*sides, "--parameter", "Stagee=dev")
        assert result.exit_code != 0
        assert "parameter Stagee is in no template" in str(result.exception)

    def test_metadata_of_blocks_that_says_nothing_is_told(self, tmp_path: Path) -> None:
        content = deepcopy(stacks())
        content["racks"].setdefault("Metadata", {})["ultrafleet:rack-z"] = {"blocks": []}
        base, head = write(tmp_path / "base", stacks()), write(tmp_path / "head", content)
        assert "⚠ Block metadata that can't be read, or matches no node group" in run(str(base), str(head)).stdout
        assert "⚠ Block metadata" not in run(str(base), str(base)).stdout

    def test_json_and_yaml_of_one_template_are_the_same(self, tmp_path: Path) -> None:
        write(tmp_path / "base", stacks())
        (tmp_path / "head").mkdir()
        for name, template in stacks().items():
            (tmp_path / "head" / f"{name}.template.yaml").write_text(yaml.safe_dump(template))
        text = run(str(tmp_path / "base"), str(tmp_path / "head")).stdout
        assert "None found." in text
        assert "Resource changes" not in text

    def test_two_files_are_one_template(self, tmp_path: Path) -> None:
        write(tmp_path / "base", {"old": stacks()["racks"]})
        write(tmp_path / "head", {"new": edited("a rack is added")["racks"]})
        text = run(str(tmp_path / "base" / "old.template.json"), str(tmp_path / "head" / "new.template.json")).stdout
        assert "| UltraServers | 2 | 3 | +1 |" in text
        assert "pool-removed" not in text

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        git(tmp_path, "init", "--quiet")
        write(tmp_path / "golden", stacks())
        write(tmp_path / "other", {"other": {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}})
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "-m", "base")
        write(tmp_path / "golden", edited("a rack is added"))
        (tmp_path / "other" / "other.template.json").unlink()
        git(tmp_path, "commit", "--quiet", "-a", "-m", "head")
        return tmp_path

    def test_two_revisions(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repository)
        text = run("HEAD~1", "HEAD").stdout
        assert "| UltraServers | 2 | 3 | +1 |" in text
        assert "stack-left" in text

    def test_a_folder_of_two_revisions(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repository / "golden")
        text = run("HEAD~1", "HEAD", "--path", "golden").stdout
        assert "| UltraServers | 2 | 3 | +1 |" in text
        assert "stack-left" not in text

    def test_a_revision_and_a_folder(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repository)
        assert "Resource changes" not in run("HEAD", "golden", "--path", "golden").stdout

    def test_a_base_without_templates_is_new(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repository)
        text = run("HEAD", "HEAD", "--path", "golden").stdout
        assert "holds no template" not in text
        (repository / "empty").mkdir()
        text = run("empty", "golden").stdout
        assert "⚠ The base holds no template: every resource is new." in text
        assert "| UltraServers | 0 | 3 | +3 |" in text

    def test_what_looks_like_a_template_and_cannot_be_read_is_told(self, sides: tuple[str, str]) -> None:
        (Path(sides[1]) / "broken.yaml").write_text("Resources:\n  A: {Type: AWS::SNS::Topic\n")
        assert "⚠ Not reviewed: broken.yaml can't be read" in run(*sides).stdout

    def test_a_stack_that_cannot_be_read_is_not_gone(self, sides: tuple[str, str]) -> None:
        for name in ("racks", "network"):
            path = Path(sides[1]) / f"{name}.template.json"
            path.write_text(path.read_text()[:-9])
        text = run(*sides).stdout
        assert text.count("⚠ Not reviewed") == 2
        assert "pool-removed" not in text
        assert "stack-left" not in text
        assert "| UltraServers | 0 | 0 | = |" in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere", "HEAD"], "nowhere is neither a path nor a git revision here"),
            (["--", "--output=x", "HEAD"], "neither a path nor a git revision"),
            ([".", "."], "holds a template, expected some"),
        ],
    )
    def test_fails_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "empty")
        result = CliRunner().invoke(app, ["review", *AS_OF, *arguments])
        assert isinstance(result.exception, FleetError)
        assert message in str(result.exception)


class TestAssembly:
    """The manifests of a cloud assembly name its stacks, and say where they are."""

    def assembly(self, folder: Path, *environments: str) -> str:
        artifacts = {}
        for environment in environments:
            file = f"{environment.replace('/', '-')}.template.json"
            write(folder, {file.removesuffix(".template.json"): stacks()["racks"]})
            artifacts[environment] = {
                "type": "aws:cloudformation:stack",
                "environment": f"aws://{environment}",
                "properties": {"stackName": "racks", "templateFile": file},
            }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        return str(folder)

    def test_one_name_in_two_regions_is_two_stacks(self, tmp_path: Path) -> None:
        one = self.assembly(tmp_path / "base", "1/us-east-1")
        two = self.assembly(tmp_path / "head", "1/us-east-1", "1/us-west-2")
        assert "| UltraServers | 2 | 4 | +2 |" in run(one, two).stdout

    def test_another_account_is_another_stack(self, tmp_path: Path) -> None:
        one, two = self.assembly(tmp_path / "base", "1/us-east-1"), self.assembly(tmp_path / "head", "2/us-east-1")
        text = run(one, two).stdout
        assert "its stack is no longer among the templates" in text
        assert "🟢 added" in text


class TestOutput:
    def test_the_same_every_time(self, sides: tuple[str, str], tmp_path: Path) -> None:
        for name in ("one", "two"):
            assert run(*sides, "--out", str(tmp_path / name / "review.md")).exit_code == 0
        names = {"review.md", "review-light.svg", "review-dark.svg"}
        assert {file.name for file in (tmp_path / "one").iterdir()} == names
        for name in names:
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    def test_pictures_are_svg_of_every_pool(self, sides: tuple[str, str], tmp_path: Path) -> None:
        run(*sides, "--out", str(tmp_path / "review.md"))
        for theme in ("light", "dark"):
            titles = [
                element.text or ""
                for element in ET.parse(tmp_path / f"review-{theme}.svg").iter()  # noqa: S314 - our own
                if element.tag.endswith("title")
            ]
            assert {title.split(",")[0] for title in titles} >= {"h200", "rack-a", "rack-b", "rack-c"}
            assert [title for title in titles if title.endswith("added")]
        text = (tmp_path / "review.md").read_text()
        assert 'srcset="review-dark.svg"' in text
        assert 'src="review-light.svg"' in text

    def test_pictures_are_seen_elsewhere(self, sides: tuple[str, str], tmp_path: Path) -> None:
        run(*sides, "--out", str(tmp_path / "review.md"), "--pictures", "https://example.com/7/")
        assert 'src="https://example.com/7/review-light.svg"' in (tmp_path / "review.md").read_text()

    def test_a_large_change_fits_into_a_comment_and_the_rest_is_beside_it(self, tmp_path: Path) -> None:
        def racks(of_each: int, label: str) -> Stacks:
            content = {}
            for number in range(of_each):
                layout = efa_only((1, 5, 9, 13), on_first=False)
                made = pool(f"rack-{number}", GRACE, 18, P6E, layout, f"cr-{number:017x}")
                made[f"Rack{number}"]["Properties"]["Labels"] = {"number": f"{label}-{number}"}
                content[f"pool-{number}"] = {"Resources": made}
            return content

        base, head = write(tmp_path / "base", racks(400, "a")), write(tmp_path / "head", racks(380, "b"))
        run(str(base), str(head), "--out", str(tmp_path / "out.md"))
        comment, rest = (tmp_path / "out.md").read_bytes(), (tmp_path / "out-whole.md").read_text()
        assert len(comment) <= MOST_BYTES < len(rest)
        text = comment.decode()
        assert "more: see `out-whole.md`" in text
        for part in ("### Hazards", "### Fleet", "### Changed pools", "<details><summary>Resource changes"):
            assert part in text
        assert text.count("<details>") == text.count("</details>")
        assert "fleet/rack-399" in rest
        assert len(run(str(base), str(head)).stdout.encode()) <= MOST_BYTES + 1
        assert len((tmp_path / "out-light.svg").read_bytes()) < 200_000

    def test_values_of_templates_are_text(self, tmp_path: Path) -> None:
        evil = "<img src=x> | @everyone **b** [l](http://x) `code"
        content: Any = deepcopy(stacks())
        content["racks"]["Resources"]["RackA"]["Properties"]["Labels"]["pool"] = evil
        content["network"]["Resources"]["Subnet"]["Properties"]["CidrBlock"] = evil
        text = run(str(write(tmp_path / "base", stacks())), str(write(tmp_path / "head", content))).stdout
        for part in ("<img", "@everyone", "**b**", "[l]("):
            assert part not in text
