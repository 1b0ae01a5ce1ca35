"""The dashboard as a construct."""

import json
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.monitoring.dashboard_body import dashboard_body


class FleetDashboard(Construct):
    """CloudWatch dashboard of a cluster: nodes, accelerators, EFA, drains, and each pool's reservations.

    Needs the add-on amazon-cloudwatch-observability with its accelerated-compute metrics, which are on by default.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name. The
            dashboard is named after it.
        pools: nodes of the pools.
        reservations: ids of each pool's capacity reservations, blocks or others, by pool name.
        account_reservations: show every reservation of the account and region, too, also those whose ids aren't known.
            Default: False.
    """

    dashboard_name: str
    """Name of the dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        pools: Sequence[PoolNodes],
        reservations: Mapping[str, Sequence[str]],
        account_reservations: bool = False,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        cluster_name = cluster.cluster_name
        self.dashboard_name = f"{cluster_name}-fleet"
        body = dashboard_body(
            cluster_name=cluster_name,
            region=stack.region,
            partition=stack.partition,
            pools=pools,
            reservations=reservations,
            account_reservations=account_reservations,
        )
        cloudwatch.CfnDashboard(
            self,
            "Resource",
            dashboard_name=self.dashboard_name,
            # A template's readers see which widget changed: CloudFormation takes the text as it is.
            dashboard_body=stack.to_json_string(body) if _has_tokens(body) else json.dumps(body, sort_keys=True),
        )


def _has_tokens(body: object) -> bool:
    return "${Token" in json.dumps(body)
