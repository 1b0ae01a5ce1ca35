"""File of another tool to an environment file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.facts import ip_budgets
from ultrafleet.environment.loading import EnvironmentFileError
from ultrafleet.errors import FleetError
from ultrafleet.importing.aicr import read_aicr
from ultrafleet.importing.comparison import Difference, compare
from ultrafleet.importing.draft import Draft
from ultrafleet.importing.eksctl import read_eksctl
from ultrafleet.importing.finishing import finish
from ultrafleet.importing.pcluster import read_pcluster
from ultrafleet.importing.reading import choose, documents
from ultrafleet.importing.refusal import ImportRefusedError
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Document
from ultrafleet.importing.terraform import read_terraform
from ultrafleet.importing.writing import environment_text
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec, validate_subnets

_READERS: Final[Mapping[str, Callable[[Document, SideInputs], Draft]]] = {
    "eksctl": read_eksctl,
    "pcluster": read_pcluster,
    "terraform": read_terraform,
    "aicr": read_aicr,
}
_DEFAULT_NAME: Final = "imported"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Environment that was made of another tool's file.

    Attributes:
        name: its name.
        text: its file.
        environment: the same, loaded.
        notes: lines about what isn't carried over, or in another form.
        differences: launch templates of the source beside the ones made here.
    """

    name: str
    text: str
    environment: Environment
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]


def import_text(text: str, *, file: str, side: SideInputs, wanted: str | None = None) -> Imported:
    """Environment of another tool's file.

    Args:
        text: the file.
        file: its name, for messages.
        side: what the caller states beside it.
        wanted: format of the file. Default: found by its content.

    Raises:
        ImportRefusedError: something is missing, or can't be carried over; every reason at once.
        FleetError: the file is of no such kind.
    """
    kind, document, others = choose(documents(text, file), file, wanted)
    draft = _READERS[kind](document, side)
    draft.notes[:0] = others
    return convert(draft, side)


def convert(draft: Draft, side: SideInputs) -> Imported:
    """Environment of a draft.

    Args:
        draft: what the source describes.
        side: what the caller states beside it.

    Raises:
        ImportRefusedError: something is missing, or can't be carried over; every reason at once.
    """
    name = _name(draft, side)
    finished = finish(draft, side)
    text = environment_text(finished.content, head=_head(draft, side), comments=finished.comments)
    environment = _checked(name, text, draft)
    return Imported(
        name=name,
        text=text,
        environment=environment,
        notes=tuple(draft.notes),
        differences=tuple(compare(draft.pools, environment)),
    )


def _name(draft: Draft, side: SideInputs) -> str:
    if side.name is not None:
        if not is_name(side.name):
            draft.faults.append(FleetError(path="--name", got=repr(side.name), expected=NAME_RULE))
            return _DEFAULT_NAME
        return side.name
    stated = draft.cluster_name or ""
    name = re.sub(r"[^a-z0-9-]+", "-", stated.lower()).strip("-")[:40].strip("-")
    if not is_name(name):
        name = _DEFAULT_NAME
    if name != stated:
        draft.note("name", f"the environment and its cluster are called {name}; --name chooses another")
    return name


def _head(draft: Draft, side: SideInputs) -> list[str]:
    first = (
        f"Imported from {draft.file} ({draft.tool}). Read it, then `make synth`, and rehearse it: that costs nothing."
    )
    if side.adopt:
        return [
            first,
            "It uses the cluster and the VPC, and changes nothing of them: see docs/guides/adopt-a-cluster.md.",
        ]
    return [first, "A cluster and a VPC of its own: nothing of the source's is changed, or used."]


def _checked(name: str, text: str, draft: Draft) -> Environment:
    """The environment, as it is loaded and checked before synthesis."""
    try:
        environment = load_environment(Path(f"{name}.yaml"), text=text)
    except EnvironmentFileError as error:
        raise ImportRefusedError.of([*error.faults] or [error], draft.notes) from None
    try:
        if environment.network.vpc_id is None:
            _check_subnets(environment)
        for budget in ip_budgets(environment):
            budget.check()
    except FleetError as error:
        raise ImportRefusedError.of([error], draft.notes) from None
    return environment


def _check_subnets(environment: Environment) -> None:
    validate_subnets(
        environment.network.cidrs,
        [
            SubnetSpec(
                name=subnet.name,
                kind=SubnetKind(subnet.kind),
                availability_zone=subnet.availability_zone,
                cidr=str(subnet.cidr),
            )
            for subnet in environment.network.subnets
        ],
    )
