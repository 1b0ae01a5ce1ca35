"""Findings of cdk-nag that were read and accepted, each with its reason."""

import aws_cdk as cdk


def acknowledge(stage: cdk.Stage) -> None:
    """Acknowledge, by construct path, what the rules object to and why it stays."""
