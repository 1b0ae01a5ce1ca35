"""Deployment as planned: the file, the stacks to deploy, and the stacks as they are, compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ultrafleet.environment import Environment
from ultrafleet.preflight.account import LiveAccount, LiveStack, node_groups_of
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.templates.assembly import AssemblyStack
from ultrafleet.templates.schema_effects import effects_of_type
from ultrafleet.templates.template_changes import ChangeAction, ResourceChange, TemplateChanges, template_changes

_NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
"""Statuses of stacks that never came about: the CDK CLI deletes them and begins anew."""


@dataclass(frozen=True, kw_only=True)
class PlannedBlock:
    """Capacity block of the file.

    Attributes:
        pool: name of its pool.
        node_group: name of the node group that runs it.
        block: the block.
    """

    pool: str
    node_group: str
    block: CapacityBlock


@dataclass(frozen=True, kw_only=True)
class StackUpdate:
    """Stack to deploy beside the one that is there.

    Attributes:
        name: name of the stack.
        new: template to deploy.
        live: the stack as it is; None where it would be made.
        changes: what the deployment changes.
    """

    name: str
    new: Mapping[str, Any]
    live: LiveStack | None
    changes: TemplateChanges

    @property
    def old(self) -> Mapping[str, Any]:
        """Template as deployed; empty where there is no stack."""
        return self.live.template if self.live is not None else {}

    def change_of(self, logical_id: str) -> ResourceChange | None:
        """Change of a resource; None where it stays as it is."""
        return next((change for change in self.changes.resources if change.logical_id == logical_id), None)


@dataclass(frozen=True, kw_only=True)
class PlannedNodeGroup:
    """Node group of the stacks to deploy.

    Attributes:
        name: name of the node group.
        update: its stack.
        logical_id: its logical id.
        properties: its properties.
    """

    name: str
    update: StackUpdate
    logical_id: str
    properties: Mapping[str, Any]

    @property
    def change(self) -> ResourceChange | None:
        """Change of the node group; None where it stays as it is."""
        return self.update.change_of(self.logical_id)

    @property
    def is_made(self) -> bool:
        """True if the deployment makes it."""
        return self.change is not None and self.change.action is ChangeAction.ADDED


@dataclass(frozen=True)
class Deployment:
    """Deployment of an environment: what is planned beside what is live.

    Attributes:
        environment: what the file says.
        stacks: the cloud assembly's stacks.
        account: the account as it is.
        now: the moment of the deployment.
    """

    environment: Environment
    stacks: Sequence[AssemblyStack]
    account: LiveAccount
    now: datetime

    @cached_property
    def updates(self) -> tuple[StackUpdate, ...]:
        """Every stack of the assembly beside its live one, in the order of the deployment."""
        return tuple(self._update(stack) for stack in self.stacks)

    def _update(self, stack: AssemblyStack) -> StackUpdate:
        live = self.account.stacks.get(stack.name)
        if live is not None and live.status in _NEVER_MADE:
            live = None
        old = live.template if live is not None else {}
        changes = template_changes(old, stack.content, effects=effects_of_type)
        return StackUpdate(name=stack.name, new=stack.content, live=live, changes=changes)

    @cached_property
    def node_groups(self) -> Mapping[str, PlannedNodeGroup]:
        """Node groups of the stacks to deploy, by name."""
        return {
            name: PlannedNodeGroup(name=name, update=update, logical_id=logical_id, properties=properties)
            for update in self.updates
            for name, (logical_id, properties) in node_groups_of(update.new).items()
        }

    @cached_property
    def blocks(self) -> tuple[PlannedBlock, ...]:
        """Blocks of the file, in its order."""
        return tuple(
            PlannedBlock(
                pool=pool.name,
                node_group=block.node_group(pool.name),
                block=block,
            )
            for pool in self.environment.pools
            for block in pool.capacity_blocks
        )

    @cached_property
    def pool_node_groups(self) -> tuple[str, ...]:
        """Names of the pools' node groups, made elsewhere or here, in the file's order."""
        return tuple(
            name
            for pool in self.environment.pools
            for name in ([block.node_group(pool.name) for block in pool.capacity_blocks] or [pool.name])
        )

    def removed_node_groups(self) -> Iterator[tuple[str, StackUpdate, ResourceChange]]:
        """Node groups that the deployment takes out of a stack, with the stack and what becomes of them."""
        for update in self.updates:
            kept = node_groups_of(update.new)
            for name, (logical_id, _) in node_groups_of(update.old).items():
                change = update.change_of(logical_id)
                gone = change is not None and change.action in {ChangeAction.REMOVED, ChangeAction.LEFT}
                if change is not None and gone and name not in kept:
                    yield name, update, change

    def end_of(self, reservation: str | None) -> datetime | None:
        """End of a block: EC2's, or else the file's; None where neither says one."""
        live = self.account.reservations.get(reservation or "")
        if live is not None and live.end is not None:
            return live.end
        return next(
            (planned.block.end for planned in self.blocks if planned.block.capacity_reservation_id == reservation), None
        )
