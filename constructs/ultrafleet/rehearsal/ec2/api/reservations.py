"""Operations on capacity reservations."""

from typing import Any, Final

from ultrafleet.catalog.limits import CAPACITY_RESERVATION_INSTANCES
from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered, page
from ultrafleet.rehearsal.ec2.state.instance_types import catalog_type, is_known
from ultrafleet.rehearsal.ec2.state.moto_backend import moment, specified_tags
from ultrafleet.rehearsal.ec2.state.placement_groups import PlacementGroups
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations, new_reservation_id
from ultrafleet.rehearsal.ec2.state.zones import know_zone
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rules.zones import region_of_zone

_FILTERS: Final = (
    "availability-zone",
    "availability-zone-id",
    "end-date",
    "end-date-type",
    "instance-match-criteria",
    "instance-platform",
    "instance-type",
    "owner-id",
    "placement-group-arn",
    "reservation-type",
    "start-date",
    "state",
    "tenancy",
)
_MAX_INSTANCES: Final = CAPACITY_RESERVATION_INSTANCES.value


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("CreateCapacityReservation", create)
    add_operation("DescribeCapacityReservations", describe)
    add_operation("ModifyCapacityReservation", modify)
    add_operation("CancelCapacityReservation", cancel)


def create(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCapacityReservation: active at once."""
    instance_type, zone = params["InstanceType"], params.get("AvailabilityZone")
    count = int(params["InstanceCount"])
    end = moment(params.get("EndDate"))
    limited = params.get("EndDateType", "limited" if end else "unlimited") == "limited"
    _check_what(instance_type, count)
    if not zone or region_of_zone(zone) != region:
        raise Refusal("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    if limited != (end is not None):
        # EC2 API reference, CreateCapacityReservation (high)
        raise Refusal(
            "InvalidParameterCombination",
            "You must provide an EndDate value if EndDateType is limited. Omit EndDate if EndDateType is unlimited.",
        )
    if params.get("StartDate"):
        raise Refusal("Unsupported", f"Future-dated Capacity Reservations are not supported for {instance_type}.")
    group_arn = params.get("PlacementGroupArn")
    if group_arn:
        SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region).for_reservation(group_arn)
    know_zone(zone)
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    reservation = reservations.add(
        CapacityReservation(
            id=new_reservation_id(),
            instance_type=instance_type,
            instance_count=count,
            availability_zone=zone,
            start=SIMULATED_ACCOUNT.now,
            end=end,
            created=SIMULATED_ACCOUNT.now,
            platform=params["InstancePlatform"],
            tenancy=params.get("Tenancy", "default"),
            match_criteria=params.get("InstanceMatchCriteria", "open"),
            placement_group_arn=group_arn,
            ebs_optimized=str(params.get("EbsOptimized", "false")).lower() == "true",
        ),
        tags=specified_tags(params, "capacity-reservation"),
        client_token=params.get("ClientToken", ""),
    )
    return {"CapacityReservation": reservations.answer(reservation)}


def describe(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityReservations."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    ids = params.get("CapacityReservationIds") or list(reservations.by_id)
    answers = filtered((reservations.answer(reservations.get(one)) for one in ids), params, _FILTERS)
    found, token = page(answers, params)
    return {"CapacityReservations": found, "NextToken": token}


def modify(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """ModifyCapacityReservation: count, end and match criteria."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    reservation = _changeable(reservations, params["CapacityReservationId"])
    count = params.get("InstanceCount")
    if count is not None:
        used = reservation.instance_count - reservations.available(reservation)
        if not used <= int(count) <= _MAX_INSTANCES:
            raise Refusal("InvalidParameterValue", f"The instance count {count} is not valid: {used} are in use.")
        reservation.instance_count = int(count)
    end = moment(params.get("EndDate"))
    if params.get("EndDateType") == "unlimited":
        reservation.end = None
    elif end is not None:
        reservation.end = end
    reservation.match_criteria = params.get("InstanceMatchCriteria", reservation.match_criteria)
    return {"Return": True}


def cancel(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """CancelCapacityReservation; instances in it go on as on-demand ones (EC2 API reference, high)."""
    _changeable(
        SIMULATED_ACCOUNT.part(Reservations, account_id, region), params["CapacityReservationId"]
    ).cancelled = True
    return {"Return": True}


def _check_what(instance_type: str, count: int) -> None:
    entry = catalog_type(instance_type)
    if not is_known(instance_type):
        raise Refusal("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    if entry is not None and entry.purchase_options is not None and "on-demand" not in entry.purchase_options:
        # The catalog's purchase options; code and message inferred.
        raise Refusal("Unsupported", f"Capacity Reservations are not supported for {instance_type}.")
    if not 1 <= count <= _MAX_INSTANCES:
        raise Refusal("InvalidParameterValue", f"The instance count {count} is not valid.")


def _changeable(reservations: Reservations, capacity_reservation_id: str) -> CapacityReservation:
    reservation = reservations.get(capacity_reservation_id)
    if reservation.is_block:
        # EC2 user guide, Capacity Blocks for ML: neither modified nor cancelled (high); code and message inferred.
        raise Refusal("OperationNotPermitted", "A Capacity Block can't be modified or canceled.")
    return reservation
