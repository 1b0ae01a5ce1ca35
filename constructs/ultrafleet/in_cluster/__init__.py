"""Programs that run in the cluster, from CronJobs. Standard library only: their image has Python and nothing else."""
