"""The policy in `cdk validate` of the pinned CDK CLI, without an account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CDK = ROOT / "node_modules" / ".bin" / "cdk"
APP = """
import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from ultrafleet.policy.cdk_plugin import FleetPolicy

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "Fleet")
ec2.CfnLaunchTemplate(stack, "Launch", launch_template_data={"instanceType": "p6e-gb200.36xlarge"})
cdk.Validations.of(app).add_plugins(FleetPolicy())
app.synth()
"""

pytestmark = [pytest.mark.slow, pytest.mark.cli]


@pytest.mark.skipif(not CDK.exists(), reason="needs the set-up of this repository")
def test_lists_findings_with_their_remedy_and_fails(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [
            str(CDK),
            "validate",
            "--unstable=validate",
            "--no-online",
            "--app",
            f"{sys.executable} app.py",
            "--no-notices",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{node.parent}:{os.environ['PATH']}",
            "JSII_NODE": str(node),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert "ERROR MarketType is not stated for p6e-gb200.36xlarge" in printed
    assert "Suggested fix: state MarketType capacity-block" in printed
    assert "Acknowledge with 'ultrafleet::market-and-reservation'" in printed
    assert "undecided" not in printed
