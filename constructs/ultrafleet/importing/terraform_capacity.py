"""Capacity of Terraform's groups: blocks, reservations, on demand."""

from datetime import datetime

from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftPool
from ultrafleet.importing.side_inputs import BlockInput
from ultrafleet.importing.terraform_resources import Resource, Resources, first
from ultrafleet.rules.capacity_block import validate_reservation_id


class CapacityReader:
    """Reader of a group's capacity.

    Args:
        draft: gets the lines and the refusals.
        resources: every resource of the file.
        used: gets the addresses of reservations that became part of a pool.
    """

    def __init__(self, draft: Draft, resources: Resources, used: set[str]) -> None:
        self._draft = draft
        self._resources = resources
        self._used = used

    def read(self, group: Resource, template: Resource | None, pool: DraftPool) -> None:
        """Read how a pool's capacity is bought.

        Args:
            group: its group.
            template: its launch template, where that is found.
            pool: the pool.
        """
        draft = self._draft
        capacity_type = group.values.get("capacity_type")
        stated = (capacity_type.text() or "").upper()
        market = template.block("instance_market_options").get("market_type").text() if template else None
        mixed = group.values.get("mixed_instances_policy")
        if stated == "SPOT" or market == "spot" or mixed:
            draft.refuse(
                capacity_type if stated == "SPOT" else pool.place,
                "capacity blocks, an on-demand reservation, or on demand",
                f"accelerators are not run on spot here: take it out, or leave the group out: --without {pool.name}",
                got=None if stated == "SPOT" else "on spot, or of mixed instances",
            )
        if stated == "CAPACITY_BLOCK" or market == "capacity-block" or pool.instance_type.is_ultraserver_member:
            pool.purchase = "block"
        if template is None:
            return
        specification = template.block("capacity_reservation_specification")
        target = first(specification.get("capacity_reservation_target"))
        identifier = target.get("capacity_reservation_id")
        arn = target.get("capacity_reservation_resource_group_arn")
        if identifier:
            pool.reservation_id = groups.reservation_id(draft, identifier, optional=pool.purchase == "block")
            if pool.purchase != "block":
                pool.purchase = "reservation"
        self._made_with(template, pool)
        if arn:
            groups.reservation_group(draft, arn, pool)

    def _made_with(self, template: Resource, pool: DraftPool) -> None:
        """Reservation that the same file makes or knows: its count, its zone, the times of a block."""
        known = self._resources.read_of("aws_ec2_capacity_reservation", "aws_ec2_capacity_block_reservation")
        found = [item for item in known if pool.reservation_id and item.values.get("id").value == pool.reservation_id]
        found = found or self._resources.referred(template, "capacity_reservation_specification", known)
        if len(found) != 1:
            return
        reservation = found[0]
        self._used.add(reservation.address)
        zone = reservation.values.get("availability_zone").text()
        if zone:
            pool.zones = (zone,)
        count = reservation.values.get("instance_count").number()
        if reservation.type == "aws_ec2_capacity_block_reservation":
            pool.purchase = "block"
            pool.wants_block = f"bought by {reservation.address}, and its times and id are known after apply"
            pool.block = _bought(reservation, count)
            return
        pool.purchase = "reservation"
        pool.reserved = count
        if pool.reservation_id is None:
            text = reservation.values.get("id").text()
            pool.reservation_id = text
            if text is None:
                self._draft.note(
                    reservation.values.place, "a reservation like it is made here; take it out of Terraform first"
                )


def _bought(reservation: Resource, count: int | None) -> BlockInput | None:
    """Block of a state, whose id and times are known."""
    identifier = reservation.values.get("id").text()
    moments = []
    for key in ("start_date", "end_date"):
        try:
            moments.append(datetime.fromisoformat(reservation.values.get(key).text() or ""))
        except ValueError:
            return None
    if identifier is None or count is None or any(moment.tzinfo is None for moment in moments):
        return None
    try:
        validate_reservation_id(identifier)
    except ValueError:
        return None
    return BlockInput(
        pool_name=None, capacity_reservation_id=identifier, instance_count=count, start=moments[0], end=moments[1]
    )
