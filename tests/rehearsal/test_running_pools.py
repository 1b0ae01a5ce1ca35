"""The guarantee: no edit of an environment takes running nodes away unless it says so.

Every field of the models is edited once at least; a field that nobody edits here fails. Edits that may touch nothing
are tried several at once, in different places of the file. Each pair of environments is
synthesised and compared property by property with `ultrafleet.templates.template_changes`.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
import pytest
import yaml
from pydantic import BaseModel

from helpers.edit_batches import EditBatch, batches
from helpers.environment_changes import Change
from helpers.environment_edits import ADOPTED, EDITS, Edit, Verdict
from helpers.preflight_world import NOW, account_of, environment_of
from helpers.rehearsal_site import text_of
from ultrafleet.environment import Environment, load_environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.policy import Template
from ultrafleet.preflight import Deployment, Finding, Level, preflight_findings
from ultrafleet.preflight.account import node_groups_of
from ultrafleet.review import Revision, review_of
from ultrafleet.review import hazard as review_hazard
from ultrafleet.stacks.fleet_stage import FleetStage
from ultrafleet.templates.assembly import AssemblyStack
from ultrafleet.templates.linking import linked
from ultrafleet.templates.references import references
from ultrafleet.templates.template_changes import ResourceChange, TemplateChanges, imports, template_changes
from ultrafleet.templates.update_effects import type_effects

pytestmark = pytest.mark.slow

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"
NODE_GROUP = "AWS::EKS::Nodegroup"
DAY = date(2026, 11, 24)

Where = tuple[str, str, str]
"""Account, region and name of a stack: another one is another stack."""
Fleet = Mapping[Where, Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a deployment of an edited environment."""

    environment: Environment
    edited: Environment
    before: Fleet
    after: Fleet
    changes: Mapping[Where, TemplateChanges]

    def refused(self, stack: Where) -> bool:
        others = (template for name, template in self.before.items() if name != stack)
        return self.changes[stack].refused({name for template in others for name in imports(template)})

    def touching(self) -> Iterator[tuple[Where, ResourceChange]]:
        """Changes of a resource that a pool consists of or depends on."""
        stands_on = _stands_on(self.before)
        for stack, changes in self.changes.items():
            for change in changes.resources:
                if change.touches and (stack, change.logical_id) in stands_on:
                    yield stack, change


