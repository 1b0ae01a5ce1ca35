"""Key of the taint on nodes that acceptance hasn't passed yet."""

from typing import Final

UNPROVEN_TAINT_KEY: Final = "ultrafleet/unproven"
"""Key of the taint; `ultrafleet.kubernetes` has the taint."""
