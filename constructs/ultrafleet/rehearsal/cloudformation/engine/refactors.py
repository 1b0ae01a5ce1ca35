"""Stack refactors: resources that move between stacks or get another logical id, while nothing of them changes."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ultrafleet.rehearsal.cloudformation.engine import requests, resolution
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order
from ultrafleet.rehearsal.cloudformation.state import Stack, StackRefactor, StackResource, Stacks
from ultrafleet.rehearsal.refusals.cloudformation import REFACTOR_CHANGES
from ultrafleet.rehearsal.simulated_account import Refusal, refused

MOST_STACKS: Final = 5
"""Stacks of one refactor (CloudFormation user guide, stack-refactoring, high)."""

Place = tuple[str, str]
"""Name of a stack and a logical id."""


def propose(
    stacks: Stacks,
    definitions: Mapping[str, str],
    mappings: Sequence[tuple[Place, Place]],
    *,
    description: str | None = None,
    may_create: bool = False,
) -> StackRefactor:
    """CreateStackRefactor: what it would do, or why it can't be done.

    Args:
        stacks: those of the account and region.
        definitions: template of each stack after the refactor, by its name.
        mappings: where resources are and where they go; one that only moves needs none.
        description: of the refactor.
        may_create: stacks that don't exist are created.
    """
    refactor = StackRefactor(id=str(uuid.uuid4()), description=description)
    stacks.refactors[refactor.id] = refactor
    try:
        _prepare(stacks, refactor, definitions, dict(mappings), may_create=may_create)
    except Refusal as refusal:
        refactor.status, refactor.execution_status = "CREATE_FAILED", "UNAVAILABLE"
        refactor.reason = str(refusal.message)
    return refactor


def execute(stacks: Stacks, refactor: StackRefactor) -> None:
    """ExecuteStackRefactor: resources change hands; no service is called for them."""
    if refactor.execution_status != "AVAILABLE":
        raise Refusal(
            "ValidationError",
            f"StackRefactor {refactor.id} cannot be executed in execution status {refactor.execution_status}",
        )
    involved = []
    for name, requested in refactor.requested.items():
        stack = stacks.named(name)
        if stack is None:
            stack = stacks.register(dataclasses.replace(requested, template={"Resources": {}}, resources={}))
        involved.append((stack, requested))
    before = [(stack, stack.definition(), dict(stack.resources)) for stack, _ in involved]
    refactor.execution_status = "EXECUTE_IN_PROGRESS"
    for stack, _ in involved:
        if stack.status:
            stacks.claim(stack, "UPDATE_STACK", "UPDATE_IN_PROGRESS", requests.UPDATABLE, "be updated")
        else:
            stacks.claim(stack, "CREATE_STACK", "CREATE_IN_PROGRESS", {""}, "be created")
    _move(stacks, refactor)
    try:
        for stack, requested in involved:
            stack.define(requested.requested())
        _settle(stacks, involved)
    except Refusal as refusal:
        refactor.execution_status, refactor.execution_reason = "ROLLBACK_COMPLETE", str(refusal.message)
        for stack, definition, resources in before:
            stack.define(definition)
            stack.resources = resources
            stack.record("UPDATE_ROLLBACK_COMPLETE", str(refusal.message))
        return
    for stack, _ in involved:
        stack.record(stack.status.replace("IN_PROGRESS", "COMPLETE"))
    refactor.execution_status = "EXECUTE_COMPLETE"


def _move(stacks: Stacks, refactor: StackRefactor) -> None:
    moved = [(to, stacks.get(source[0]).resources[source[1]]) for source, to in refactor.moves]
    for (stack_name, logical_id), _ in refactor.moves:
        del stacks.get(stack_name).resources[logical_id]
    for (stack_name, logical_id), resource in moved:
        stacks.get(stack_name).resources[logical_id] = dataclasses.replace(resource, logical_id=logical_id)


def _prepare(
    stacks: Stacks,
    refactor: StackRefactor,
    definitions: Mapping[str, str],
    mapped: dict[Place, Place],
    *,
    may_create: bool,
) -> None:
    if len(definitions) > MOST_STACKS:
        raise refused(REFACTOR_CHANGES, f"At most {MOST_STACKS} stacks can be refactored at once")
    before: dict[Place, StackResource] = {}
    after: dict[Place, Mapping[str, Any]] = {}
    for name, body in definitions.items():
        stack = stacks.named(name)
        if stack is None and not may_create:
            raise Refusal("ValidationError", f"Stack with id {name} does not exist")
        if stack is not None:
            requests.check_updatable(stack, disable_rollback=False)
            before |= {(name, logical_id): resource for logical_id, resource in stack.resources.items()}
        requested = _requested(stacks, name, body, stack)
        refactor.requested[name] = requested
        refactor.stack_ids.append(requested.stack_id if stack is None else stack.stack_id)
        holds = resolution.intrinsic_scope(stacks, requested).condition
        after |= {
            (name, logical_id): value
            for logical_id, value in requested.template["Resources"].items()
            if "Condition" not in value or holds(value["Condition"])
        }
    for places, known in ((mapped, before), (mapped.values(), after)):
        for place in places:
            if place not in known:
                raise Refusal("ValidationError", f"Resource {place[1]} does not exist in stack {place[0]}")
    _map_moves(before, after, mapped)
    _check_the_same(before, after, mapped)
    refactor.moves = [(source, to) for source, to in mapped.items() if source != to]
    _check_unchanged(stacks, refactor, before, mapped)


def _requested(stacks: Stacks, name: str, body: str, stack: Stack | None) -> Stack:
    """Stack with the template that a refactor gives it; its parameters and tags stay."""
    requested = requests.new_stack(stacks, name, body, {} if stack is None else stack.parameters)
    if stack is not None:
        requested.tags, requested.capabilities = stack.tags, stack.capabilities
        requested.role_arn = stack.role_arn
    creation_order(requested.template["Resources"])
    return requested


def _check_the_same(
    before: Mapping[Place, StackResource], after: Mapping[Place, Mapping[str, Any]], mapped: Mapping[Place, Place]
) -> None:
    """Refuse a refactor that adds or removes a resource, or changes its type."""
    gone = sorted(f"{name}.{logical_id}" for name, logical_id in set(before) - set(after) - set(mapped))
    new = sorted(f"{name}.{logical_id}" for name, logical_id in set(after) - set(before) - set(mapped.values()))
    if gone or new:
        raise refused(
            REFACTOR_CHANGES,
            f"Stack Refactor does not support adding or removing resources: [{', '.join([*new, *gone])}]",
        )
    for place, resource in before.items():
        to = mapped.get(place, place)
        if resource.type != after[to]["Type"]:
            raise refused(REFACTOR_CHANGES, f"Stack Refactor does not support a changed type: {to[0]}.{to[1]}")


def _map_moves(
    before: Mapping[Place, StackResource], after: Mapping[Place, Mapping[str, Any]], mapped: dict[Place, Place]
) -> None:
    """Moves without a mapping: a logical id that left one stack and came into another."""
    for place in set(after) - set(before) - set(mapped.values()):
        candidates = [
            source for source in before if source[1] == place[1] and source not in mapped and source not in after
        ]
        if len(candidates) == 1:
            mapped[candidates[0]] = place


def _check_unchanged(
    stacks: Stacks, refactor: StackRefactor, before: Mapping[Place, StackResource], mapped: Mapping[Place, Place]
) -> None:
    """Refuse a refactor that changes a property (aws-cdk-cli #667: the API allows nothing but moves)."""
    to_place = {mapped.get(place, place): resource for place, resource in before.items()}
    shadows: dict[str, Stack] = {}
    for name, requested in refactor.requested.items():
        existing = stacks.named(name)
        resources = {
            logical_id: resource for (stack_name, logical_id), resource in to_place.items() if stack_name == name
        }
        outputs = {} if existing is None else existing.outputs
        stack_id = requested.stack_id if existing is None else existing.stack_id
        shadows[name] = dataclasses.replace(requested, resources=resources, outputs=outputs, stack_id=stack_id)
    exported = _exports(stacks, list(shadows.values()))
    for name, shadow in shadows.items():
        scope = resolution.intrinsic_scope(stacks, shadow)
        scope.imported = _importing(exported, scope.imported)
        for logical_id, resource in shadow.resources.items():
            described = shadow.template["Resources"][logical_id]
            if scope.resolve(described.get("Properties", {})) != resource.properties:
                raise refused(
                    REFACTOR_CHANGES,
                    f"Stack Refactor does not support modifying resource properties: {name}.{logical_id}",
                )


def _exports(stacks: Stacks, shadows: Sequence[Stack]) -> dict[str, Any]:
    """Exports after the refactor of the stacks that it is about, as far as they resolve without one another."""
    found: dict[str, Any] = {}
    for shadow in shadows:
        scope = resolution.intrinsic_scope(stacks, shadow)
        for output in shadow.template.get("Outputs", {}).values():
            if "Export" in output:
                try:
                    found[scope.resolve(output["Export"]["Name"])] = scope.resolve(output["Value"])
                except Refusal:
                    continue
    return found


def _importing(exported: Mapping[str, Any], otherwise: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda name: exported[name] if name in exported else otherwise(name)


def _settle(stacks: Stacks, involved: Sequence[tuple[Stack, Stack]]) -> None:
    """Outputs, imports and policies of the stacks as their new templates have them."""
    left = list(involved)
    for stack, _ in involved:
        stack.imports = set()
    while left:
        problems: list[Refusal] = []
        remaining = []
        for stack, requested in left:
            used: set[str] = set()
            scope = resolution.intrinsic_scope(stacks, stack, used=used)
            try:
                for logical_id, resource in stack.resources.items():
                    described = stack.template["Resources"][logical_id]
                    scope.resolve(described.get("Properties", {}))
                    resource.policies = {
                        key: described[key] for key in ("DeletionPolicy", "UpdateReplacePolicy") if key in described
                    }
                resolution.resolve_outputs(stacks, stack, scope)
                stack.imports = used
            except Refusal as refusal:  # it may import what another of them is yet to export
                problems.append(refusal)
                remaining.append((stack, requested))
        if len(remaining) == len(left):
            raise problems[0]
        left = remaining
