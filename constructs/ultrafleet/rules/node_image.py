"""Custom image of a node, with the user data that EKS doesn't merge for it."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.rules.node_volume import ROOT_DEVICE

_IMAGE: Final = re.compile(r"ami-[0-9a-f]{8,17}")
_TOKEN: Final = "${Token["  # noqa: S105 - how CDK spells a value that is known at deployment


@dataclass(frozen=True, kw_only=True)
class NodeImage:
    """AMI of your own, for which EKS merges nothing into the user data (EKS user guide, launch templates, high).

    An image that was built by the recipes of EKS (nodeadm on Amazon Linux 2023) takes the cluster's facts, and the
    library writes its user data. Any other image takes `user_data` of its own, and none of the settings that nodeadm
    would read.

    Attributes:
        image_id: `ami-…`, of the architecture of the nodes, with the driver of their accelerators; or a token.
        api_server_endpoint: address of the cluster's API server. Default: none.
        certificate_authority: its certificate, base64, as `aws eks describe-cluster` shows it. Default: none.
        service_cidr: its service CIDR, IPv4. Default: none.
        user_data: the whole user data, plain text. Default: none, the library writes it.
        root_device_name: root device of the image. Default: that of EKS's images.

    Raises:
        FleetError: a malformed id or CIDR, or neither or both of the cluster's facts and `user_data`.
    """

    image_id: str
    api_server_endpoint: str | None = None
    certificate_authority: str | None = None
    service_cidr: str | None = None
    user_data: str | None = None
    root_device_name: str = ROOT_DEVICE

    def __post_init__(self) -> None:
        if _TOKEN not in self.image_id and not _IMAGE.fullmatch(self.image_id):
            raise FleetError(
                path="image_id",
                got=repr(self.image_id),
                expected="ami- and 8 to 17 hexadecimal digits",
                remedy="copy the id that `aws ec2 describe-images` shows",
            )
        facts = (self.api_server_endpoint, self.certificate_authority, self.service_cidr)
        stated = [fact for fact in facts if fact is not None]
        if (self.user_data is None and len(stated) < len(facts)) or (self.user_data is not None and stated):
            raise FleetError(
                path=f"image {self.image_id}",
                verb="has",
                got=f"{'' if self.user_data is not None else 'no '}user_data and {len(stated)} of the cluster's facts",
                expected="user_data alone, or api_server_endpoint, certificate_authority and service_cidr",
                remedy="`aws eks describe-cluster` shows them; EKS adds nothing to the user data of a custom image",
            )
        if self.service_cidr is not None and _TOKEN not in self.service_cidr:
            try:
                ipaddress.IPv4Network(self.service_cidr)
            except ValueError as error:
                raise FleetError(
                    path="service_cidr",
                    got=repr(self.service_cidr),
                    expected="an IPv4 CIDR such as 10.100.0.0/16",
                    remedy="copy serviceIpv4Cidr of the cluster",
                ) from error

    def refuse_beside(self, stated: Sequence[str]) -> None:
        """Refuse settings that would be written into user data which is the image's own.

        Args:
            stated: names of the settings that nodeadm would read.

        Raises:
            FleetError: there is one, and the image has `user_data`.
        """
        if self.user_data is not None and stated:
            raise FleetError(
                path=", ".join(stated),
                got=f"stated beside user_data of image {self.image_id}",
                expected="user_data alone: nothing else is written into it",
                remedy="leave it out, or let the library write the user data",
            )

    def cluster_details(self, cluster_name: str) -> dict[str, object]:
        """Cluster as nodeadm reads it.

        Args:
            cluster_name: name of the cluster.
        """
        return {
            "name": cluster_name,
            "apiServerEndpoint": self.api_server_endpoint,
            "certificateAuthority": self.certificate_authority,
            "cidr": self.service_cidr,
        }
