"""Digest of an environment file, by which preflight knows a stale assembly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ultrafleet.environment import load_environment
from ultrafleet.environment.digest import DIGEST_FILE, environment_digest, refuse_stale_assembly, write_digest
from ultrafleet.errors import FleetError

ROOT = Path(__file__).parents[2]
DEV = ROOT / "stacks" / "environments" / "dev.yaml"


def digest(folder: Path, text: str) -> str:
    path = folder / "dev.yaml"
    path.write_text(text)
    return environment_digest(load_environment(path))


def test_comments_are_no_edit_and_values_are(tmp_path: Path) -> None:
    text = DEV.read_text()
    before = digest(tmp_path, text)
    assert digest(tmp_path, f"# said\n{text}") == before
    assert digest(tmp_path, text.replace("nodes: 1", "nodes: 2")) != before


def test_templates_of_another_file_are_refused(tmp_path: Path) -> None:
    environment = load_environment(DEV)
    with pytest.raises(FleetError, match=f"has no {DIGEST_FILE}.*run `make synth ENV=dev`"):
        refuse_stale_assembly(tmp_path, environment)
    write_digest(tmp_path, environment)
    refuse_stale_assembly(tmp_path, environment)
    with pytest.raises(FleetError, match=r"is stale, dev\.yaml was edited since"):
        refuse_stale_assembly(tmp_path, environment.model_copy(update={"production": True}))
    (tmp_path / DIGEST_FILE).write_text("[]")
    with pytest.raises(FleetError, match=f"has no {DIGEST_FILE}"):
        refuse_stale_assembly(tmp_path, environment)


@pytest.mark.slow
def test_the_app_leaves_it_beside_the_templates(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
    command = ["cdk", "synth", "--quiet", "**", "--context", "environment=dev", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PATH": path})
    refuse_stale_assembly(tmp_path / "assembly-dev", load_environment(DEV))
