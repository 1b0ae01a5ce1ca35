"""Rehearsals of an environment on the embedded AWS: deployment, passing time, faults, and the outcome of its blocks."""
