"""Changes that a change set lists: which resources, which of their properties, and whether they are replaced."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.rehearsal.cloudformation.engine import resolution, schemas
from ultrafleet.rehearsal.cloudformation.engine.intrinsics import IntrinsicScope
from ultrafleet.rehearsal.cloudformation.engine.template import creation_order
from ultrafleet.rehearsal.cloudformation.state import Stack, StackResource, Stacks
from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.references import references

_ATTRIBUTES: Final = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")
_VALUES: Final = ("Path", "BeforeValue", "AfterValue", "BeforeValueFrom", "AfterValueFrom", "AttributeChangeType")
_KEPT: Final = {"Retain", "RetainExceptOnCreate"}

Live = Mapping[str, Mapping[str, Any] | None]
"""Actual properties of resources that have drifted, by logical id; None where one was deleted."""


def is_changed(stacks: Stacks, stack: Stack, requested: Stack, live: Live | None = None) -> bool:
    """True where a request changes the stack; a change of parameters, tags or outputs alone is one too."""
    before = (stack.template, stack.tags, stack.resolved_parameters)
    after = (requested.template, requested.tags, requested.resolved_parameters)
    return before != after or bool(live) or bool(changes(stacks, stack, requested))


def additions(stacks: Stacks, requested: Stack) -> list[dict[str, Any]]:
    """Changes of a change set that creates a stack."""
    return changes(stacks, dataclasses.replace(requested, resources={}, template={"Resources": {}}), requested)


def changes(
    stacks: Stacks,
    stack: Stack,
    requested: Stack,
    *,
    live: Live | None = None,
    imported: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Resource changes between a stack and a requested one, as DescribeChangeSet lists them with property values."""
    unknown: set[str] = set()
    unsure: set[str] = set()
    after = dataclasses.replace(
        requested, resources=dict(stack.resources), stack_id=stack.stack_id, outputs=stack.outputs
    )
    scope = resolution.preview_scope(stacks, after, unknown, unsure)
    old, new = stack.template.get("Resources", {}), requested.template["Resources"]
    parameters = {
        name: "ParameterReference"
        for name, value in requested.resolved_parameters.items()
        if stack.resolved_parameters.get(name) != value
    }
    found: list[dict[str, Any]] = []
    wanted: set[str] = set()
    for logical_id in creation_order(new):
        described = new[logical_id]
        if "Condition" in described and not scope.condition(described["Condition"]):
            continue
        wanted.add(logical_id)
        resource = stack.resources.get(logical_id)
        was_deleted = live is not None and live.get(logical_id, {}) is None
        if resource is None or was_deleted:
            action = "Import" if imported and logical_id in imported else "Add"
            unknown.add(logical_id)
            more = {"ResourceDriftStatus": "DELETED"} if was_deleted else {}
            context = {"AfterContext": _context(described, _resolved(scope, described))}
            found.append(_change(action, logical_id, described["Type"], **more, **context))
            continue
        moving = dict.fromkeys(unknown | unsure, "ResourceReference") | parameters
        change = _modification(resource, old.get(logical_id, {}), described, scope, moving, live)
        if change is None:
            continue
        found.append(change)
        if change["ResourceChange"].get("Replacement") in {"True", "Conditional"}:
            unknown.add(logical_id)
        elif "Properties" in change["ResourceChange"]["Scope"]:
            unsure.add(logical_id)
    for logical_id, resource in stack.resources.items():
        if logical_id not in wanted:
            policy = "Retain" if resource.kept else "Delete"
            physical_id = resource.physical.physical_id
            before = {"BeforeContext": _context(old.get(logical_id, {}), resource.properties)}
            removal = _change("Remove", logical_id, resource.type, PhysicalResourceId=physical_id, PolicyAction=policy)
            removal["ResourceChange"] |= before
            found.append(removal)
    return found


def without_values(change: Mapping[str, Any]) -> dict[str, Any]:
    """Change as DescribeChangeSet lists it when property values aren't asked for."""
    inner = {key: value for key, value in change["ResourceChange"].items() if not key.endswith("Context")}
    if "Details" in inner:
        inner["Details"] = [
            {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in _VALUES}}
            for detail in inner["Details"]
        ]
    return {**change, "ResourceChange": inner}


