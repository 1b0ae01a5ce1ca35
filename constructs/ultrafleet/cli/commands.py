"""Every command of `ultrafleet`. Nothing here imports aws_cdk, so that it starts fast."""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from ultrafleet.cli._running import run
from ultrafleet.cli.acceptance import acceptance
from ultrafleet.cli.capacity import capacity
from ultrafleet.cli.check import check
from ultrafleet.cli.doctor import doctor
from ultrafleet.cli.facts import facts
from ultrafleet.cli.import_file import import_file
from ultrafleet.cli.init import init
from ultrafleet.cli.job import job
from ultrafleet.cli.layout import layout
from ultrafleet.cli.local import local
from ultrafleet.cli.local_rollout import rollout as local_rollout
from ultrafleet.cli.network import network
from ultrafleet.cli.preflight import preflight
from ultrafleet.cli.programme import programme
from ultrafleet.cli.rehearse import rehearse
from ultrafleet.cli.retained import retained
from ultrafleet.cli.review import review
from ultrafleet.cli.schema import schema
from ultrafleet.cli.stacks import stacks
from ultrafleet.cli.summary import summary
from ultrafleet.cli.types import types
from ultrafleet.cli.validate import validate

app = typer.Typer(
    name="ultrafleet",
    help="Plan, review, rehearse and operate EC2 UltraServer fleets on EKS.\n\n"
    "It reads environment files, cloud assemblies and CloudFormation templates; `preflight`, `doctor`, `retained`, "
    "`capacity` and `import --live` alone call AWS.",
    epilog="Example: ultrafleet review main HEAD --path tests/golden\n\n"
    "Completion: ultrafleet --install-completion\n\n"
    "Exit codes: 0 no finding, 1 findings, 2 unusable input, 130 interrupted.",
    pretty_exceptions_enable=False,  # an error of the program itself is reported with a plain traceback
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="show the version and exit")] = False,
) -> None:
    if version:
        print(f"ultrafleet {installed_version('ultrafleet')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


_FACTS, _PLAN, _REVIEW, _REHEARSE, _OPERATE = "Facts", "Plan", "Review", "Rehearse", "Operate"
app.command(rich_help_panel=_FACTS, epilog="Example: ultrafleet types --json")(types)
app.command(rich_help_panel=_FACTS, epilog="Example: ultrafleet layout p6-b300.48xlarge")(layout)
app.command(rich_help_panel=_FACTS, epilog="Example: ultrafleet facts eks/ --confidence low")(facts)
app.command(rich_help_panel=_PLAN, epilog="Example: ultrafleet validate stacks/environments/training.yaml")(validate)
app.command(rich_help_panel=_PLAN, epilog="Example: ultrafleet schema --out environment.schema.json")(schema)
app.command(
    name="import", rich_help_panel=_PLAN, epilog="Example: ultrafleet import cluster.yaml --account 111122223333"
)(import_file)
app.command(
    rich_help_panel=_PLAN,
    epilog="Example: ultrafleet init research --account 123456789012 --region us-west-2 --zone us-west-2a "
    "--zone us-west-2b",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(init)
app.add_typer(network, name="network", rich_help_panel=_PLAN)
app.add_typer(capacity, name="capacity", rich_help_panel=_PLAN)
app.add_typer(programme, name="programme", rich_help_panel=_PLAN)
app.command(rich_help_panel=_PLAN, epilog="Example: ultrafleet summary training")(summary)
app.command(rich_help_panel=_PLAN, epilog="Example: ultrafleet stacks training")(stacks)
app.command(rich_help_panel=_REVIEW, epilog="Example: ultrafleet check cdk.out")(check)
app.command(rich_help_panel=_REVIEW, epilog="Example: ultrafleet review main HEAD --path tests/golden")(review)
app.command(rich_help_panel=_REVIEW, epilog="Example: ultrafleet preflight training")(preflight)
app.command(rich_help_panel=_REVIEW, epilog="Example: ultrafleet doctor training")(doctor)
app.command(rich_help_panel=_REHEARSE, epilog="Example: ultrafleet rehearse training")(rehearse)
local.command(name="rollout", epilog="Example: ultrafleet local rollout half-a-million")(local_rollout)
app.add_typer(local, name="local", rich_help_panel=_REHEARSE, epilog="Example: ultrafleet local deploy dev")
app.add_typer(job, name="job", rich_help_panel=_OPERATE)
app.command(rich_help_panel=_OPERATE, epilog="Example: ultrafleet retained training")(retained)
app.command(
    rich_help_panel=_OPERATE, epilog="Example: ultrafleet acceptance nccl.log --path efa --min-bus-bandwidth-gbs 40"
)(acceptance)


def main() -> None:
    """Run the command; unusable input is one line on stderr and exit code 2."""
    run(app)
