"""EC2 Auto Scaling of the embedded AWS: groups whose instances really launch, are held by hooks, and leave."""

from ultrafleet.rehearsal.autoscaling.api.groups import install

__all__ = ["install"]
