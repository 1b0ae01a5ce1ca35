"""CloudWatch metrics of constructs, from the catalog's table of metrics."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from ultrafleet.catalog.metrics import METRICS


def catalogued_metric(
    name: str, dimension_value: str, *, period: cdk.Duration | None = None, statistic: str | None = None
) -> cloudwatch.Metric:
    """Metric of the catalog for one resource.

    Args:
        name: name of the metric in the catalog.
        dimension_value: the resource, as the metric's dimension takes it.
        period: period of the figures. Default: 5 minutes.
        statistic: statistic. Default: the catalog's.
    """
    entry = METRICS[name]
    return cloudwatch.Metric(
        namespace=entry.namespace,
        metric_name=entry.name,
        dimensions_map={entry.dimension: dimension_value},
        statistic=statistic or entry.statistic,
        period=period or cdk.Duration.minutes(5),
    )
