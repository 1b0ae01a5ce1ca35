"""Roles that EKS and EC2 Auto Scaling make at their first use, and act with."""

import json

from moto.iam.models import iam_backends

from ultrafleet.catalog.eks import SERVICE_LINKED_ROLES
from ultrafleet.rehearsal.eks.state import Eks


def make_service_linked_roles(eks: Eks, *services: str) -> None:
    """Make the roles of services, where the account doesn't have them yet.

    Args:
        eks: EKS of the account.
        services: names such as `eks.amazonaws.com`.
    """
    backend = iam_backends[eks.account_id]["aws"]
    for role in SERVICE_LINKED_ROLES:
        service, name = role.split("/")
        if service in services and all(known.name != name for known in backend.roles.values()):
            trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
            backend.create_role(
                name,
                json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
                f"/aws-service-role/{service}/",
                permissions_boundary=None,
                description="",
                tags=[],
                max_session_duration="3600",
                linked_service=service,
            )
