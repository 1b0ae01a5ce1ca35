"""CloudFormation state of an account and a region: stacks, their resources and events, change sets, exports."""

from ultrafleet.rehearsal.cloudformation.state.proposals import ChangeSet, StackRefactor
from ultrafleet.rehearsal.cloudformation.state.stack import Event, Stack, StackResource, Undo, Unfinished
from ultrafleet.rehearsal.cloudformation.state.stacks import Stacks

__all__ = ["ChangeSet", "Event", "Stack", "StackRefactor", "StackResource", "Stacks", "Undo", "Unfinished"]
