"""Public parameters of Systems Manager with the newest releases of EKS's images, and their ids."""

from typing import Final

from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS, AmiType, ami_release_parameter
from ultrafleet.rehearsal.ec2.state.images import eks_images
from ultrafleet.rehearsal.eks.api.node_groups import image_release
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_TYPES: Final = [item for item in AmiType if item.startswith("AL2023_")]


class ImageReleases:
    """Releases of images that were changed, by their parameters; None is none."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.changed: dict[str, str | None] = {}


def install() -> None:
    """Let GetParameter answer for the images of every Kubernetes version that the catalog knows."""
    releases = {
        ami_release_parameter(item, version.name): image_release(version.name)
        for item in _TYPES
        for version in KUBERNETES_VERSIONS
    }
    releases |= {parameter: image_id for parameter, (image_id, _) in eks_images().items()}
    plain = SimpleSystemManagerBackend.get_parameter

    def get_parameter(self: SimpleSystemManagerBackend, name: str) -> Parameter | None:
        if name not in releases:
            return plain(self, name)
        changed = SIMULATED_ACCOUNT.part(ImageReleases, self.account_id, self.region_name).changed
        value = changed.get(name, releases[name])
        return None if value is None else _parameter(self.account_id, name, value)

    SimpleSystemManagerBackend.get_parameter = get_parameter  # type: ignore[method-assign]  # this is how moto is extended


def _parameter(account_id: str, name: str, value: str) -> Parameter:
    return Parameter(  # type: ignore[abstract]  # moto makes them, too
        account_id=account_id,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=SIMULATED_ACCOUNT.now,
        version=1,
        data_type="text",
    )
