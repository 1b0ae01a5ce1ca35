"""Output of `ultrafleet local`: stacks, pools, objects, advice, what a deployment rested on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.doctor import Answers
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.scenarios.rested_on import rested_on
from ultrafleet.templates.assembly import read_assembly

if TYPE_CHECKING:
    from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws

_WIDTH = 130


def show_state(aws: "EmbeddedAws", environment: Environment) -> None:
    """Print tables of stacks, pools and problems."""
    status = aws.dispatch("status")
    console = _console()
    print(f"\n{environment.name} at {status['now']}, the simulated time", flush=True)
    stacks = _table("stacks")
    for column in ("stack", "status"):
        stacks.add_column(column)
    for name, state in sorted(status["stacks"].items()):
        stacks.add_row(name, state)
    console.print(stacks)
    pools = _table("pools")
    for column in ("node group", "status", "nodes", "interfaces of a node", "block or reservation", "zone"):
        pools.add_column(column, no_wrap=True)
    for pool in status["pools"]:
        for group in pool["node_groups"]:
            pools.add_row(*_node_group_row(group, status["reservations"]))
    console.print(pools)
    wrong = [
        *status["problems"],
        *(
            f"node group {group['name']}: {issue}"
            for pool in status["pools"]
            for group in pool["node_groups"]
            for issue in group["issues"]
        ),
    ]
    for line in wrong:
        print(line)
    for line in _advice(wrong, status["faults"]):
        print(line)
    print(f"AWS APIs: AWS_ENDPOINT_URL={aws.endpoint} AWS_REGION={environment.region}, any credentials")


def show_kubernetes(content: dict[str, Any]) -> None:
    """Print tables of Helm releases and of objects."""
    releases, objects = _table("Helm releases"), _table("objects")
    for column in ("namespace", "release", "chart", "version"):
        releases.add_column(column)
    for item in sorted(content["releases"], key=lambda one: (one["namespace"], one["name"])):
        releases.add_row(item["namespace"], item["name"], item["chart"], item["version"])
    for column in ("namespace", "kind", "name"):
        objects.add_column(column)
    for row in sorted(
        (item["metadata"].get("namespace", ""), item["kind"], item["metadata"]["name"]) for item in content["objects"]
    ):
        objects.add_row(*row)
    console = _console()
    console.print(releases)
    console.print(objects)


def advise(aws: "EmbeddedAws", environment: Environment, variables: dict[str, str]) -> None:
    """Print advice on failed stacks: on injected faults, and on faults that the reasons match."""
    from ultrafleet.rehearsal.scenarios.advice import failure_reasons  # noqa: PLC0415

    reasons = failure_reasons(environment, endpoint=aws.endpoint, variables=variables)
    for line in _advice(reasons, aws.dispatch("status")["faults"]):
        print(line)


def show_rested_on(environment: Environment, answers: Answers) -> None:
    """Print statements about AWS that the deployment rested on and that are not verified, each with its source."""
    found = rested_on(environment, answers)
    if found:
        print("rested on, not verified on AWS:")
    for item in found:
        print(f"- {item}")


def show_orphans(aws: "EmbeddedAws", assembly: Path) -> None:
    """Print stacks that the app no longer has: they stay, here as in AWS, until they are deleted by name."""
    for orphan in aws.dispatch("orphans", stacks=[stack.name for stack in read_assembly(assembly)]):
        groups = ", ".join(f"{name} with {nodes} nodes" for name, nodes in orphan["node_groups"].items())
        name = orphan["stack"]
        unprotect = "aws cloudformation update-termination-protection --no-enable-termination-protection"
        commands = [f"{unprotect} --stack-name {name}"] if orphan["protected"] else []
        commands.append(f"aws cloudformation delete-stack --stack-name {name}")
        print(
            f"stack {name} is not in the file and stays{f' (node groups: {groups})' if groups else ''}: "
            f"`cdk deploy` deletes none, `{' && '.join(commands)}` does"
        )


def _advice(reasons: list[str], injected: list[str]) -> list[str]:
    from ultrafleet.rehearsal.scenarios.advice import advice_for  # noqa: PLC0415

    return advice_for(reasons, injected=injected)


def _console() -> Console:
    """A console that is wide enough for a node group's row, in a pipe, too."""
    return Console(width=max(_WIDTH, Console().width), highlight=False)


def _table(title: str) -> Table:
    return Table(box=box.SIMPLE, title=title, title_justify="left", title_style="bold")


def _node_group_row(group: dict[str, Any], reservations: dict[str, Any]) -> tuple[str, ...]:
    return (
        group["name"],
        group["status"] or "(none)",
        f"{group['running']} of {group['full']}",
        ", ".join(group["interfaces"]) or "-",
        _block(reservations.get(group["block"])) if group["block"] else ", ".join(group["reservations"]) or "-",
        ", ".join(group["zones"]) or "-",
    )


def _block(reservation: dict[str, Any] | None) -> str:
    """State of a block, with the day of its start before it and of its end from then on."""
    if reservation is None:
        return "not in the account"
    if reservation["state"] == "scheduled":
        return f"scheduled from {reservation['start'][:10]}"
    return f"{reservation['state']} to {reservation['end'][:10]}"
