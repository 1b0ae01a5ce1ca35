"""Policy for CloudFormation templates of any author: rules of accelerated fleets, each with its source. No aws_cdk."""

from ultrafleet.policy.acknowledgement import Acknowledgement, acknowledge, read_acknowledgements
from ultrafleet.policy.baseline import BaselineEntry, HeldToBaseline, baseline_of, held_to_baseline, read_baseline
from ultrafleet.policy.engine import RULES, check_templates
from ultrafleet.policy.rule import Finding, PolicyRule, Problem, Severity
from ultrafleet.templates.parsing import parse_template
from ultrafleet.templates.reading import read_templates
from ultrafleet.templates.template import Template

__all__ = [
    "RULES",
    "Acknowledgement",
    "BaselineEntry",
    "Finding",
    "HeldToBaseline",
    "PolicyRule",
    "Problem",
    "Severity",
    "Template",
    "acknowledge",
    "baseline_of",
    "check_templates",
    "held_to_baseline",
    "parse_template",
    "read_acknowledgements",
    "read_baseline",
    "read_templates",
]
