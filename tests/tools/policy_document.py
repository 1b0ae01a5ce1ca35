"""Writes docs/policy.md from the rules themselves."""

import sys
from pathlib import Path

from ultrafleet.policy import RULES

PAGE = Path(__file__).parent.parent.parent / "docs" / "policy.md"

_HEAD = """# Policy for any template

    .venv/bin/ultrafleet check cdk.out/ other-team/template.yaml

holds CloudFormation templates (JSON, or YAML with short intrinsics; CDK's or anybody's) to the rules below.
Exit 0 clean, 1 errors found, 2 unusable input; `--json` is a list of `file`, `resource`, `rule`, `severity`, `message`.
`--parameter NAME=VALUE` gives a parameter that has no default. As a function: `ultrafleet.policy.check_templates`.

Values behind `Ref`, `Fn::If`, `Fn::Sub`, `Fn::FindInMap` and others are resolved where parameters, mappings and
conditions decide them. Where only a deployment does, a rule says `can't tell` (severity `unknown`), and neither passes
nor fails.

Made from the rules by `tests/tools/policy_document.py`.
"""


def document() -> str:
    """The page."""
    rules = (
        f"\n## `{rule.id}`\n\n"
        f"*{rule.severity}* · protects from: {rule.protects_from}.\n\n"
        f"To mend it: {rule.remedy}.\n\nSource: {rule.source}.\n"
        for rule in RULES
    )
    return "".join([_HEAD, *rules])


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
