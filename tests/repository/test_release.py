"""A release: the same bytes from each build, the source distribution builds the same wheel, the workflow's scripts."""

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.command import ROOT

pytestmark = pytest.mark.slow

WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def build(source: Path, folder: Path, **variables: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=source,
        env={"PATH": "/usr/bin:/bin", **variables},
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_builds_are_equal_and_the_source_builds_the_same_wheel(tmp_path: Path) -> None:
    first = build(ROOT, tmp_path / "first")
    assert sorted(first) == [f"ultrafleet-{VERSION}-py3-none-any.whl", f"ultrafleet-{VERSION}.tar.gz"]
    assert build(ROOT, tmp_path / "second", TZ="Asia/Tokyo", HOME=str(tmp_path)) == first
    with tarfile.open(tmp_path / "first" / f"ultrafleet-{VERSION}.tar.gz") as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "source")  # noqa: S202 - our own build
    assert not [name for name in names if ".venv" in name or "node_modules" in name or "__pycache__" in name]
    again = build(tmp_path / "source" / f"ultrafleet-{VERSION}", tmp_path / "third")
    wheel = f"ultrafleet-{VERSION}-py3-none-any.whl"
    assert again[wheel] == first[wheel]


def step(job: str, name: str) -> str:
    (found,) = [item["run"] for item in WORKFLOW["jobs"][job]["steps"] if item.get("name") == name]
    return str(found)


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("tag", "heading", "message"),
    [
        ("v1.2.0", "## 1.2.0, 2026-12-01", ""),
        ("v1.2.1", "## 1.2.0, 2026-12-01", "the tag is v1.2.1, expected v1.2.0"),
        ("v1.2.0", "## 1.2.0, unreleased", "CHANGELOG.md has no line '## 1.2.0, DATE'"),
    ],
)
def test_a_tag_is_the_version_and_has_its_section_in_the_changelog(
    tmp_path: Path, tag: str, heading: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    done = shell(step("build", "version"), tmp_path, TAG=tag)
    assert (done.returncode, message in done.stderr) == (bool(message), True)


def test_the_changelog_has_a_section_of_the_version() -> None:
    assert re.search(
        rf"^## {re.escape(VERSION)}, (unreleased|20[0-9-]+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_sums_are_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    for name in ("a.whl", "a.tar.gz", "sbom.cdx.json"):
        (tmp_path / "dist" / name).write_text(name)
    assert shell(step("build", "sums"), tmp_path).returncode == 0
    lines = (tmp_path / "dist" / "SHA256SUMS").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["a.tar.gz", "a.whl", "sbom.cdx.json"]


def test_what_builds_may_only_read_and_what_may_write_builds_nothing() -> None:
    jobs = WORKFLOW["jobs"]
    assert WORKFLOW["permissions"] == {}
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert jobs["attest"]["permissions"] == {"attestations": "write", "contents": "read", "id-token": "write"}
    assert jobs["publish"]["permissions"] == {"contents": "write"}
    for name in ("attest", "publish"):
        assert not [item for item in jobs[name]["steps"] if "checkout" in item.get("uses", "")]
    for job in jobs.values():
        assert not [item for item in job["steps"] if "${{" in item.get("run", "")]


def test_the_tool_of_the_bill_of_materials_is_pinned_by_its_hashes() -> None:
    (pin,) = (ROOT / "release.in").read_text().split()
    lock = (ROOT / "release.lock").read_text()
    assert f"{pin} \\\n    --hash=sha256:" in lock
    assert "--require-hashes" in step("build", "bill of materials")
