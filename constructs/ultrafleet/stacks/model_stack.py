"""Served model in its own stack."""

from constructs import Construct

from ultrafleet.environment import Environment
from ultrafleet.environment.workloads import ServedModelSettings
from ultrafleet.errors import FleetError
from ultrafleet.inference import DEFAULT_CLIENTS, GatewayClient, Model, ModelEndpoint, RackScale, Serving
from ultrafleet.queueing import Flavor
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.stacks.kubernetes_stack import KubernetesStack


class ModelStack(EnvironmentStack):
    """Servers, gateway, load balancer and identities of one model.

    Args:
        scope: the environment's stage.
        environment: the environment.
        served: the model in it.
        kubernetes: the environment's Kubernetes layer.
    """

    endpoint: ModelEndpoint
    """The endpoint."""

    settings: ServedModelSettings
    """Served model's settings in the environment file."""

    def __init__(
        self, scope: Construct, *, environment: Environment, served: ServedModelSettings, kubernetes: KubernetesStack
    ) -> None:
        super().__init__(
            scope,
            f"model-{served.name}",
            environment=environment,
            description=f"{served.name}: {served.model}, served from {served.pool}",
        )
        self.settings = served
        (flavor,) = [
            flavor for flavor in kubernetes.platform.flavors if served.pool in {pool.pool_name for pool in flavor.pools}
        ]
        try:
            self.endpoint = self._endpoint(environment, _serving(served, flavor), kubernetes)
        except FleetError as error:
            raise error.within(f"model {served.name}") from error

    def _endpoint(self, environment: Environment, serving: Serving, kubernetes: KubernetesStack) -> ModelEndpoint:
        served = self.settings
        return ModelEndpoint(
            self,
            "Endpoint",
            delivery=kubernetes.delivery_in(self),
            cluster=self.cluster,
            vpc=self.imported_vpc(),
            serving=serving,
            subnets=[
                subnet.subnet_id or f"{environment.name}-network-{subnet.name}"
                for subnet in sorted(environment.network.subnets, key=lambda item: item.name)
                if subnet.kind == "system"
            ],
            client_cidrs=served.client_cidrs,
            certificate_arn=served.certificate_arn,
            plain_http=served.plain_http,
            bedrock_region=served.bedrock_region,
            clients=[
                GatewayClient(
                    name=client.name,
                    requests_per_minute=client.requests_per_minute,
                    fallback_requests_per_day=client.fallback_requests_per_day,
                )
                for client in served.clients
            ]
            or DEFAULT_CLIENTS,
            first_token_seconds=served.first_token_seconds,
            idle_seconds=served.idle_seconds,
            total_seconds=served.total_seconds,
            tokens_per_second=served.tokens_per_second,
        )


def _serving(served: ServedModelSettings, flavor: Flavor) -> Serving:
    model = Model.of(served.model)
    rack = (
        None
        if served.rack_scale is None
        else RackScale.published(
            model,
            flavor,
            prefill_nodes=served.rack_scale.prefill_nodes,
            decode_nodes=served.rack_scale.decode_nodes,
        )
    )
    return Serving(
        name=served.name,
        model=model,
        flavor=flavor,
        weights=served.weights,
        recipe=Serving.recipe_for(model, flavor) if rack is None else rack.recipe.decode,
        min_replicas=served.min_replicas,
        max_replicas=served.max_replicas or served.min_replicas,
        waiting_requests_per_replica=served.waiting_requests_per_replica,
        image=served.engine_image,
        args=tuple(served.engine_args),
        engine_options=served.engine_options,
        rack_scale=rack,
    )
