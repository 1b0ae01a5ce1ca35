"""The wheel: what is in it, and another app that uses it from a fresh environment."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent

APP = """
import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from ultrafleet.catalog import InstanceType
from ultrafleet.network import EfaSecurityGroup
from ultrafleet.pools import AcceleratorPool

app = cdk.App()
stack = cdk.Stack(app, "Theirs", env=cdk.Environment(account="111122223333", region="us-east-2"))
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
cluster = eks.Cluster.from_cluster_attributes(
    stack, "Cluster", cluster_name="theirs", cluster_security_group_id="sg-0aaaaaaaaaaaaaaa1", vpc=vpc
)
AcceleratorPool(
    stack,
    "h200",
    cluster=cluster,
    pool_name="h200",
    instance_type=InstanceType.P5EN_48XLARGE,
    nodes=2,
    subnet=vpc.private_subnets[0],
    security_groups=[EfaSecurityGroup(stack, "Efa", vpc=vpc).security_group],
)
app.synth()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling is in the locks, so the build asks no registry.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"ultrafleet"}
    assert "ultrafleet/py.typed" in names
    assert "ultrafleet/catalog/data/instance_types.json" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert not [name for name in names if "__pycache__" in name or "test" in name]


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel. Its dependencies are lent from ours by a path file, to ask no registry."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    ours = Path(pytest.__file__).parent.parent
    (site,) = folder.glob("lib/python*/site-packages")
    lent = site / "lent"
    lent.mkdir()
    for entry in ours.iterdir():
        # Not our own development install: the wheel is what is under test.
        if "ultrafleet" not in entry.name and not entry.name.endswith(".pth"):
            (lent / entry.name).symlink_to(entry)
    (site / "lent.pth").write_text(f"{lent}\n")
    return python


def run(python: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | variables
    return subprocess.run([python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_another_app_uses_one_construct_with_its_own_vpc_and_an_imported_cluster(python: Path, tmp_path: Path) -> None:
    (tmp_path / "their_app.py").write_text(APP)
    result = run(python, "their_app.py", cwd=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    template = json.loads((tmp_path / "out" / "Theirs.template.json").read_text())
    (group,) = [r for r in template["Resources"].values() if r["Type"] == "AWS::EKS::Nodegroup"]
    assert group["Properties"]["ClusterName"] == "theirs"
    where = run(python, "-c", "import ultrafleet; print(ultrafleet.__file__)", cwd=tmp_path).stdout
    assert str(ROOT) not in where


def test_the_command_is_installed(python: Path, tmp_path: Path) -> None:
    command = python.with_name("ultrafleet")
    result = subprocess.run(
        [command, "layout", "p5.4xlarge", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == [[0, 0, "interface"], [0, 1, "efa-only"]]


def test_the_readme_example_synthesises(python: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    (example,) = [block.split("```")[0] for block in readme.split("```python\n")[1:]]
    (tmp_path / "example.py").write_text(example)
    result = run(python, "example.py", cwd=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    template = json.loads((tmp_path / "out" / "Rack.template.json").read_text())
    assert {"AWS::EKS::Nodegroup", "AWS::StepFunctions::StateMachine"} <= {
        resource["Type"] for resource in template["Resources"].values()
    }
