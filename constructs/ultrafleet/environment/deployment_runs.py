"""Runs of `cdk deploy`: what rests on an on-demand reservation comes in a run of its own, the last."""

from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings


def deployment_runs(environment: Environment) -> list[str]:
    """Patterns of stacks for the CDK CLI, one for each run of `cdk deploy --exclusively`.

    The CLI starts no further stack once one has failed, and chooses the order of stacks that don't depend on one
    another. So a reservation that EC2 hasn't got would keep pools on capacity blocks from being deployed.
    """
    made_here = {item.name for item in environment.capacity_reservations if item.capacity_reservation_id is None}
    last = [
        *(f"reservation-{name}" for name in sorted(made_here)),
        *(
            f"pool-{pool.name}"
            for pool in environment.pools
            if isinstance(pool, AcceleratorPoolSettings) and pool.capacity_reservation in made_here
        ),
    ]
    if not last:
        return [f"{environment.name}/**"]
    return [f"{environment.name}/{which}({'|'.join(last)})" for which in "!@"]
