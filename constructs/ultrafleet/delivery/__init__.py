"""How manifests and charts reach a cluster: kubectl and Helm in a Lambda function, or Argo CD."""
