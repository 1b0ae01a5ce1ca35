"""cfn-lint over every template of cloud assemblies: `python tests/tools/lint_templates.py cdk.out`.

Two findings are ignored. E3628 on a launch template whose instance type our catalog knows: cfn-lint 1.58 has an older
list of types and rejects p6e-gb200, trn2u and others in every region. W3005, a dependency that is stated twice, on the
functions of CDK's kubectl provider: that is how the CDK writes them.
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from cfnlint.match import Match

from ultrafleet.catalog import InstanceType
from ultrafleet.templates.assembly import MANIFEST, manifest_stacks

_KNOWN_TYPES = {instance_type.name for instance_type in InstanceType.all() if instance_type.name}


def findings(path: Path, region: str) -> list[str]:
    """Findings of cfn-lint for one template, without the scoped ignore."""
    template = json.loads(path.read_text())
    matches = lint_file(path, ManualArgs(regions=[region]))
    return [
        f"{path}:{match.linenumber}: {match.rule.id} {match.message}"
        for match in matches
        if not is_known_launch_template(template, match) and not is_of_kubectl_provider(template, match)
    ]


def is_known_launch_template(template: dict[str, Any], match: Match) -> bool:
    """True for the finding of cfn-lint's older list of instance types."""
    if match.rule.id != "E3628":
        return False
    resource = template["Resources"].get(match.path[1], {}) if match.path and len(match.path) > 1 else {}
    data = resource.get("Properties", {}).get("LaunchTemplateData", {})
    return resource.get("Type") == "AWS::EC2::LaunchTemplate" and data.get("InstanceType") in _KNOWN_TYPES


def is_of_kubectl_provider(template: dict[str, Any], match: Match) -> bool:
    """True for a dependency stated twice by CDK's kubectl provider."""
    if match.rule.id != "W3005" or not match.path or len(match.path) < 2:
        return False
    resource = template["Resources"].get(match.path[1], {})
    return resource.get("Type") == "AWS::Lambda::Function" and str(match.path[1]).startswith("KubectlProvider")


def templates(assembly: Path) -> list[tuple[Path, str]]:
    """Every template of an assembly, with the region it is for."""
    return [
        (manifest.parent / stack.template_file, stack.place.rpartition("/")[2])
        # Its own and those of its stages: an assembly of a programme below it is one of its own.
        for manifest in sorted([*assembly.glob(MANIFEST), *assembly.glob(f"*/{MANIFEST}")])
        for stack in manifest_stacks(manifest.read_text())
    ]


def main() -> int:
    """Print every finding; 1 if there is any, 2 if there is no template."""
    found = [item for word in sys.argv[1:] for item in templates(Path(word))]
    if not found:
        print(f"{' '.join(sys.argv[1:])} holds no template, expected a cloud assembly: run `make synth` first")
        return 2
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        lines = [line for result in pool.map(findings, *zip(*found, strict=True)) for line in result]
    print("\n".join([*lines, f"cfn-lint: {len(found)} templates, {len(lines)} findings"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
