"""The app: every environment under stacks/environments, or the one that `--context environment=NAME` names.

Answers of an account, which `ultrafleet doctor` writes beside the files, refuse what it said no to, unless the context
is `answers=ignore`: what can't launch any more can still be deleted.
"""

import os
import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from stacks.synth_memory import SynthMemory
from ultrafleet.errors import FleetError

ROOT = Path(__file__).parent
ENVIRONMENTS = ROOT / "stacks" / "environments"


def synth(today: date) -> list[str]:
    """Synthesise; the findings of the checks, a line each.

    Args:
        today: day by which the age of an account's answers counts.
    """
    # jsii runs whatever `node` it finds; the pinned one stands beside this Python.
    os.environ.setdefault("JSII_NODE", str(Path(sys.executable).with_name("node")))
    # Imported here: an assembly that is remembered needs neither CDK nor Node.
    import aws_cdk as cdk  # noqa: PLC0415

    from stacks import acknowledgements  # noqa: PLC0415
    from stacks.fleet_stage import FleetStage  # noqa: PLC0415
    from stacks.template_validation import template_checks  # noqa: PLC0415
    from ultrafleet.doctor import Answers  # noqa: PLC0415
    from ultrafleet.doctor.synthesis import answers_beside, refuse_contradicted, settled  # noqa: PLC0415
    from ultrafleet.environment import Environment, load_environments  # noqa: PLC0415
    from ultrafleet.environment.digest import write_digest  # noqa: PLC0415

    # A trace of jsii's kernel says nothing to a reader, and its temporary folders make two equal syntheses differ.
    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False, stack_traces=False)
    only = app.node.try_get_context("environment")
    # Relative, so that an error names the file as its reader does.
    folder = Path(os.path.relpath(ENVIRONMENTS))
    ignored = app.node.try_get_context("answers") == "ignore"
    made: list[tuple[Environment, Answers]] = []
    for environment in load_environments(folder, only=only):
        answers = Answers() if ignored else answers_beside(folder, environment, today=today)
        refuse_contradicted(folder, environment, answers)
        try:
            stage = FleetStage(app, environment=environment, answers=answers)
        except FleetError as error:
            raise error.within(str(folder / f"{environment.name}.yaml")) from error
        acknowledgements.acknowledge(stage, environment)
        made.append((environment, answers))
    checks = template_checks(ROOT / ".cache", acknowledgements=Path(acknowledgements.__file__))
    cdk.Validations.of(app).add_plugins(*checks)
    assembly = Path(app.synth().directory)
    for environment, answers in made:
        write_digest(assembly / f"assembly-{environment.name}", environment, settled(answers))
    return [finding for check in checks for finding in check.findings]


def main() -> None:
    """Synthesise, unless nothing changed since an assembly that is remembered."""
    today = datetime.now(UTC).date()
    # Answers get too old: with them, an assembly is remembered for the day.
    day = str(today) if any((ENVIRONMENTS / "answers").glob("*.json")) else ""
    context = "\0".join(part for part in (os.environ.get("CDK_CONTEXT_JSON", ""), day) if part)
    memory = SynthMemory(folder=ROOT / ".cache" / "assemblies", root=ROOT, context=context)
    outdir = Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out"))
    os.environ["CDK_OUTDIR"] = str(outdir)
    for stale in [*outdir.glob("assembly-*"), outdir / "argo-cd"]:  # of an environment that this run may not be about
        shutil.rmtree(stale, ignore_errors=True)
    for stale in outdir.glob("asset.*"):  # of a version that no template names any more
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    if memory.restore(outdir):
        return
    findings = synth(today)
    if findings:
        # `cdk synth` without a stack pattern doesn't look at the report of the validation.
        sys.exit("\n".join(["error: the templates have findings:", *findings]))
    memory.remember(outdir)


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"error: {error}")
