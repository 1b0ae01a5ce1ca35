"""Kueue: topologies, flavors, queues and priorities, from the pools."""
