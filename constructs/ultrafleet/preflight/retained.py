"""Resources that outlive an environment's stacks, and which of them go on being billed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ultrafleet.environment import Environment


@dataclass(frozen=True, kw_only=True)
class RetainedResource:
    """Resource that its stack's deletion leaves.

    Attributes:
        type: CloudFormation's name of its type.
        id: its physical id.
        stack: name of the stack.
    """

    type: str
    id: str
    stack: str


_BILLED: Final[Mapping[str, tuple[str, str]]] = {
    "AWS::EC2::CapacityReservation": (
        "all its instances, used or not",
        "aws ec2 cancel-capacity-reservation --capacity-reservation-id {id}",
    ),
    "AWS::FSx::FileSystem": (
        "its storage and throughput; deleting it deletes the files",
        "aws fsx delete-file-system --file-system-id {id}",
    ),
    "AWS::S3::Bucket": (
        "what is stored in it, old versions too; empty it, versions too, before",
        "aws s3api delete-bucket --bucket {id}",
    ),
    "AWS::KMS::Key": (
        "the key; what it encrypted can't be read without it, such as backups of secrets",
        "aws kms schedule-key-deletion --key-id {id}",
    ),
    "AWS::Logs::LogGroup": (
        "what is stored in it, until its retention is over",
        "aws logs delete-log-group --log-group-name {id}",
    ),
    "AWS::SecretsManager::Secret": ("the secret", "aws secretsmanager delete-secret --secret-id {id}"),
}
"""Bill of a retained resource by its type, and the command that stops it. Other types that are retained are free."""


def billed(environment: Environment, retained: Iterable[RetainedResource]) -> Iterator[str]:
    """Lines that say what goes on being billed once the stacks are deleted, each with the command that stops it.

    Args:
        environment: the environment, whose blocks and imported reservations are in no stack.
        retained: resources that its stacks leave.
    """
    order = list(_BILLED)
    for item in sorted((item for item in retained if item.type in _BILLED), key=lambda item: order.index(item.type)):
        what, command = _BILLED[item.type]
        yield _line(item.id, f"{item.type} of {item.stack}", what, command.format(id=item.id))
    what, command = _BILLED["AWS::EC2::CapacityReservation"]
    for reservation in environment.capacity_reservations:
        made_elsewhere = reservation.capacity_reservation_id
        if made_elsewhere is not None:
            yield _line(made_elsewhere, "a reservation made elsewhere", what, command.format(id=made_elsewhere))
    for pool in environment.pools:
        for block in pool.blocks:
            if block.existing_node_group is not None:
                name = block.existing_node_group
                command = f"aws eks delete-nodegroup --cluster-name {environment.cluster_name} --nodegroup-name {name}"
                yield _line(name, f"node group of {pool.name} made elsewhere", "its nodes", command)
            yield (
                f"paid already: {block.capacity_reservation_id} (capacity block of {pool.name}) until "
                f"{block.end:%Y-%m-%d}: a block can't be cancelled, and ends without a command"
            )


def _line(name: str, kind: str, what: str, command: str) -> str:
    return f"still billed: {name} ({kind}): {what}; to stop it: {command}"
