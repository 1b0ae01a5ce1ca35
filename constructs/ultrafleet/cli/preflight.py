"""`ultrafleet preflight`: compares a deployment with what runs. The only subcommand that calls AWS."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._progress import progress
from ultrafleet.cli.live_account import AccountReader
from ultrafleet.cli.lookup_role import lookup_session
from ultrafleet.cli.summary import read_stacks
from ultrafleet.doctor.synthesis import answers_beside, refuse_contradicted, settled
from ultrafleet.environment import load_environments
from ultrafleet.environment.digest import refuse_stale_assembly
from ultrafleet.preflight import Deployment, Finding, Level, preflight_findings, waived
from ultrafleet.preflight.finding import nodes

_FINDINGS: Final = 1
_UNCLEAR: Final = 3


def preflight(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    *,
    accept: Annotated[
        list[str] | None, typer.Option(help="KEY of a hazard that may happen, as printed with it; repeatable")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    as_of: Annotated[
        datetime | None, typer.Option(help="UTC moment of the deployment, for a simulated clock; default: now")
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    assembly: Annotated[Path, typer.Option(help="cloud assembly, the output of cdk synth")] = Path("cdk.out"),
    lookup_role: Annotated[
        bool, typer.Option("--lookup-role", help="ask another account by the lookup role of its `cdk bootstrap`")
    ] = False,
) -> None:
    """Ask AWS whether a deployment would take running nodes away, or would fail.

    Compares the file, the cloud assembly and the account: stacks, node groups, nodes, capacity blocks. A hazard is
    passed by its own key alone: --accept KEY. Changes nothing.

    Exit code 0: no node is taken, 1: nodes would be taken, or the deployment would be refused, 2: unusable input,
    another account's credentials among it, 3: AWS's answers contradict each other.

    Needs, in the environment's region: autoscaling:DescribeAutoScalingGroups, autoscaling:DescribeScheduledActions,
    cloudformation:DescribeStacks, cloudformation:GetTemplate, ec2:DescribeCapacityReservations, ec2:DescribeInstances,
    ec2:DescribeLaunchTemplates, eks:DescribeAddon, eks:DescribeCluster, eks:DescribeNodegroup, eks:ListNodegroups,
    sts:GetCallerIdentity.
    """
    (loaded,) = load_environments(environments, only=environment)
    stacks = read_stacks(assembly, environment)
    now = as_of.replace(tzinfo=UTC) if as_of is not None else datetime.now(UTC)
    answers = answers_beside(environments, loaded, today=datetime.now(UTC).date())
    refuse_contradicted(environments, loaded, answers)
    refuse_stale_assembly(assembly / f"assembly-{environment}", loaded, settled(answers))
    with progress(f"asking AWS about {environment}"):
        asked = lookup_session(loaded, assembly / f"assembly-{environment}") if lookup_role else None
        account = AccountReader(loaded, asked=asked).read(stacks)
    deployment = Deployment(loaded, stacks, account, now)
    findings = preflight_findings(deployment)
    accepted = {finding.key for finding in waived(findings, accept or [])}
    if as_json:
        print(json.dumps(_as_json(deployment, findings, accepted), indent=2))
    else:
        for finding in findings:
            print(_line(finding, accepted))
        print(_summary(deployment, findings, accepted))
    code = _exit_code(findings, accepted)
    if code:
        raise typer.Exit(code)


def _exit_code(findings: Sequence[Finding], accepted: Collection[str]) -> int:
    if any(finding.level is Level.UNCLEAR for finding in findings):
        return _UNCLEAR
    return _FINDINGS if _counting(findings, accepted) else 0


def _counting(findings: Sequence[Finding], accepted: Collection[str]) -> list[Finding]:
    return [
        finding
        for finding in findings
        if finding.level is Level.REFUSED or (finding.level is Level.HAZARD and finding.key not in accepted)
    ]


def _line(finding: Finding, accepted: Collection[str]) -> str:
    if finding.level is not Level.HAZARD:
        return f"{finding.level}: {finding.text}"
    if finding.key in accepted:
        return f"accepted: {finding.text}"
    return f"hazard: {finding.text}\n  if that is meant: --accept {finding.key}"


def _summary(deployment: Deployment, findings: Sequence[Finding], accepted: Collection[str]) -> str:
    account, names = deployment.account, deployment.pool_node_groups
    there = [name for name in names if name in account.node_groups]
    running = sum(account.nodes(name) for name in there)
    state = f"{len(there)} of {len(names)} node groups exist, with {nodes(running)}"
    if _exit_code(findings, accepted) == _UNCLEAR:
        verdict = "what a deployment does to running nodes is unclear"
    elif stopping := _counting(findings, accepted):
        taking = sum(finding.level is Level.HAZARD for finding in stopping)
        verdict = f"{_counted(taking, 'hazard')}, {_counted(len(stopping) - taking, 'refusal')}"
    elif accepted:
        verdict = f"a deployment takes no running node away beyond what is accepted ({', '.join(sorted(accepted))})"
    else:
        verdict = "a deployment takes no running node away"
    return f"{deployment.environment.name} in account {deployment.environment.account}: {state}; {verdict}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _as_json(deployment: Deployment, findings: Sequence[Finding], accepted: Collection[str]) -> dict[str, object]:
    names, account = deployment.pool_node_groups, deployment.account
    return {
        "environment": deployment.environment.name,
        "account": deployment.environment.account,
        "region": deployment.environment.region,
        "exit_code": _exit_code(findings, accepted),
        "node_groups": [
            {"name": name, "exists": name in account.node_groups, "nodes": account.nodes(name)} for name in names
        ],
        "findings": [
            {
                "level": finding.level.value,
                "text": finding.text,
                "key": finding.key or None,
                "accepted": finding.key in accepted,
            }
            for finding in findings
        ],
    }
