#!/usr/bin/env python3
"""The app: every environment under stacks/environments, or the one that `--context environment=NAME` names."""

import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent
# jsii runs whatever `node` it finds; the pinned one stands beside this Python.
os.environ.setdefault("JSII_NODE", str(Path(sys.executable).with_name("node")))

import aws_cdk as cdk  # noqa: E402 - it starts Node when imported

from stacks import acknowledgements  # noqa: E402
from stacks.fleet_stage import FleetStage  # noqa: E402
from stacks.template_validation import ChangedTemplates, cloudformation_rules, security_rules  # noqa: E402
from ultrafleet.environment import load_environments  # noqa: E402
from ultrafleet.errors import FleetError  # noqa: E402


def main() -> None:
    """Synthesise."""
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    only = app.node.try_get_context("environment")
    for environment in load_environments(ROOT / "stacks" / "environments", only=only):
        acknowledgements.acknowledge(FleetStage(app, environment=environment))
    memory = ROOT / ".cache"
    reasons = hashlib.sha256(Path(acknowledgements.__file__).read_bytes()).hexdigest()
    cdk.Validations.of(app).add_plugins(
        ChangedTemplates(
            name="cloudformation",
            check=cloudformation_rules,
            memory=memory,
            fingerprint=f"aws-cdk-lib {version('aws-cdk-lib')}",
        ),
        ChangedTemplates(
            name="cdk-nag",
            check=security_rules,
            memory=memory,
            fingerprint=f"aws-cdk-lib {version('aws-cdk-lib')} cdk-nag {version('cdk-nag')} {reasons}",
        ),
    )
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"error: {error}")
