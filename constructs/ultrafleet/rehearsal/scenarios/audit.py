"""Audit of stacks: every resource of every stack is described by its own service, not by CloudFormation."""

from dataclasses import dataclass

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.engine import resolution
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.state import Stacks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Result for one resource.

    Attributes:
        problem: why it was not found; "" where it was.
    """

    stack: str
    logical_id: str
    type: str
    physical_id: str
    problem: str = ""


def audit(account_id: str, region: str) -> list[Audited]:
    """Describe each resource of each stack by its own service's call.

    A resource of a template that no stack has, because something left it out, is found missing too.
    """
    call = Calls(account_id=account_id, region=region)
    found = []
    stacks = SIMULATED_ACCOUNT.part(Stacks, account_id, region)
    for stack in stacks.live:
        scope = resolution.intrinsic_scope(stacks, stack)
        for logical_id, described in stack.template.get("Resources", {}).items():
            if "Condition" in described and not scope.condition(described["Condition"]):
                continue
            resource = stack.resources.get(logical_id)
            problem, physical_id = "", ""
            if resource is None:
                problem = "the stack does not have it"
            else:
                physical_id = resource.physical.physical_id
                try:
                    PROVIDERS[resource.type].describe(call, resource.physical, resource.properties)
                except Refusal as refusal:
                    problem = f"{refusal.code}: {refusal.message}"
            found.append(
                Audited(
                    stack=stack.name,
                    logical_id=logical_id,
                    type=described["Type"],
                    physical_id=physical_id,
                    problem=problem,
                )
            )
    return found


def retained(account_id: str, region: str) -> list[Audited]:
    """Retained resources of deleted or updated stacks that still exist."""
    call = Calls(account_id=account_id, region=region)
    found = []
    for stack_name, resource in SIMULATED_ACCOUNT.part(Stacks, account_id, region).retained:
        try:
            PROVIDERS[resource.type].describe(call, resource.physical, resource.properties)
        except Refusal:
            continue
        found.append(
            Audited(
                stack=stack_name,
                logical_id=resource.logical_id,
                type=resource.type,
                physical_id=resource.physical.physical_id,
            )
        )
    return found


def purge(account_id: str, region: str) -> list[Audited]:
    """Delete retained resources; those that could not be deleted are returned with the problem."""
    call = Calls(account_id=account_id, region=region)
    stacks = SIMULATED_ACCOUNT.part(Stacks, account_id, region)
    left = list(reversed(stacks.retained))
    problems: dict[str, str] = {}
    # What one refers to goes after it; the order is only known for one stack, so try until nothing more goes.
    while left:
        problems = {}
        remaining = []
        for stack_name, resource in left:
            try:
                PROVIDERS[resource.type].delete(call, resource.physical, resource.properties)
            except Refusal as refusal:
                if not refusal.code.endswith(("NotFound", "NotFoundException", "NoSuchEntity")):
                    problems[resource.physical.physical_id] = f"{refusal.code}: {refusal.message}"
                    remaining.append((stack_name, resource))
        if len(remaining) == len(left):
            break
        left = remaining
    stacks.retained = list(reversed(left))
    return [
        Audited(
            stack=stack_name,
            logical_id=resource.logical_id,
            type=resource.type,
            physical_id=resource.physical.physical_id,
            problem=problems[resource.physical.physical_id],
        )
        for stack_name, resource in left
    ]
