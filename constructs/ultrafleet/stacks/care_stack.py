"""Care stack: programs in the cluster that hold spare nodes and delete what jobs leave behind."""

from constructs import Construct

from ultrafleet.cluster_addons import ClusterCare
from ultrafleet.environment import Environment
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.stacks.kubernetes_stack import KubernetesStack


class CareStack(EnvironmentStack):
    """Programs that care for the cluster.

    Args:
        scope: the environment's stage.
        environment: the environment.
        kubernetes: the environment's Kubernetes layer.
    """

    def __init__(self, scope: Construct, *, environment: Environment, kubernetes: KubernetesStack) -> None:
        super().__init__(
            scope,
            "care",
            environment=environment,
            description=f"{environment.name}: programs that hold spare nodes and delete what jobs leave behind",
        )
        ClusterCare(
            self,
            "Care",
            delivery=kubernetes.delivery_in(self),
            flavors=kubernetes.platform.flavors,
            training=kubernetes.training,
            image=environment.kubernetes.program_image,
        )
