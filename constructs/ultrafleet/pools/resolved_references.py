"""References that pools share, resolved once, since each resolution is a round trip to Node."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ultrafleet.cluster_reference import ClusterReference, cluster_security_group_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam


@dataclass(frozen=True, kw_only=True)
class ImportedSubnet:
    """A subnet by plain values, for stacks that import nothing else of it.

    Attributes:
        subnet_id: its id; a plain id or a token.
        availability_zone: its zone, Availability Zone or Local Zone.
        ipv4_cidr_block: its CIDR, with which synthesis checks that the nodes find room. Default: not checked.
    """

    subnet_id: str
    availability_zone: str
    ipv4_cidr_block: str | None = None


@dataclass(frozen=True, kw_only=True)
class ResolvedReferences:
    """Plain values and tokens of a cluster, a subnet and security groups.

    Attributes:
        cluster_name: name of the cluster.
        security_group_ids: the cluster's own and the others.
        subnet_id: the subnet.
        zone: its zone; None where it was imported without one.
        cidr: its CIDR; None where it was imported without one.
    """

    cluster_name: str
    security_group_ids: tuple[str, ...]
    subnet_id: str
    zone: str | None
    cidr: str | None


def read_shared(
    cluster: ClusterReference,
    subnet: "ec2.ISubnet | ImportedSubnet",
    security_groups: "Sequence[ec2.ISecurityGroup | str]",
) -> ResolvedReferences:
    """Read them once: they never change while the constructs exist."""
    # jsii's interfaces don't say so, but constructs hash by identity.
    return _read(cluster, subnet, tuple(security_groups))  # type: ignore[arg-type]


def role_arn(role: "iam.IRole | str") -> str:
    """ARN of a role, of which it may be all that is known."""
    return role if isinstance(role, str) else _role_arn(role)  # type: ignore[arg-type]


@lru_cache(maxsize=16)
def _role_arn(role: "iam.IRole") -> str:
    return role.role_arn


@lru_cache(maxsize=64)
def _read(
    cluster: ClusterReference,
    subnet: "ec2.ISubnet | ImportedSubnet",
    security_groups: "tuple[ec2.ISecurityGroup | str, ...]",
) -> ResolvedReferences:
    return ResolvedReferences(
        cluster_name=cluster.cluster_name,
        security_group_ids=(
            cluster_security_group_id(cluster),
            *(group if isinstance(group, str) else group.security_group_id for group in security_groups),
        ),
        subnet_id=subnet.subnet_id,
        zone=_if_stated(subnet, "availability_zone"),
        cidr=_if_stated(subnet, "ipv4_cidr_block"),
    )


def _if_stated(subnet: "ec2.ISubnet | ImportedSubnet", attribute: str) -> str | None:
    try:
        value = getattr(subnet, attribute)
        return None if value is None else str(value)
    except RuntimeError:
        return None  # CDK raises for what an imported subnet was not given
