"""CloudWatch of the embedded AWS, beside moto's: filter patterns of logs, figures of metrics, states of alarms."""
