"""The gateway before a model's servers, as values: its clients, its times, its size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ultrafleet.catalog.gateway_throughput import CHUNKS_A_CORE
from ultrafleet.catalog.serving_throughput import published_throughput
from ultrafleet.errors import FleetError
from ultrafleet.inference.serving import Serving
from ultrafleet.kubernetes.manifest import object_name
from ultrafleet.rules.names import DEFAULT_CLIENT

GATEWAY_IMAGE = "docker.io/envoyproxy/envoy:v1.40.0"
"""Envoy, amd64 and arm64; 1.40.0 was run, from its wheel (tag: medium)."""
TRANSLATOR_IMAGE = "ghcr.io/berriai/litellm:v1.93.0"
"""LiteLLM, amd64 and arm64; the configuration's keys were read in 1.109.1 (tag: medium)."""

LOAD_BALANCER_IDLE_SECONDS = 350
"""Seconds without a byte after which a Network Load Balancer forgets a connection; fixed with TLS (ELB user guide,
listeners, high)."""

_BUSY = 0.5
"""Part of a core that a gateway pod is meant to be busy with streams."""
_FEWEST = 2
_GPUS_OF_A_RACK = 72
_CLIENT_LENGTH = 32


@dataclass(frozen=True, kw_only=True)
class GatewayClient:
    """A client of a model, with a key of its own.

    Attributes:
        name: what its secret and its limits are called.
        requests_per_minute: most requests. Default: no limit.
        fallback_requests_per_day: most requests that Bedrock may answer for it, 0 for none. Default: no limit.
    """

    name: str
    requests_per_minute: int | None = None
    fallback_requests_per_day: int | None = None


