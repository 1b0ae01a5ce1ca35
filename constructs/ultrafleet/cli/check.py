"""`ultrafleet check`: policy for any CloudFormation template."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.errors import FleetError
from ultrafleet.policy import Severity, check_templates, read_templates


def check(
    paths: Annotated[list[Path], typer.Argument(help="templates, or folders of them, such as cdk.out")],
    *,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a template parameter")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Hold templates to the rules of accelerated fleets: exit 0 clean, 1 errors found, 2 unusable input."""
    for item in parameter or []:
        if "=" not in item:
            raise FleetError(f"parameter is {item!r}, expected NAME=VALUE")
    given = dict(item.split("=", 1) for item in parameter or [])
    templates = read_templates(paths, parameters=given)
    findings = check_templates(templates)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            where = f"{finding.file}: {finding.resource or '(template)'}"
            print(f"{where}: {finding.severity}: {finding.message} [{finding.rule}]")
        counts = Counter(finding.severity for finding in findings)
        told = ", ".join(f"{counts[severity]} {severity}" for severity in Severity)
        print(f"{len(templates)} templates: {told}")
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)
