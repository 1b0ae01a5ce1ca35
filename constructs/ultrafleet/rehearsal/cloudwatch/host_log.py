"""Kernel lines of nodes as the CloudWatch add-on's Fluent Bit sends them to the host log group."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ultrafleet.catalog.eks import AddonName, host_log_group
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_STREAMS: Final = ("dmesg", "messages")
"""Streams of a node that a kernel line is sent to (aws-observability/helm-charts, host-log.conf, high)."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Line of a log group.

    Attributes:
        moment: when it was written.
        log_group: name of the log group.
        log_stream: name of the log stream.
        message: the log event.
    """

    moment: datetime
    log_group: str
    log_stream: str
    message: str


class HostLog:
    """Kernel lines of the nodes of an account and region.

    They are kept here and not by moto, which drops events that aren't of its own time.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.lines: list[Line] = []

    def write(self, cluster_name: str, instance_id: str, text: str) -> None:
        """Write a kernel line of a node; without the add-on in its cluster it stays on the node.

        Args:
            cluster_name: the node's cluster.
            instance_id: the node's instance.
            text: the kernel's text, as dmesg shows it without its time.
        """
        cluster = SIMULATED_ACCOUNT.part(Eks, self.account_id, self.region).clusters[cluster_name]
        if AddonName.CLOUDWATCH_OBSERVABILITY not in cluster.addons:
            return
        call = Calls(account_id=self.account_id, region=self.region)
        found = call("ec2", "describe_instances", InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        event = {
            "ident": "kernel",
            "host": found["PrivateDnsName"],
            "message": text,
            "az": found["Placement"]["AvailabilityZone"],
            "ec2_instance_id": instance_id,
        }
        self.lines += [
            Line(
                moment=SIMULATED_ACCOUNT.now,
                log_group=host_log_group(cluster_name),
                log_stream=f"{found['PrivateDnsName']}.host.{stream}",
                message=json.dumps(event),
            )
            for stream in _STREAMS
        ]
