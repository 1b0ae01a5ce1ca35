"""Reasons for which a cluster refuses an object."""
