"""RunInstances: launches from templates, into reservations and of accelerated types, checked by the rules."""

from typing import Any, Final, Literal

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.ec2.utils import filter_dict_attribute_mapping

from ultrafleet.rehearsal.ec2.engine.launch import about, launched
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest
from ultrafleet.rehearsal.ec2.state.instance_types import architectures, catalog_type
from ultrafleet.rehearsal.ec2.state.instances import terminate
from ultrafleet.rehearsal.ec2.state.moto_backend import backend, specified_tags
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_NOT_OF_A_TEMPLATE: Final = ("ClientToken", "DryRun", "LaunchTemplate", "MaxCount", "MinCount", "SubnetId")
_SHOWN: Final = {
    "capacity-reservation-id": "capacity_reservation_id",
    "instance-lifecycle": "lifecycle",
    "placement-group-name": "placement.group_name",
}
"""Filters of DescribeInstances that moto lacks, and where the values are."""


def install() -> None:
    """Check launches from a template, into a reservation or of an accelerated type by the rules, once."""
    if hasattr(EC2Response, "_ultrafleet_launches"):
        return
    EC2Response._ultrafleet_launches = True  # type: ignore[attr-defined]
    filter_dict_attribute_mapping.update(_SHOWN)
    plain = EC2Response.run_instances

    def run_instances(self: Any) -> ActionResult:
        params = dict(self._get_params())
        if not _has_rules(params):
            SIMULATED_ACCOUNT.check_call("ec2", "RunInstances", params)
            return plain(self)
        return ActionResult(run(self.current_account, self.region, params))

    EC2Response.run_instances = run_instances  # type: ignore[method-assign]  # this is how moto is extended


def run(account_id: str, region: str, params: dict[str, Any]) -> Any:
    """RunInstances: as many instances as there is room for, from MinCount to MaxCount.

    Raises:
        Refusal: an injected fault, or a rule of EC2 before MinCount instances were there; then none is.
    """
    request = _request(account_id, region, params)
    least, most = int(params.get("MinCount", 1)), int(params.get("MaxCount", params.get("MinCount", 1)))
    SIMULATED_ACCOUNT.check_call("ec2", "RunInstances", {**params, **about(request)})
    if str(params.get("DryRun", "false")).lower() == "true":
        raise Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    instances: list[Any] = []
    try:
        while len(instances) < most:
            instances.append(launched(request))
    except Refusal:
        if len(instances) < least:
            terminate(account_id, region, [item.id for item in instances], reason="The launch was refused")
            raise
    return _together(account_id, region, instances)


def _has_rules(params: dict[str, Any]) -> bool:
    if params.get("LaunchTemplate") or params.get("CapacityReservationSpecification"):
        return True
    return bool(params.get("InstanceMarketOptions")) or catalog_type(params.get("InstanceType", "")) is not None


def _request(account_id: str, region: str, params: dict[str, Any]) -> LaunchRequest:
    store = backend(account_id, region)
    chosen = params.get("LaunchTemplate")
    data = _template_data(store, chosen) if chosen else {}
    given = {key: value for key, value in params.items() if key not in _NOT_OF_A_TEMPLATE}
    template = {**data, **given}
    interfaces = template.get("NetworkInterfaces") or []
    if interfaces and params.get("SubnetId"):
        # As EC2 words it, and moto.
        raise Refusal(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level subnet ID may not be specified on the same request",
        )
    named = (item["SubnetId"] for item in interfaces if item.get("SubnetId"))
    instance_type = template.get("InstanceType", "m1.small")
    return LaunchRequest(
        account_id=account_id,
        region=region,
        template=template,
        instance_type=instance_type,
        subnet_id=params.get("SubnetId") or next(named, None) or _default_subnet(store, template),
        ami_architecture=_architecture(store, template.get("ImageId"), instance_type),
        tags={**specified_tags(data, "instance"), **_template_tags(store, chosen)},
    )


def _template(store: Any, chosen: dict[str, Any]) -> Any:
    if chosen.get("LaunchTemplateId"):
        return store.get_launch_template(chosen["LaunchTemplateId"])
    return store.get_launch_template_by_name(chosen["LaunchTemplateName"])


def _template_data(store: Any, chosen: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = _version(store, chosen).data
    return {key: value for key, value in data.items() if value is not None}


def _version(store: Any, chosen: dict[str, Any]) -> Any:
    return _template(store, chosen).get_version(chosen.get("Version") or "$Default")


def _template_tags(store: Any, chosen: dict[str, Any] | None) -> dict[str, str]:
    if not chosen:
        return {}
    version = _version(store, chosen)
    return {
        "aws:ec2launchtemplate:id": version.template.id,
        "aws:ec2launchtemplate:version": str(version.number),
    }


def _default_subnet(store: Any, template: dict[str, Any]) -> str:
    subnets = store.get_default_subnets()
    zone = (template.get("Placement") or {}).get("AvailabilityZone")
    if zone is None and subnets:
        zone = min(subnets)
    if zone not in subnets:
        raise Refusal("MissingInput", f"No default subnet for availability zone: '{zone}'.")
    return str(subnets[zone].id)


def _architecture(store: Any, image_id: str | None, instance_type: str) -> Literal["arm64", "x86_64"]:
    image = store.amis.get(image_id or "")
    if image is not None:
        return "arm64" if image.architecture == "arm64" else "x86_64"
    # Moto launches images that it doesn't know; they fit, then.
    return "arm64" if architectures(instance_type) == ("arm64",) else "x86_64"


def _together(account_id: str, region: str, instances: list[Any]) -> Any:
    """One reservation (of the other kind: instances launched together) for what moto launched one by one."""
    store = backend(account_id, region)
    ids = {instance.id for instance in instances}
    held = [item for item in store.reservations.values() if any(one.id in ids for one in item.instances)]
    first = held[0]
    for index, instance in enumerate(instances):
        instance.ami_launch_index = index
    first.instances = instances
    for item in held[1:]:
        del store.reservations[item.id]
    return first
