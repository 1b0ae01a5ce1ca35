"""Writes docs/security-scans.md from the acknowledgements of the scanners' findings."""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml

from ultrafleet.environment import load_environments
from ultrafleet.stacks.acknowledgements import acknowledge
from ultrafleet.stacks.fleet_stage import FleetStage

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "security-scans.md"

_HEAD = """# Security scans

Five programs read every template of every environment. A finding is repaired, or acknowledged with its reason; of
cdk-nag, checkov and cloudsplaining, an acknowledgement of what nothing finds any more fails, too.

| program | version | reads | runs in | acknowledged in |
|---|---|---|---|---|
| cdk-nag, AWS Solutions | {cdk_nag} | constructs | synth | `ultrafleet/stacks/acknowledgements.py`, on the construct |
| cdk-nag, NIST 800-53 R5 | {cdk_nag} | constructs | every synth | the same |
| cfn-lint | {cfn_lint} | templates | `make check` | `tests/tools/lint_templates.py` |
| checkov | {checkov} | templates | `make scan` | `stacks/scan_acknowledgements.yaml` |
| cloudsplaining | {cloudsplaining} | policy documents of the templates | `make scan` | the same |

    make synth     # refuses a template with an error of cdk-nag's; `make check` adds cfn-lint and our own policy
    make scan      # checkov and cloudsplaining; the first time, it installs both beside the library's environment

`make scan` has a lock of its own, `scan.lock`, in which every file has its hash: the scanners bring a hundred packages,
of which the library needs none. Neither calls a service. Before the templates it reads
`tests/data/scans/planted.template.json`, a public bucket and a role that may do everything; where the scanners don't
find them, it fails: a scanner that reads nothing finds nothing.

Acknowledgements are no part of the templates: a reviewer of a template reads what is deployed.
`tests/stacks/test_acknowledgements.py` holds cdk-nag's to its findings, warnings included, in the shipped environments,
in one with every option, and in one that Argo CD delivers to.

cloudsplaining knows what AWS's own managed policies allow from an account, and no template has that; which of them are
attached is in the first table below. What each role here may do is asked strictly: reading data and secrets, giving
access and credentials count although an ARN or a condition limits them.

On 26 November 2026, in the 28 templates of the shipped environments, before acknowledgement: cdk-nag 75 findings by AWS
Solutions and 67 by NIST, cfn-lint 10, checkov 33, cloudsplaining 6. Each was read; none was a right that could be
narrower or data without encryption. Left over were acknowledgements that nothing needed, and `flow_logs: false` didn't
synthesise. Every key of an environment file was edited once, too: 218 different templates had no finding beyond those
below.

## cdk-nag

A rule that names what it found, such as `AwsSolutions-IAM5[Resource::*]`, is acknowledged by that whole name; the table
shows the rule. Made for the shipped environments.

"""
_FOOT = """
Made from the acknowledgements by `tests/tools/scans_document.py`.
"""
_SCANNERS = ("checkov", "cloudsplaining")


def document() -> str:
    """The page."""
    pins = dict(line.split("==") for line in (ROOT / "scan.in").read_text().split())
    accepted = yaml.safe_load((ROOT / "stacks" / "scan_acknowledgements.yaml").read_text())
    lines = [
        _HEAD.format(**pins, cdk_nag=version("cdk-nag"), cfn_lint=version("cfn-lint")) + "| rule | why it stays |",
        "|---|---|",
    ]
    lines += [f"| `{rule}` | {reason} |" for rule, reason in sorted(set(_of_cdk_nag()))]
    for scanner in _SCANNERS:
        lines += ["", f"## {scanner}", "", "| rule | on | why it stays |", "|---|---|---|"]
        lines += [_row(item) for item in accepted if item["scanner"] == scanner]
    return "\n".join([*lines, _FOOT])


def _row(item: dict[str, Any]) -> str:
    return f"| `{item['rule']}` | `{item['resource']}` | {item['reason']} |"


def _of_cdk_nag() -> Iterator[tuple[str, str]]:
    """Rule and reason of each acknowledgement of the shipped environments."""
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    for environment in load_environments(ROOT / "stacks" / "environments"):
        acknowledge(FleetStage(app, environment=environment), environment)
    for node in app.node.find_all():
        for entry in node.node.metadata:
            if entry.type == "aws:cdk:acknowledged-rules":
                for rule, reason in entry.data.items():
                    yield rule.partition("[")[0].rpartition("::")[2], reason


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
