"""Programme file as pydantic models: targets, sites, contracted deliveries, assumptions, limits."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.catalog import UltraServerType
from ultrafleet.environment.fields import Account, Name, Region, Settings, Zone
from ultrafleet.environment.target_settings import (
    CapacityCount,
    SoldType,
    SoldTypeName,
    TargetSettings,
    Workload,
    check_targets,
    sold_type,
)
from ultrafleet.errors import FleetError
from ultrafleet.programme.fleet_settings import FleetSettings
from ultrafleet.programme.raised_limits import LimitSettings
from ultrafleet.programme.slip import SlipSettings
from ultrafleet.rules.zones import is_local_zone, region_of_zone

UsdPerHour = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Basis(Settings):
    """Basis of figures: a source, or an assumption that is marked as one."""

    source: str | None = Field(default=None, min_length=1)
    """Source of the figures."""
    assumption: str | None = Field(default=None, min_length=1)
    """Marks figures that are assumed, and says why they are."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.source is None) == (self.assumption is None):
            raise FleetError(
                path="figures",
                verb="have",
                got="neither source nor assumption" if self.source is None else "source and assumption",
                expected="one of them",
                remedy="state where they are from, or that they are assumed and why",
            )
        return self


class SiteSettings(Settings):
    """Site: a place where capacity is delivered or bought."""

    name: Name
    region: Region
    zone: Zone | None = None
    """Availability Zone or Local Zone. Default: it isn't known yet."""
    account: Account | None = None
    """Account that buys there; an UltraServer block can't be shared. Default: it isn't known yet."""
    platform_zones: list[Zone] = []
    """Availability Zones of the region for the control planes and system nodes of the site's cells, two or more.
    Default: they aren't known yet."""

    @model_validator(mode="after")
    def _zone_is_there(self) -> Self:
        for zone in (*([self.zone] if self.zone is not None else []), *self.platform_zones):
            if region_of_zone(zone) != self.region:
                raise FleetError(path=f"site {self.name}", got=f"in {zone}", expected=f"a zone of {self.region}")
        for zone in self.platform_zones:
            if is_local_zone(zone) or self.platform_zones.count(zone) > 1:
                raise FleetError(
                    path=f"platform_zones of site {self.name}",
                    verb="have",
                    got=zone if is_local_zone(zone) else f"{zone} twice",
                    expected="Availability Zones, each once",
                    remedy="an EKS cluster can't be made in a Local Zone",
                )
        return self


class TrancheSettings(CapacityCount, Basis):
    """Tranche: a contracted delivery of capacity, which may slip."""

    name: Name
    site: str
    """Name of one of the sites."""
    workload: Workload
    type: SoldTypeName
    delivery: date
    """Contracted day, from 11:30 UTC on."""
    end: date | None = None
    """Day until which it is there. Default: the programme's end."""
    usd_per_hour: UsdPerHour | None = None
    """USD an hour of one UltraServer or instance, from the delivery on. Default: its cost isn't counted."""
    fabric: Literal["efa", "roce"] | None = None
    """Network between its UltraServers. Default: the only one of the type; in cells P6e-GB300 needs it stated."""
    slip: SlipSettings
    slips_with: str | None = None
    """Name of another tranche whose luck it shares: both slip by the same part of their distributions."""

    @property
    def sold(self) -> SoldType:
        """Type that is delivered."""
        return sold_type(self.type)

    @property
    def count(self) -> int:
        """Number of UltraServers or instances."""
        return self.units(self.sold)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            self.units(self.sold)
        except FleetError as error:
            raise error.within(f"tranche {self.name}") from None
        if self.end is not None and self.end <= self.delivery:
            raise FleetError(
                path=f"end of tranche {self.name}",
                got=self.end,
                expected=f"a day after its delivery {self.delivery}",
                remedy="correct one of them",
            )
        return self


class LaterBlocksSettings(CapacityCount, Basis):
    """Capacity blocks that aren't on offer yet, with a price that is assumed for them."""

    type: SoldTypeName
    site: str | None = None
    """Name of one of the sites. Default: none in particular."""
    usd_per_hour: UsdPerHour
    """USD an hour of one UltraServer or instance."""
    start: date | None = None
    """First day. Default: from today on."""
    end: date | None = None
    """Day after the last. Default: the programme's end."""

    @property
    def sold(self) -> SoldType:
        """Type that is bought."""
        return sold_type(self.type)

    @property
    def count(self) -> int:
        """UltraServers or instances that can be had at once, at most."""
        return self.units(self.sold)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.units(self.sold)
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise FleetError(path="end", got=self.end, expected=f"a day after the start {self.start}")
        return self


