"""An assembly is remembered for as long as nothing that decides it changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ultrafleet import code_inputs
from ultrafleet.app.synth_memory import SynthMemory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("app.py", "cdk.json", "requirements.lock", "package-lock.json", "stacks/environments/dev.yaml",
                 "own/x.py", "own/data/z.json", "tests/test_own.py", ".venv/y.py"):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.fixture
def outdir(tmp_path: Path) -> Path:
    outdir = tmp_path / "cdk.out"
    (outdir / "assembly-dev").mkdir(parents=True)
    (outdir / "manifest.json").write_text("{}")
    (outdir / "assembly-dev" / "a.template.json").write_text("template")
    return outdir


def memory(root: Path, context: str = "{}") -> SynthMemory:
    return SynthMemory(folder=root.parent / "memory", root=root, context=context)


def test_equal_inputs_give_the_assembly_back(root: Path, outdir: Path, tmp_path: Path) -> None:
    assert not memory(root).restore(tmp_path / "again")
    memory(root).remember(outdir)
    assert memory(root).restore(tmp_path / "again")
    assert (tmp_path / "again" / "assembly-dev" / "a.template.json").read_text() == "template"


def test_assets_are_on_the_disk_once_and_templates_are_copies(root: Path, outdir: Path, tmp_path: Path) -> None:
    asset = outdir / "asset.0123.zip"
    asset.write_text("large")
    memory(root).remember(outdir)
    asset.unlink()
    for _ in range(2):  # also over what is there
        assert memory(root).restore(tmp_path / "again")
    assert (tmp_path / "again" / "asset.0123.zip").stat().st_nlink == 2
    (tmp_path / "again" / "assembly-dev" / "a.template.json").write_text("edited")
    assert memory(root).restore(tmp_path / "third")
    assert (tmp_path / "third" / "assembly-dev" / "a.template.json").read_text() == "template"


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: (root / "app.py").write_text("changed"),
        lambda root: (root / "cdk.json").write_text("changed"),
        lambda root: (root / "requirements.lock").write_text("changed"),
        lambda root: (root / "stacks" / "environments" / "dev.yaml").write_text("changed"),
        lambda root: (root / "own" / "x.py").write_text("changed"),
        lambda root: (root / "own" / "x.py").rename(root / "own" / "renamed.py"),
        lambda root: (root / "own" / "new.py").write_text(""),
        lambda root: (root / "own" / "x.py").unlink(),
        lambda root: (root / "own" / "data" / "z.json").write_text("changed"),
    ],
)
def test_any_other_input_does_not(root: Path, outdir: Path, tmp_path: Path, edit: Callable[[Path], object]) -> None:
    memory(root).remember(outdir)
    edit(root)
    assert not memory(root).restore(tmp_path / "again")


@pytest.mark.parametrize("name", ["tests/test_own.py", ".venv/y.py"])
def test_a_file_that_no_synthesis_reads_does(root: Path, outdir: Path, tmp_path: Path, name: str) -> None:
    memory(root).remember(outdir)
    (root / name).write_text("changed")
    assert memory(root).restore(tmp_path / "again")


def test_a_changed_library_does_not(root: Path, outdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "site-packages" / "ultrafleet"
    library.mkdir(parents=True)
    (library / "x.py").write_text("")
    monkeypatch.setattr(code_inputs, "_LIBRARY", library)
    memory(root).remember(outdir)
    (library / "x.py").write_text("changed")
    assert not memory(root).restore(tmp_path / "again")


def test_another_version_of_a_package_does_not(
    root: Path, outdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    (tmp_path / "site-packages" / "aws_cdk_lib-2.0.0.dist-info").mkdir(parents=True)
    memory(root).remember(outdir)
    (tmp_path / "site-packages" / "aws_cdk_lib-2.0.0.dist-info").rename(
        tmp_path / "site-packages" / "aws_cdk_lib-2.0.1.dist-info"
    )
    assert not memory(root).restore(tmp_path / "again")


def test_another_context_does_not(root: Path, outdir: Path, tmp_path: Path) -> None:
    memory(root).remember(outdir)
    assert not memory(root, '{"environment": "dev"}').restore(tmp_path / "again")


def test_keeps_the_latest_eight(root: Path, outdir: Path, tmp_path: Path) -> None:
    for number in range(10):
        (root / "app.py").write_text(str(number))
        memory(root).remember(outdir)
        folder = memory(root)._assembly
        os.utime(folder, (number, number))
    assert len(list((tmp_path / "memory").iterdir())) == 8
    assert memory(root).restore(tmp_path / "again")
