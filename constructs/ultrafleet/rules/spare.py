"""Key of the taint on spare nodes of UltraServers."""

from typing import Final

SPARE_TAINT_KEY: Final = "ultrafleet/spare"
"""Key of the taint; `ultrafleet.kubernetes` has the taint."""
