"""Step Functions and EventBridge Scheduler: schedules that fire, machines that run with their role's rights."""