Synth = Callable[[str, Change | None], Fleet]


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    context = json.loads((ENVIRONMENTS.parent.parent / "cdk.json").read_text())["context"]
    shipped: dict[str, Fleet] = {}

    def run(name: str, change: Change | None) -> Fleet:
        if change is None and name in shipped:
            return shipped[name]
        content = yaml.safe_load(text_of(name))
        if change is not None:
            change(content)
        path = tmp_path_factory.mktemp("environment") / f"{content.pop('NAME', name)}.yaml"
        path.write_text(yaml.safe_dump(content))
        app = cdk.App(context=context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stage = FleetStage(app, environment=load_environment(path))
        fleet = {
            (stack.environment.account, stack.environment.region, stack.stack_name): deepcopy(stack.template)
            for stack in stage.synth().stacks
        }
        if change is None:
            shipped[name] = fleet
        return fleet

    return run


@pytest.fixture
def outcome(synth: Synth, request: pytest.FixtureRequest) -> Outcome:
    return _outcome(request.param, synth)


def _outcome(edit: Edit, synth: Synth) -> Outcome:
    def both(content: dict[str, Any]) -> None:
        if edit.before is not None:
            edit.before(content)
        edit.change(content)

    environment, edited = (_environment(edit.environment, change) for change in (edit.before, both))
    before, after = synth(edit.environment, edit.before), synth(edit.environment, both)
    # A stack that the app no longer has stays as it is: `cdk deploy` deletes none (CDK CLI reference, high).
    changes = {stack: template_changes(before[stack], after[stack]) for stack in before.keys() & after.keys()}
    return Outcome(environment, edited, before, after, changes)


def edits(*verdicts: Verdict) -> pytest.MarkDecorator:
    chosen = [edit for edit in EDITS if edit.verdict in verdicts]
    return pytest.mark.parametrize(
        ("edit", "outcome"), [pytest.param(edit, edit, id=edit.name) for edit in chosen], indirect=["outcome"]
    )


CONTENTS = {name: yaml.safe_load(text_of(name)) for name in {edit.environment for edit in EDITS}}
BATCHES = batches([edit for edit in EDITS if edit.verdict is Verdict.UNTOUCHED], CONTENTS)


@pytest.mark.parametrize("batch", [pytest.param(batch, id=batch.name) for batch in BATCHES])
def test_an_edit_that_does_not_say_so_touches_no_running_pool(batch: EditBatch, synth: Synth) -> None:
    alone = batch.edits if len(batch.edits) > 1 else []
    try:
        outcome = _outcome(batch.together, synth)
    except (FleetError, ValueError, LookupError):  # right one by one, refused together
        if not alone:
            raise
    else:
        try:
            _untouched(batch.edits, outcome)
        except AssertionError:
            for edit in alone:  # to name the guilty one
                _untouched([edit], _outcome(edit, synth))
            raise
        return
    for edit in alone:
        _untouched([edit], _outcome(edit, synth))


def _untouched(edits: Sequence[Edit], outcome: Outcome) -> None:
    fields = {edit.field for edit in edits}
    assert {edit.reason for edit in edits} == {""}
    assert [str(change) for _, change in outcome.touching()] == []
    assert [stack for stack in outcome.changes if outcome.refused(stack)] == []
    # What leaves with its whole stack, and what only a team or the system nodes stand on, is told all the same.
    # Logs that the CloudWatch add-on wrote go with the add-on.
    stopping = [hazard for hazard in _stopping(outcome) if not _are_logs(hazard) and not _is_key(hazard)]
    # A client that is taken out, or called otherwise, loses its key.
    assert any(map(_is_key, _stopping(outcome))) is bool(fields & {"ServedModel.clients", "Client.name"})
    # Another driver of EFA devices takes no node, and may give a device twice while nodes run.
    assert {hazard.kind for hazard in stopping} <= {"pool-removed", "pool-renamed", "replaced", "efa-driver"}
    hazards = [item for item in _preflight(edits[0], outcome) if item.level is Level.HAZARD]
    told = {item.key.partition(":")[0] for item in hazards}
    assert told <= {"shared", "relabelled", "undelivered", "replaced", "efa-driver"}
    assert ("efa-driver" in told) is ("Kubernetes.efa" in fields)
    assert all(":FileSystem" in item.key for item in hazards if item.key.startswith("replaced:"))
    staying = {(*stack, name) for stack in outcome.after for name in outcome.after[stack]["Resources"]}
    # A renamed pool touches none that runs: its new node groups find their blocks occupied.
    touching = [hazard for hazard in stopping if hazard.kind != "pool-renamed"]
    touched = {(*json.loads(key[0]), key[1]) for hazard in touching for key in hazard.keys}
    assert not {key for key in touched & staying if _has_pools(key[2])}


@edits(Verdict.REFUSED)
def test_an_edit_that_would_replace_what_pools_stand_on_is_refused(edit: Edit, outcome: Outcome) -> None:
    assert edit.reason
    assert [stack for stack in outcome.changes if outcome.refused(stack)]
    found = _preflight(edit, outcome)
    assert [item for item in found if item.level is Level.REFUSED]
    # Each in its own stack: they may be deployed one at a time.
    assert [str(change) for stack, change in outcome.touching() if not outcome.refused(stack)] == []
    refused = {stack for stack in outcome.changes if outcome.refused(stack)}
    assert refused <= {tuple(json.loads(stack)) for hazard in _stopping(outcome) for stack in _stacks_of(hazard)}


@edits(Verdict.HAZARD)
def test_an_edit_that_takes_nodes_away_is_a_hazard_while_they_run(edit: Edit, outcome: Outcome) -> None:
    assert edit.reason
    touching = list(outcome.touching())
    assert {name for _, change in touching for name in _touched(change)} == edit.touches
    (stack,) = {stack for stack, _ in touching}
    groups = node_groups_of(outcome.before[stack])
    found = _preflight(edit, outcome, running=groups)
    assert found
    assert all(item.level is Level.HAZARD or item.level is Level.REFUSED for item in found)
    assert {name for name in groups for item in found if f"node group {name} " in item.text}
    assert [item for item in _preflight(edit, outcome, running=()) if item.level is Level.HAZARD] == []
    assert _preflight(None, outcome, running=groups) == []
    told = {hazard.subject for hazard in review_of(*_revisions(outcome), day=DAY).hazards}
    assert [subject for subject in told for name in groups if name in subject]


def _preflight(edit: Edit | None, outcome: Outcome, *, running: Collection[str] | None = None) -> list[Finding]:
    """Findings but notes of deploying an edit, or what is deployed already, five hours before the first block ends.

    Every node group runs, or those that are named.
    """
    if {stack[:2] for stack in outcome.before} != {stack[:2] for stack in outcome.after} or (
        outcome.environment.name != outcome.edited.name
    ):
        return []  # another account, region or cluster: there is nothing yet
    environment = outcome.edited if edit is not None else outcome.environment
    before = {stack[2]: template for stack, template in outcome.before.items()}
    after = {stack[2]: template for stack, template in (outcome.after if edit else outcome.before).items()}
    stacks = [
        AssemblyStack(name=name, template=json.dumps(template), termination_protection=False, needs=())
        for name, template in after.items()
    ]
    everything = {name for template in before.values() for name in node_groups_of(template)}
    account = account_of(outcome.environment, before, running=everything if running is None else running)
    ends = [block.end for pool in outcome.environment.pools for block in pool.capacity_blocks]
    deployment = Deployment(environment, stacks, account, min(ends, default=NOW) - timedelta(hours=5))
    return [item for item in preflight_findings(deployment) if item.level is not Level.NOTE]


def test_every_field_is_edited() -> None:
    assert {edit.field for edit in EDITS} == {
        f"{model.__name__.removesuffix('Settings')}.{name}"
        for model in _models(Environment)
        for name in _own_fields(model)
    }


def test_the_edits_are_of_the_shipped_environments() -> None:
    shipped = {environment.name for environment in load_environments(ENVIRONMENTS)}
    assert {edit.environment for edit in EDITS} == {*shipped, ADOPTED}


def test_every_type_of_the_templates_is_classified(synth: Synth) -> None:
    for name in {edit.environment for edit in EDITS}:
        for template in synth(name, None).values():
            for resource in template["Resources"].values():
                type_effects(resource["Type"])


def test_a_pool_stands_on_its_subnet_its_role_and_its_cluster(synth: Synth) -> None:
    fleet = synth("training", None)
    types = {fleet[stack]["Resources"][logical_id]["Type"] for stack, logical_id in _stands_on(fleet)}
    assert types >= {
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::PlacementGroup",
        "AWS::EC2::CapacityReservation",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup",
        "AWS::IAM::Role",
        "AWS::Scheduler::Schedule",
        "AWS::StepFunctions::StateMachine",
    }


def _environment(name: str, change: Change | None) -> Environment:
    content = yaml.safe_load(text_of(name))
    if change is not None:
        change(content)
    return environment_of(content, content.pop("NAME", name))


def _revisions(outcome: Outcome) -> tuple[Revision, Revision]:
    return _revision("before", outcome.before), _revision("after", outcome.after)


def _revision(label: str, fleet: Fleet) -> Revision:
    named = {
        json.dumps(stack): Template(name=stack[2], content={"Resources": {}, **content})
        for stack, content in fleet.items()
    }
    places = {name: "/".join(json.loads(name)[:2]) for name in named}
    return Revision(label=label, stacks=dict(zip(named, linked(list(named.values())), strict=True)), places=places)


def _stopping(outcome: Outcome) -> list[review_hazard.Hazard]:
    """Blocking hazards in the review of the edit."""
    return [
        hazard
        for hazard in review_of(*_revisions(outcome), day=DAY).hazards
        if hazard.level is review_hazard.Level.BLOCKING
    ]


def _is_key(hazard: review_hazard.Hazard) -> bool:
    return hazard.kind == "data-removed" and hazard.subject.endswith("(AWS::SecretsManager::Secret)")


def _are_logs(hazard: review_hazard.Hazard) -> bool:
    return hazard.kind == "data-removed" and hazard.subject.endswith("(AWS::Logs::LogGroup)")


def _stacks_of(hazard: review_hazard.Hazard) -> list[str]:
    # An export in use is about a stack, and about no resource of it.
    return [key[0] for key in hazard.keys] or [hazard.subject.rpartition("/")[0]]


def _touched(change: ResourceChange) -> list[str]:
    kind = change.resource_type.rpartition("::")[2]
    touching = [found.path for found in change.properties if found.effect.touches_nodes]
    return [f"{kind} {what}" for what in touching or [change.action]]


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and all that its fields mention."""
    inner = {found for field in model.model_fields.values() for found in _mentioned(field.annotation)}
    return {model}.union(*(_models(found) for found in inner))


def _mentioned(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for argument in get_args(annotation) for found in _mentioned(argument)}


def _own_fields(model: type[BaseModel]) -> list[str]:
    """Fields that hold a value or a list; a single model's fields are its own."""
    return [
        name
        for name, field in model.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]


def _has_pools(stack: str) -> bool:
    """True for the stack of a pool, or of racks of a cell."""
    return "-pool-" in stack or "-racks-" in stack


def _stands_on(fleet: Fleet) -> set[tuple[Where, str]]:
    """Resources of all pools, of the schedule that sizes them, and whatever they refer to, across stacks."""
    exported = {
        (stack[:2], output["Export"]["Name"]): (stack, output["Value"])
        for stack, template in fleet.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    found: set[tuple[Where, str]] = set()
    todo = [
        (stack, logical_id)
        for stack, template in fleet.items()
        for logical_id, resource in template["Resources"].items()
        if _has_pools(stack[2]) or resource["Type"].split("::")[1] in {"Scheduler", "StepFunctions"}
    ]
    while todo:
        stack, logical_id = todo.pop()
        if (stack, logical_id) in found:
            continue
        found.add((stack, logical_id))
        resources = fleet[stack]["Resources"]
        values = [(stack, resources[logical_id].get("Properties", {}))]
        values += [exported[stack[:2], name] for name in imports(resources[logical_id])]
        todo += [(at, name) for at, value in values for name in _names(value) if name in fleet[at]["Resources"]]
        # Rules of a security group are resources of their own, which refer to it.
        todo += [
            (stack, name)
            for name, resource in resources.items()
            if resource["Type"].startswith("AWS::EC2::SecurityGroup") and logical_id in _names(resource)
        ]
    return found


def _names(value: Any) -> set[str]:
    return {named.name for named in references(value)}
