"""Rules of an environment for the purchase of its capacity."""

from pydantic import Field

from ultrafleet.environment.fields import Settings


class PurchaseSettings(Settings):
    """Rules for `ultrafleet capacity buy` and `extend`."""

    approval_above_usd: float = Field(
        default=100_000, ge=0, allow_inf_nan=False, examples=[250000], json_schema_extra={"unit": "USD"}
    )
    """Price above which a purchase needs a [second person's approval](capacity-desk.md#approval); 0: every one does."""
