"""AWS's managed policies in the embedded IAM: read once for a process, where moto reads them for each account."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.settings import load_iam_aws_managed_policies


@cache
def install() -> None:
    """Replace moto's reading; a second call does nothing."""
    getattr(IAMBackend, "_init_aws_policies")  # noqa: B009 - it must exist
    setattr(IAMBackend, "_init_aws_policies", _of_backend)  # noqa: B010 - a method of moto's


def _of_backend(backend: IAMBackend) -> list[AWSManagedPolicy]:
    """Policies of a backend, its own objects: it counts what they are attached to."""
    if not load_iam_aws_managed_policies():
        return []
    given: dict[str, Any] = {"account_id": backend.account_id, "region": backend.region_name}
    kind: Any = AWSManagedPolicy  # abstract to type checkers alone
    return [kind(**given, **stated) for stated in _stated()]


@cache
def _stated() -> tuple[dict[str, Any], ...]:
    """Arguments of every policy, as `AWSManagedPolicy.from_data` takes them from moto's file."""
    return tuple(
        {
            "name": name,
            "default_version_id": data.get("DefaultVersionId"),
            "path": data.get("Path"),
            "document": json.dumps(data.get("Document")),
            "create_date": datetime.fromisoformat(data["CreateDate"]),
            "update_date": datetime.fromisoformat(data["UpdateDate"]),
        }
        for name, data in json.loads(aws_managed_policies_data).items()
    )
