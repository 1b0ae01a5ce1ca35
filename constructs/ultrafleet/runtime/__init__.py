"""Runtime of accelerators in Kubernetes: what is installed, at which version, and what must fit together."""
