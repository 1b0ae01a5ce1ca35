"""Block starts with planted faults: what the acceptance gate does with them, and what happens without it."""
