"""Reasons for which EKS refuses a cluster or a node group."""
