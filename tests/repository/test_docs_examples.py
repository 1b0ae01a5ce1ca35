"""The Python examples of the construct pages run as they stand, in a stack that has what they talk about."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from helpers.common import SERVICE_TOKEN
from helpers.fleet import Site
from helpers.workloads import h200, rack
from ultrafleet.cluster import ImportedCluster
from ultrafleet.delivery import KubectlAccess
from ultrafleet.kubernetes import UNPROVEN_TAINT
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.queueing import fleet_flavors
from ultrafleet.schedule import BlockSchedule

PAGES = Path(__file__).parent.parent.parent / "docs" / "constructs"


def blocks(page: str) -> list[str]:
    return [part.split("```")[0] for part in (PAGES / f"{page}.md").read_text().split("```python\n")[1:]]


@pytest.mark.parametrize("page", ["cluster-addons", "training", "inference", "delivery", "monitoring"])
def test_examples_run(page: str, stack: cdk.Stack, site: Site) -> None:
    delivery = KubectlAccess.from_service_token(
        stack, "Elsewhere", cluster=ImportedCluster(cluster_name="prod"), service_token=SERVICE_TOKEN
    )
    names: dict[str, Any] = {
        "self": stack,
        "cluster": ImportedCluster(cluster_name="research", cluster_security_group_id="sg-0aaaaaaaaaaaaaaa1"),
        "vpc": ec2.Vpc(stack, "AVpc", max_azs=2),
        "cluster_security_group": site.efa,
        "efa": SimpleNamespace(security_group=site.efa),
        "subnet": site.regular,
        "data": s3.Bucket.from_bucket_name(stack, "Data", "data"),
        "access": SimpleNamespace(delivery=delivery),
        "rack": SimpleNamespace(kubernetes_nodes=rack(startup_taints=(UNPROVEN_TAINT,))),
        "platform": SimpleNamespace(flavors=fleet_flavors([rack(efa_driver=EfaDriver.DRA)])),
        "h200": SimpleNamespace(kubernetes_nodes=h200()),
        "schedule": BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="research")),
    }
    examples = blocks(page)
    assert examples
    for number, example in enumerate(examples):
        exec(compile(example, f"{page}-{number}", "exec"), names)  # noqa: S102 - our own pages
    assert Template.from_stack(stack).to_json()["Resources"]
