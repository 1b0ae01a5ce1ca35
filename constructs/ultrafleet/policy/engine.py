"""All rules, over any templates."""

from collections.abc import Iterable

from ultrafleet.policy import (
    access_rules,
    addon_rules,
    block_metadata_rules,
    capacity_rules,
    cluster_access_rules,
    efa_rules,
    encryption_rules,
    escalation_rules,
    function_rules,
    image_rules,
    key_rules,
    launch_rules,
    limit_rules,
    managed_node_rules,
    network_rules,
    node_config_rules,
    node_group_rules,
    node_group_update_rules,
    order_rules,
    other_fleet_rules,
    pod_identity_rules,
    port_rules,
    reservation_rules,
    reservation_use_rules,
    rolling_rules,
    schedule_rules,
    service_value_rules,
    storage_rules,
    subnet_rules,
    unread_rules,
    user_data_rules,
    version_rules,
)
from ultrafleet.policy.defaults import told_with_defaults
from ultrafleet.policy.rule import Finding, PolicyRule, Problem, Severity
from ultrafleet.templates.template import Template

RULES: tuple[PolicyRule, ...] = (
    *launch_rules.RULES,
    *efa_rules.RULES,
    *capacity_rules.RULES,
    *reservation_rules.RULES,
    *reservation_use_rules.RULES,
    *node_group_rules.RULES,
    *node_group_update_rules.RULES,
    *rolling_rules.RULES,
    *managed_node_rules.RULES,
    *image_rules.RULES,
    *node_config_rules.RULES,
    *user_data_rules.RULES,
    *other_fleet_rules.RULES,
    *schedule_rules.RULES,
    *order_rules.RULES,
    *version_rules.RULES,
    *network_rules.RULES,
    *subnet_rules.RULES,
    *port_rules.RULES,
    *cluster_access_rules.RULES,
    *storage_rules.RULES,
    *encryption_rules.RULES,
    *key_rules.RULES,
    *access_rules.RULES,
    *escalation_rules.RULES,
    *pod_identity_rules.RULES,
    *addon_rules.RULES,
    *service_value_rules.RULES,
    *function_rules.RULES,
    *block_metadata_rules.RULES,
    *unread_rules.RULES,
    *limit_rules.RULES,
)
"""Every rule, in the order in which they are documented."""


def check_templates(templates: Iterable[Template]) -> list[Finding]:
    """Findings of all rules, in the order of templates, resources and rules.

    Raises:
        FleetError: a rule can't read a template, or its functions make more than a template holds.
    """
    found = []
    for template in templates:
        order = {logical_id: number for number, logical_id in enumerate(template.resources)}
        problems = [(rule, problem) for rule in RULES for problem in dict.fromkeys(rule.problems(template))]
        problems = told_with_defaults(template, _once(problems))
        of_template = [
            Finding(
                file=template.name,
                resource=problem.resource,
                rule=rule.id,
                severity=problem.severity or rule.severity,
                message=problem.message,
                line=template.line_of(problem.resource),
            )
            for rule, problem in problems
        ]
        found += sorted(of_template, key=lambda item: order.get(item.resource, -1))
    return found


def _once(problems: list[tuple[PolicyRule, Problem]]) -> list[tuple[PolicyRule, Problem]]:
    """Problems without those that only follow from a function that can't be read: that is an error of its own."""
    unreadable = {problem.resource for rule, problem in problems if rule.id == function_rules.RULES[0].id}
    return [
        (rule, problem)
        for rule, problem in problems
        if not (
            problem.severity is Severity.UNKNOWN
            and problem.resource in unreadable
            and problem.message.endswith("can't be read)")
        )
    ]
