"""A cluster with pools as a place for jobs and models: runtime, queues and controllers in one construct."""
