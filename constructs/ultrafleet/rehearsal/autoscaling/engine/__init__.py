"""Launches of an Auto Scaling group, and whether their instances join a cluster."""
