"""The app: every environment under stacks/environments, or the one that `--context environment=NAME` names."""

import os
import shutil
import sys
from pathlib import Path

from stacks.synth_memory import SynthMemory
from ultrafleet.errors import FleetError

ROOT = Path(__file__).parent


def synth() -> list[str]:
    """Synthesise; the findings of the checks, a line each."""
    # jsii runs whatever `node` it finds; the pinned one stands beside this Python.
    os.environ.setdefault("JSII_NODE", str(Path(sys.executable).with_name("node")))
    # Imported here: an assembly that is remembered needs neither CDK nor Node.
    import aws_cdk as cdk  # noqa: PLC0415

    from stacks import acknowledgements  # noqa: PLC0415
    from stacks.fleet_stage import FleetStage  # noqa: PLC0415
    from stacks.template_validation import template_checks  # noqa: PLC0415
    from ultrafleet.environment import load_environments  # noqa: PLC0415
    from ultrafleet.environment.digest import write_digest  # noqa: PLC0415

    app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    only = app.node.try_get_context("environment")
    # Relative, so that an error names the file as its reader does.
    folder = Path(os.path.relpath(ROOT / "stacks" / "environments"))
    environments = load_environments(folder, only=only)
    for environment in environments:
        acknowledgements.acknowledge(FleetStage(app, environment=environment), environment)
    checks = template_checks(ROOT / ".cache", acknowledgements=Path(acknowledgements.__file__))
    cdk.Validations.of(app).add_plugins(*checks)
    assembly = Path(app.synth().directory)
    for environment in environments:
        write_digest(assembly / f"assembly-{environment.name}", environment)
    return [finding for check in checks for finding in check.findings]


def main() -> None:
    """Synthesise, unless nothing changed since an assembly that is remembered."""
    memory = SynthMemory(
        folder=ROOT / ".cache" / "assemblies", root=ROOT, context=os.environ.get("CDK_CONTEXT_JSON", "")
    )
    outdir = Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out"))
    os.environ["CDK_OUTDIR"] = str(outdir)
    for stale in [*outdir.glob("assembly-*"), outdir / "argo-cd"]:  # of an environment that this run may not be about
        shutil.rmtree(stale, ignore_errors=True)
    for stale in outdir.glob("asset.*"):  # of a version that no template names any more
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    if memory.restore(outdir):
        return
    findings = synth()
    if findings:
        # `cdk synth` without a stack pattern doesn't look at the report of the validation.
        sys.exit("\n".join(["error: the templates have findings:", *findings]))
    memory.remember(outdir)


if __name__ == "__main__":
    try:
        main()
    except FleetError as error:
        sys.exit(f"error: {error}")
