"""Delivery of manifests and charts to a cluster: kubectl and Helm in a Lambda function, or Argo CD."""

from ultrafleet.delivery.argo_cd import ArgoCdDelivery, GitSource
from ultrafleet.delivery.delivery import Delivery
from ultrafleet.delivery.kubectl import KubectlDelivery
from ultrafleet.delivery.kubectl_access import KubectlAccess, kubectl_layer
from ultrafleet.delivery.pod_identity import pod_identity

__all__ = [
    "ArgoCdDelivery",
    "Delivery",
    "GitSource",
    "KubectlAccess",
    "KubectlDelivery",
    "kubectl_layer",
    "pod_identity",
]
