"""A team that trains: namespace, queue, identity, storage, runtimes and jobs."""
