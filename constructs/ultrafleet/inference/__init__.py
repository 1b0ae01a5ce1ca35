"""A model that is served: engine, workers, autoscaling, and a gateway that falls back to Amazon Bedrock."""