def _modification(
    resource: StackResource,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    scope: IntrinsicScope,
    moving: Mapping[str, str],
    live: Live | None,
) -> dict[str, Any] | None:
    """Change of a resource that stays in the stack; None: nothing changes."""
    drifted = (live or {}).get(resource.logical_id)
    before = resource.properties if drifted is None else drifted
    after = _resolved(scope, new)
    details = [
        detail
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
        for detail in _property(
            resource, name, before, after, causes=_causes(old, new, name, moving), drifted=drifted is not None
        )
    ]
    details += [
        {
            "Target": {"Attribute": name, "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
        for name in _ATTRIBUTES
        if old.get(name) != new.get(name)
    ]
    if not details and drifted is None:
        return None
    recreation = {(detail["Target"].get("RequiresRecreation"), detail["Evaluation"]) for detail in details}
    if ("Always", "Static") in recreation:
        replacement = "True"
    elif {("Always", "Dynamic"), ("Conditionally", "Static"), ("Conditionally", "Dynamic")} & recreation:
        replacement = "Conditional"
    else:
        replacement = "False"
    more: dict[str, Any] = {"ResourceDriftStatus": "MODIFIED"} if drifted is not None else {}
    if replacement == "True":
        kept = new.get("UpdateReplacePolicy") in _KEPT
        more["PolicyAction"] = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
    return _change(
        "Modify" if details else "SyncWithActual",
        resource.logical_id,
        new["Type"],
        PhysicalResourceId=resource.physical.physical_id,
        Replacement=replacement,
        Scope=list(dict.fromkeys(detail["Target"]["Attribute"] for detail in details)),
        Details=details,
        BeforeContext=_context(old, before),
        AfterContext=_context(new, after),
        **more,
    )


def _property(
    resource: StackResource,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    causes: list[tuple[str, str]],
    drifted: bool,
) -> Iterator[dict[str, Any]]:
    """Details of one property that differs: one for each cause."""
    target: dict[str, Any] = {
        "RequiresRecreation": schemas.recreation(resource.type, name, before, after),
        "Path": f"/Properties/{name}",
        "AttributeChangeType": "Add" if name not in before else "Remove" if name not in after else "Modify",
    }
    target |= {"Attribute": "Tags"} if name == "Tags" else {"Attribute": "Properties", "Name": name}
    for key, values in (("BeforeValue", before), ("AfterValue", after)):
        if name in values:
            value = values[name]
            target[key] = value if isinstance(value, str) else json.dumps(value)
    if drifted:
        target |= {"BeforeValueFrom": "ACTUAL_STATE", "AfterValueFrom": "TEMPLATE"}
        if resource.properties.get(name) != before.get(name):
            target["Drift"] = {
                "PreviousValue": json.dumps(resource.properties.get(name)),
                "ActualValue": json.dumps(before.get(name)),
                "DriftDetectionTimestamp": datetime.now(UTC),
            }
    evaluation = "Dynamic" if resolution.KNOWN_AFTER_APPLY in json.dumps(after.get(name)) else "Static"
    for source, entity in causes or [("DirectModification", "")]:
        detail = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
        yield {**detail, "CausingEntity": entity} if entity else detail


def _causes(
    old: Mapping[str, Any], new: Mapping[str, Any], name: str, moving: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Entities that move a property whose text didn't change, each with its group; none: it was changed itself."""
    raw_old, raw_new = ((one.get("Properties") or {}).get(name) for one in (old, new))
    if raw_old != raw_new:
        return []
    return [
        ("ResourceAttribute", f"{named.name}.{named.attribute}")
        if named.attribute
        else (moving[named.name], named.name)
        for named in references(raw_new)
        if named.name in moving
    ]


def _resolved(scope: IntrinsicScope, described: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of a template, each resolved; what can't be yet is known after the deployment alone."""
    resolved: dict[str, Any] = {}
    for name, value in (described.get("Properties") or {}).items():
        try:
            inner = scope.resolve({name: value})
        except Refusal:
            inner = {name: resolution.KNOWN_AFTER_APPLY}
        resolved |= inner
    return resolved


def _context(described: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    attributes = {name: described[name] for name in _ATTRIBUTES if name in described}
    return json.dumps({"Properties": dict(properties), **attributes})


def _change(action: str, logical_id: str, resource_type: str, **more: Any) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": resource_type, "Scope": [], **more}
    return {"Type": "Resource", "ResourceChange": change}
