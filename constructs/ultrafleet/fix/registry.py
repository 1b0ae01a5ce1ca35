"""Every fix, by the rule whose findings it repairs."""

from collections.abc import Mapping
from typing import Final

from ultrafleet.fix import group_fixes, launch_fixes, service_fixes, user_data_fixes
from ultrafleet.fix.fix_of_rule import Fix

FIXES: Final[Mapping[str, Fix]] = {
    fix.rule: fix for fix in (*launch_fixes.FIXES, *group_fixes.FIXES, *user_data_fixes.FIXES, *service_fixes.FIXES)
}
"""Fixes by the id of their rule."""
