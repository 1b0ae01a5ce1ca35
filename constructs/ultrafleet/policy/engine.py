"""All rules, over any templates."""

from collections.abc import Iterable

from ultrafleet.policy import (
    access_rules,
    capacity_rules,
    encryption_rules,
    image_rules,
    launch_rules,
    limit_rules,
    managed_node_rules,
    network_rules,
    node_config_rules,
    node_group_rules,
    node_group_update_rules,
    reservation_rules,
    schedule_rules,
    storage_rules,
    version_rules,
)
from ultrafleet.policy.rule import Finding, PolicyRule
from ultrafleet.templates.template import Template

RULES: tuple[PolicyRule, ...] = (
    *launch_rules.RULES,
    *capacity_rules.RULES,
    *reservation_rules.RULES,
    *node_group_rules.RULES,
    *node_group_update_rules.RULES,
    *managed_node_rules.RULES,
    *image_rules.RULES,
    *node_config_rules.RULES,
    *schedule_rules.RULES,
    *version_rules.RULES,
    *network_rules.RULES,
    *storage_rules.RULES,
    *encryption_rules.RULES,
    *access_rules.RULES,
    *limit_rules.RULES,
)
"""Every rule, in the order in which they are documented."""


def check_templates(templates: Iterable[Template]) -> list[Finding]:
    """Findings of all rules, in the order of templates, resources and rules."""
    found = []
    for template in templates:
        order = {logical_id: number for number, logical_id in enumerate(template.resources)}
        of_template = [
            Finding(
                file=template.name,
                resource=problem.resource,
                rule=rule.id,
                severity=problem.severity or rule.severity,
                message=problem.message,
                line=template.line_of(problem.resource),
            )
            for rule in RULES
            for problem in rule.check(template)
        ]
        found += sorted(of_template, key=lambda item: order.get(item.resource, -1))
    return found
