"""What every stack of an environment has in common."""

import aws_cdk as cdk
from constructs import Construct

from stacks.exports import Exports
from ultrafleet.environment import Environment


class EnvironmentStack(cdk.Stack):
    """A stack in the environment's account and region.

    Args:
        scope: the environment's stage.
        id: construct id; the stack is named ENVIRONMENT-ID.
        environment: the environment.
        description: one line, shown by CloudFormation.
        holds_state: what other stacks stand on; production protects it from deletion.
    """

    exports: Exports
    """Both ends of the values that stacks of the environment hand to one another."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name CDK gives it
        *,
        environment: Environment,
        description: str,
        holds_state: bool,
    ) -> None:
        super().__init__(
            scope,
            id,
            env=cdk.Environment(account=environment.account, region=environment.region),
            description=description,
            termination_protection=holds_state and environment.production,
            # The CLI checks the bootstrap version by itself; a rule and a parameter in each template repeat it.
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.exports = Exports(environment.name)
