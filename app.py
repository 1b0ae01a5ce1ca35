"""The app: every environment under stacks/environments, or the one that `--context environment=NAME` names."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent
# jsii runs whatever `node` it finds; the pinned one stands beside this Python.
os.environ.setdefault("JSII_NODE", str(Path(sys.executable).with_name("node")))

import aws_cdk as cdk  # noqa: E402 - it starts Node when imported

from stacks import acknowledgements  # noqa: E402
from stacks.fleet_stage import FleetStage  # noqa: E402
from stacks.template_validation import template_checks  # noqa: E402
from ultrafleet.environment import load_environments  # noqa: E402
from ultrafleet.errors import FleetError  # noqa: E402


def main() -> None:
    """Synthesise."""
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    only = app.node.try_get_context("environment")
    for environment in load_environments(ROOT / "stacks" / "environments", only=only):
        acknowledgements.acknowledge(FleetStage(app, environment=environment), environment)
    checks = template_checks(ROOT / ".cache", acknowledgements=Path(acknowledgements.__file__))
    cdk.Validations.of(app).add_plugins(*checks)
    app.synth()
    findings = [finding for check in checks for finding in check.findings]
    if findings:
        # `cdk synth` without a stack pattern doesn't look at the report of the validation.
        sys.exit("\n".join(["error: the templates have findings:", *findings]))


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"error: {error}")
