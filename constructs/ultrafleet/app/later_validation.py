"""CloudFormation's rules over an assembly that another process made: `python -m ultrafleet.app.later_validation`.

CDK's validation engine takes as much memory as everything else of a synthesis, so it comes when the rest has ended.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ultrafleet.app.node_process import settle_node
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST, manifest_stacks, nested_assemblies

_ARGUMENTS: Final = 2


def _templates(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Name, template and region of each stack of an assembly and of those in it."""
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    for stack in manifest_stacks(text):
        yield stack.name, folder / stack.template_file, stack.place.rpartition("/")[2]
    for nested in nested_assemblies(text):
        yield from _templates(folder / nested)


def findings(assembly: Path, *, memory: Path) -> list[str]:
    """Findings of CloudFormation's rules in the templates that weren't found valid before, a line each.

    Args:
        assembly: the assembly.
        memory: folder that remembers what was found valid.
    """
    settle_node()
    # Imported here: CDK starts its Node as soon as it is imported.
    import aws_cdk as cdk  # noqa: PLC0415

    from ultrafleet.app.template_validation import Templates, template_rules  # noqa: PLC0415

    rules = template_rules(memory)
    rules.validate(
        Templates(
            [
                cdk.PolicyValidationStack(stack_construct_path=name, template_path=str(path), region=region or None)
                for name, path, region in _templates(assembly)
            ]
        )
    )
    return rules.findings


def main() -> None:
    """Hold the assembly of the first argument to the rules; the second is the folder of the memory."""
    if len(sys.argv) != _ARGUMENTS + 1:
        raise FleetError(
            path="later_validation",
            verb="was given",
            got=repr(" ".join(sys.argv[1:])),
            expected="an assembly and the folder of the memory",
        )
    assembly, memory = map(Path, sys.argv[1:])
    if found := findings(assembly, memory=memory):
        sys.exit("\n".join(["error: the templates have findings:", *found]))


if __name__ == "__main__":
    main()
