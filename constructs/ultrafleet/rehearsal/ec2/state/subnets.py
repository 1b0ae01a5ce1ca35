"""Subnets that are deleted: their association with a network ACL goes with them, which moto (5.2.5) keeps."""

from functools import cache
from typing import Any

from moto.ec2.models import EC2Backend


@cache
def install() -> None:
    """Add it to moto; a second call does nothing."""
    delete = EC2Backend.delete_subnet

    def delete_subnet(self: Any, subnet_id: str) -> Any:
        deleted = delete(self, subnet_id)
        for acl in self.network_acls.values():
            gone = [key for key, found in acl._associations.items() if found.subnet_id == subnet_id]
            for key in gone:
                del acl._associations[key]
        return deleted

    setattr(EC2Backend, "delete_subnet", delete_subnet)  # noqa: B010 - of another class
