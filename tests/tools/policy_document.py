"""Writes docs/policy.md from the rules themselves."""

import sys
from pathlib import Path

from ultrafleet.fix import FIXES
from ultrafleet.policy import RULES

PAGE = Path(__file__).parent.parent.parent / "docs" / "policy.md"

_HEAD = """# Policy for any template

    .venv/bin/ultrafleet check cdk.out/ other-team/template.yaml

checks CloudFormation templates (JSON, or YAML with short intrinsics; of any author) against the rules below. Exit 0
clean, 1 errors found (`--fail-on warning`, `unknown` or `never` say otherwise), 2 unusable input; `--json` is a list of
`file`, `resource`, `rule`, `severity`, `message`, `--sarif` and `--annotations` are what [code hosts
show](#beside-the-lines-of-a-pull-request) beside the lines of a pull request. `--parameter NAME=VALUE` gives a
parameter that has no default. Templates that are named together see each other's exports, and nested stacks what their
parents give them. A template in a folder that can't be read is reported, the others are checked, the exit is 2.
[Findings in templates of other projects](policy-elsewhere.md).

The same rules, elsewhere:

| where | how |
|---|---|
| any CDK app | `cdk.Validations.of(app).add_plugins(FleetPolicy())`, from `ultrafleet.policy.cdk_plugin` |
| cfn-lint | `cfn-lint --append-rules ultrafleet.policy.cfn_lint --ignore-checks E3628 -- template.yaml` |
| Python | `check_templates(read_templates([Path("cdk.out")]))`, both from `ultrafleet.policy` |

cfn-lint reports each rule under an id of its own, which is beside it below: E97nn for errors, W97nn for warnings, I97nn
for values that are only known at deployment. `--ignore-checks E9708` leaves one out, `--ignore-checks E97` all errors.
`--include-checks I` shows the third kind. A rule's address is that of its source, or its section of this page. E3628 is
cfn-lint's own: its list of types lacks p6e-gb200 and trn2u.

A rule may give less than the severity of its heading, such as a warning for what is not stated and an error for what is
stated wrongly.

## Files of other tools

eksctl's ClusterConfig, configurations of AWS ParallelCluster, plans and configurations of Terraform, Kubernetes
manifests, Helm charts and serverless.yml are no CloudFormation templates. `check` and `review` say what such a file is
and what to check instead (exit 2); in a folder they are counted in the last line, `passed over: …`. Templates of AWS
SAM are read; what their transform makes is reported as [`unread`](#unread).

## In the CDK

`FleetPolicy` was tried with the pinned CDK CLI (2.1148.1), on an app with a launch template that breaks rules:

| command | what it does with the findings |
|---|---|
| `cdk synth` | exit 1 on errors; `validation-report.json` in the assembly has all of them |
| `cdk validate --unstable=validate --no-online` | lists them; exit 1 on errors |
| `cdk lsp --unstable=lsp` | an editor's command `cdk.explorer.synthNow` writes the same list to its log |

The list has severity, construct path, remedy and the id for an acknowledgement. `validate` runs without an account;
without `--no-online` it asks CloudFormation, too. In the editor an error is one diagnostic, `Synthesis finished with
errors`, at line 1 of `cdk.json`: none was shown at a line of a Python file, with `--debug-app` neither. Both are
unstable, in the CDK's words. `cdk validate --watch` was not tried.

## Beside the lines of a pull request

| code host | option | what takes it |
|---|---|---|
| any with SARIF, such as GitHub's code scanning | `--sarif` | `github/codeql-action/upload-sarif` |
| GitHub without code scanning | `--annotations github` | nothing more: workflow commands in a job's log |
| GitLab | `--annotations gitlab` | `artifacts: reports: codequality:`, see [gitlab-ci.yml](ci/gitlab-ci.yml) |

Run it in the repository's folder: paths are relative to it. GitHub shows ten errors, ten warnings and ten notices of a
step; the last line counts them all. Whatever a template says is escaped: it can't end a command or begin one.

## As an action and a hook

[`action.yml`](../action.yml) is a composite action of this repository: it installs the library at its own commit, and
checks with annotations. Inputs: `paths` (one a line), `baseline`, `acknowledgements`, `fail-on`, `sarif`.

    - uses: OWNER/ultrafleet@COMMIT
      with: { paths: templates, baseline: policy-baseline.json }

[`.pre-commit-hooks.yaml`](../.pre-commit-hooks.yaml) has the hook `ultrafleet-check`, for changed files whose name has
`template`; set `files` for other names. A changed file is checked alone, without the exports of unchanged ones.

    - repo: https://HOST/OWNER/ultrafleet
      rev: COMMIT
      hooks: [{ id: ultrafleet-check }]

Their scripts are run by `make test` with a stand-in for the installation; the hook's file passes pre-commit's
`validate-manifest` (4.x, by hand). Neither was run by a host.

## Acknowledgements

Accepted findings go into a YAML file, which `check` and `review` take by `--acknowledgements FILE`. One
accepts one rule on one resource, until its last day, and is shown with its reason. `file`, the end of the template's
path (a pattern), may be left out. `--as-of DATE` is the day on which they have to be valid; default: today, UTC.

    - rule: public-endpoint
      resource: Cluster
      file: cluster.template.json
      reason: the CI runners have no other way in until the VPN is there
      owner: ml-platform@example.com
      until: 2027-01-31

An expired one no longer hides its error; one that covers nothing is a warning. The CDK's own
`cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id="ultrafleet::public-endpoint", reason="…"))` works with
the plugin. In `--json` an accepted finding has the severity `acknowledged`.

## Baseline

Templates that came before the policy have findings. `ultrafleet check cdk.out --write-baseline policy-baseline.json`
writes them all to a file to be committed; from then on `ultrafleet check cdk.out --baseline policy-baseline.json` tells
and counts new ones alone. An entry covers one finding: of that file (its path from the baseline's folder), resource and
rule, as long as the resource is written as it was and the message is the same. So a resource that is edited shows its
findings again. Entries that are no longer found are counted: write the file again. In `--sarif` each finding has its
`baselineState`.

## Repairs

`ultrafleet check --fix templates/` repairs, in the files themselves, the findings that have one right answer; rules
that have a fix say below what it does. `--diff` (or `--fix --dry-run`) prints the differences, for `git apply` or
`patch`, and writes nothing. Whatever is left is listed with the reason and the remedy; the exit is 1 while an error is
left.

- Comments, order, quotes, indentation and ends of lines stay as they are, byte for byte, outside of what is repaired: a
  comment inside of a rule or resource that is taken out goes with it. A second run changes nothing.
- A file is written only if it is read again as the same template but for the edits, the findings are gone and no other
  has come; a finding that becomes `undecided`, because a value is now known only at deployment, may come.
- What anchors and aliases repeat, what a loop makes, and what a function other than `Fn::If` gives isn't repaired.
  Where the value is a parameter's default, the default is repaired.
- Accepted findings, and those in a `--baseline`, are left alone. So are synthesised templates (change the app), links,
  hard links, read-only files, files that aren't UTF-8, and files that have changed since they were read.
- Rights of a role, sizes, subnets, networks and reservations need a choice. Of a port of control (SSH,
  RDP, the kubelet, Ray) that is open to everybody the rule is taken out: Session Manager and its port forwarding reach
  instances without one. Where a parameter's default opens it, the default is taken out, and a deployment has to state
  the network. Port 8000, ranges with other ports, and all traffic need a choice.
- Read the differences before a deployment: `ultrafleet review` tells what CloudFormation replaces.

[How many errors it repairs in templates of other projects](policy-elsewhere.md#repairs).

## Unknown values

Values behind `Ref`, `Fn::If`, `Fn::Sub`, `Fn::FindInMap`, `Fn::ForEach` and others are resolved where parameters,
mappings and conditions decide them. Where only a deployment does, a rule says `undecided` (severity `unknown`), and
neither passes nor fails. A finding that would not be there without the default of a parameter says so, and names the
`--parameter` to pass for the value of a deployment.

Made from the rules by `tests/tools/policy_document.py`.
"""


def document() -> str:
    """The page."""
    rules = (
        f"\n## `{rule.id}`\n\n"
        f"*{rule.severity}* · cfn-lint 97{rule.number:02} · protects from: {rule.protects_from}.\n\n"
        f"Remedy: {rule.remedy}.\n\n{_fix(rule.id)}Source: {rule.source}.\n"
        for rule in RULES
    )
    return "".join([_HEAD, *rules])


def _fix(rule: str) -> str:
    """What `--fix` does for a rule, if it has one."""
    return f"Fix: {FIXES[rule].does}.\n\n" if rule in FIXES else ""


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
