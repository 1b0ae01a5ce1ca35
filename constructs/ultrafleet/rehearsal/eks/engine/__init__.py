"""Nodes of managed node groups: launches, updates of the version, and EKS's own scale-down."""
