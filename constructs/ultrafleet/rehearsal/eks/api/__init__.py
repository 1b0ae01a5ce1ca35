"""EKS operations, in the place of moto's."""
