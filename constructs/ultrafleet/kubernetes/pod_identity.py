"""EKS Pod Identity, as pods see it."""

from typing import Final

POD_IDENTITY_ADDRESS: Final = "169.254.170.23/32"
"""Address of the EKS Pod Identity agent on each node, from which pods get the credentials of their role, on port 80
(EKS user guide, Pod Identity agent setup, high). The fleet's pods have IPv4 alone."""