DEFAULT_CLIENTS = (GatewayClient(name=DEFAULT_CLIENT),)
"""One client without limits, where none is named."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The gateway of an endpoint.

    Attributes:
        serving: the model servers behind the gateway.
        key_secret_prefix: Secrets Manager secrets of the clients are called so, with "-CLIENT" behind; plain, so that
            any manifest can have it.
        region: the cluster's region.
        subnets: ids or `Name` tags of the load balancer's subnets, in availability zones.
        security_group: id or `Name` tag of the load balancer's security group.
        clients: who may ask.
        certificate_arn: certificate of the load balancer, for TLS on port 443. Default: none, see `plain_http`.
        plain_http: port 80 without TLS. Has to be said.
        bedrock_region: region of the fallback. Default: there is none.
        bedrock_model_id: model of the fallback.
        first_token_seconds: longest that a client waits for the first token of servers, before Bedrock is asked: half
            of it at one server, half at another.
        idle_seconds: longest between two chunks of a stream, before it is cut.
        total_seconds: longest that a stream takes.
        tokens_per_second: tokens that the servers make at most. Default: as published; without a figure, two pods.
        image: Envoy's image.
        translator_image: LiteLLM's image.
    """

    serving: Serving
    key_secret_prefix: str
    region: str
    subnets: Sequence[str]
    security_group: str
    clients: Sequence[GatewayClient] = DEFAULT_CLIENTS
    certificate_arn: str | None = None
    plain_http: bool = False
    bedrock_region: str | None = None
    bedrock_model_id: str | None = None
    first_token_seconds: int = 30
    idle_seconds: int = 60
    total_seconds: int = 3600
    tokens_per_second: int | None = None
    image: str = GATEWAY_IMAGE
    translator_image: str = TRANSLATOR_IMAGE

    def __post_init__(self) -> None:
        if (self.certificate_arn is None) is not self.plain_http:
            raise FleetError(
                path="certificate_arn",
                got=f"{self.certificate_arn} and plain_http {self.plain_http}",
                expected="a certificate or plain_http=True",
                remedy="clients send their key with each request",
            )
        if not self.subnets:
            raise FleetError(
                path="subnets",
                got="empty",
                expected="the load balancer's subnets",
                remedy="pass those of the system nodes",
            )
        if self.bedrock_region is not None and self.bedrock_model_id is None:
            raise FleetError(
                path="bedrock_region",
                got=f"{self.bedrock_region} and bedrock_model_id None",
                expected=f"the model that answers for {self.serving.model.name}",
                remedy="pass it, or leave the region out",
            )
        self._check_times()
        self._check_clients()

    @property
    def listener_port(self) -> int:
        """Port of the load balancer."""
        return 80 if self.plain_http else 443

    def key_secret_name(self, client: GatewayClient) -> str:
        """Secret with a client's key."""
        return f"{self.key_secret_prefix}-{client.name}"

    @property
    def has_fallback(self) -> bool:
        """True if Bedrock answers where servers don't."""
        return self.bedrock_region is not None

    @property
    def answer_seconds(self) -> int:
        """Longest that a client waits for an answer that isn't a stream: it is one piece, and nothing comes before it.

        Below the idle time of the load balancer, which would otherwise cut the connection in the middle.
        """
        return LOAD_BALANCER_IDLE_SECONDS - 50

    @property
    def engine_tokens_per_second(self) -> int | None:
        """Tokens a second of all servers: stated, or as published for a rack; None without a figure.

        Over racks the published figure counts those that are read, too, so it is more than what is forwarded.
        """
        if self.tokens_per_second is not None:
            return self.tokens_per_second
        serving, node = self.serving, self.serving.flavor.pools[0]
        if serving.rack_scale is not None:
            by_gpu = serving.rack_scale.tokens_per_gpu(serving.model, serving.flavor)
            gpus = serving.max_replicas * serving.rack_scale.nodes * node.accelerators_per_node
            return None if by_gpu is None else math.ceil(float(by_gpu.value) * gpus)
        rack = published_throughput(serving.model.name, node.instance_type.family, "rack")
        gpus = serving.max_replicas * serving.recipe.gpus * serving.recipe.nodes
        return None if rack is None else math.ceil(float(rack.value) * gpus / _GPUS_OF_A_RACK)

    @property
    def tokens_a_chunk(self) -> int:
        """Tokens that the engine puts into one chunk of a stream, 1 by default."""
        recipe = self.serving.recipe
        stated = recipe.engine_options.get("stream_interval", 1)
        for argument in recipe.args:
            name, _, value = argument.partition("=")
            if name == "--stream-interval" and value.isdecimal():
                stated = int(value)
        return max(1, int(stated))

    @property
    def replicas(self) -> int:
        """Gateway pods: as many as forward what the servers make, each half busy, and one more that may be lost."""
        tokens = self.engine_tokens_per_second
        if tokens is None:
            return _FEWEST
        return max(_FEWEST, 1 + math.ceil(tokens / self.tokens_a_chunk / (CHUNKS_A_CORE.value * _BUSY)))

    @property
    def carried_tokens_per_second(self) -> int:
        """Tokens a second that the pods forward with a core each."""
        return self.replicas * CHUNKS_A_CORE.value * self.tokens_a_chunk

    def share(self, limit: int) -> int:
        """Part of a client's limit that each pod enforces: pods don't know of each other."""
        return max(1, limit // self.replicas)

    def _check_times(self) -> None:
        least = 2
        for name, value, most in (
            ("first_token_seconds", self.first_token_seconds, self.idle_seconds),
            ("idle_seconds", self.idle_seconds, self.answer_seconds),
        ):
            if not least <= value <= most:
                raise FleetError(
                    path=name,
                    got=value,
                    expected=f"{least} to {most}",
                    remedy=(
                        "first_token_seconds <= idle_seconds, and that below the load balancer's "
                        f"{LOAD_BALANCER_IDLE_SECONDS} s, after which it forgets a silent connection"
                    ),
                )
        if self.total_seconds < self.answer_seconds:
            raise FleetError(
                path="total_seconds",
                got=self.total_seconds,
                expected=f"{self.answer_seconds} or more",
                remedy="a stream may take as long as an answer in one piece",
            )
        if self.tokens_per_second is not None and self.tokens_per_second < 1:
            raise FleetError(
                path="tokens_per_second", got=self.tokens_per_second, expected="1 or more", remedy="leave it out"
            )

    def _check_clients(self) -> None:
        names = [client.name for client in self.clients]
        if not names or len(set(names)) < len(names):
            raise FleetError(
                path="clients",
                got=", ".join(names) or "empty",
                expected="one or more, each name once",
                remedy="give each client a name of its own, which its key has",
            )
        for client in self.clients:
            object_name("name of a client", client.name, most=_CLIENT_LENGTH)
            for what, limit in (
                ("requests_per_minute", client.requests_per_minute),
                ("fallback_requests_per_day", client.fallback_requests_per_day),
            ):
                none_is_a_limit = what == "fallback_requests_per_day" and limit == 0
                if limit is not None and limit < self.replicas and not none_is_a_limit:
                    raise FleetError(
                        path=f"{what} of client {client.name}",
                        got=limit,
                        expected=f"{self.replicas} or more",
                        remedy=f"each of {self.replicas} gateway pods enforces its share, which is 1 at the least",
                    )
