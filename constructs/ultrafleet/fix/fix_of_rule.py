"""Fix of a rule: the edits that repair its findings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ultrafleet.fix.edits import Edit
from ultrafleet.policy.rule import Finding
from ultrafleet.templates.template import Resource, Template


@dataclass(frozen=True)
class Faulty:
    """A resource with findings of one rule.

    Attributes:
        template: the template.
        resource: the resource.
        findings: its findings, which are errors or warnings.
    """

    template: Template
    resource: Resource
    findings: Sequence[Finding]

    @property
    def logical_id(self) -> str:
        """Logical id of the resource."""
        return self.resource.logical_id


@dataclass(frozen=True)
class Fix:
    """A fix.

    Attributes:
        rule: id of the rule.
        does: what it does, for the page of the rules.
        edits: edits for a resource; none where its findings need a person's choice.
        after: what there is to know or to do at the deployment. Default: nothing.
    """

    rule: str
    does: str
    edits: Callable[[Faulty], Iterator[Edit]]
    after: str = ""