class ReservationSupplySettings(LaterBlocksSettings):
    """On-demand capacity reservations that are expected to be had, of a family that has them."""

    @model_validator(mode="after")
    def _has_reservations(self) -> Self:
        sold = self.sold
        if isinstance(sold, UltraServerType) or not sold.supports_on_demand_capacity_reservation:
            raise FleetError(
                path="type",
                got=self.type,
                expected="a type for which AWS documents on-demand capacity reservations",
                remedy="plan it with blocks or deliveries",
            )
        return self


class Programme(Settings):
    """Programme: targets over years, and what is contracted and assumed for them."""

    name: Name
    """From the file's name."""
    start: date
    """First day that is planned."""
    end: date
    """Day after the last that is planned."""
    currency: Literal["USD"] = "USD"
    """Currency of every price in the file."""
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Sum that the programme may cost."""
    environments: list[Name] = []
    """Environment files whose blocks, reservations and targets belong to the programme."""
    sites: list[SiteSettings] = []
    targets: list[TargetSettings] = []
    tranches: list[TrancheSettings] = []
    later_blocks: list[LaterBlocksSettings] = []
    on_demand_reservations: list[ReservationSupplySettings] = []
    limits: LimitSettings = LimitSettings()
    fleet: FleetSettings | None = None
    """Cells that the contracted UltraServers become. Default: the programme is planned only."""
    assumptions: list[str] = []
    """Further assumptions, as sentences that the plan repeats."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.end <= self.start:
            raise FleetError(
                path="end", got=self.end, expected=f"a day after the start {self.start}", remedy="correct one of them"
            )
        check_targets(self.targets)
        for where, names in (
            ("sites", [item.name for item in self.sites]),
            ("tranches", [item.name for item in self.tranches]),
            ("environments", self.environments),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise FleetError(path=where, verb="have", got=f"{name!r} twice", expected="each name once")
        self._check_places()
        self._check_slips()
        for target in self.targets:
            if not self.start <= target.steps[0].start or target.end > self.end:
                raise FleetError(
                    path=f"target {target.name}",
                    verb="lasts",
                    got=f"{target.steps[0].start} to {target.end}",
                    expected=f"days of the programme, {self.start} to {self.end}",
                    remedy="correct one of them",
                )
        return self

    def _check_places(self) -> None:
        sites = [site.name for site in self.sites]
        users = [
            *((f"tranche {item.name}", item.site) for item in self.tranches),
            *((f"later_blocks of {item.type}", item.site) for item in self.later_blocks),
            *((f"on_demand_reservations of {item.type}", item.site) for item in self.on_demand_reservations),
        ]
        for user, site in users:
            if site is not None and site not in sites:
                raise FleetError(
                    path=user, verb="names", got=f"site {site!r}", expected=f"one of {', '.join(sites) or '(none)'}"
                )

    def _check_slips(self) -> None:
        tranches = {tranche.name: tranche for tranche in self.tranches}
        for tranche in self.tranches:
            other = tranches.get(tranche.slips_with or tranche.name)
            if other is None or (tranche.slips_with is not None and other.slips_with is not None):
                raise FleetError(
                    path=f"slips_with of tranche {tranche.name}",
                    got=repr(tranche.slips_with),
                    expected="the name of a tranche that slips on its own",
                    remedy="name that one",
                )
            if not tranche.slip.is_bounded:
                self._refuse_certainty(tranche)

    def _refuse_certainty(self, tranche: TrancheSettings) -> None:
        for target in self.targets:
            certain = [step for step in target.steps if target.level_of(step) == 1]
            if (target.workload, target.type) == (tranche.workload, tranche.type) and certain:
                raise FleetError(
                    path=f"target {target.name}",
                    verb="has",
                    got=f"service level 1 from {certain[0].start}, and tranche {tranche.name} may slip without bound",
                    expected="a lower service level, or a slip with an end",
                    remedy="no plan can promise it: state most of exponential_weeks and never 0, or a level below 1",
                )
