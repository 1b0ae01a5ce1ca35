"""Envoy's configuration in a gateway pod: clients in front, servers behind, and Bedrock where they don't answer."""

from collections.abc import Sequence
from typing import Any, Final

from ultrafleet.inference.gateway import Gateway, GatewayClient

GATEWAY_PORT: Final = 4000
"""Port of the gateway for clients, and of its readiness."""
TRANSLATOR_PORT: Final = 4002
"""Port of LiteLLM, on the pod's loopback address alone."""
READY_PATH: Final = "/ready"
"""Answers 200 while the pod takes requests."""
CONFIGURATION_DIRECTORY: Final = "/etc/gateway"
"""Folder of script and filter."""
ANSWERED_BY: Final = "x-answered-by"
"""Header of an answer: `servers` or `bedrock`."""

_FALLBACK_PORT: Final = 4001
_LOOPBACK: Final = "127.0.0.1"
_CLIENT_HEADER: Final = "x-ultrafleet-client"
_STREAM_HEADER: Final = "x-ultrafleet-stream"
_CONVERSATION_HEADER: Final = "x-ultrafleet-conversation"
_PATHS: Final = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/models")
_TRANSLATED_PATHS: Final = tuple(path for path in _PATHS if path != "/v1/responses")
_BODY_BYTES: Final = 16 * 1024 * 1024
_CONNECTIONS: Final = 10_000
_NO_LIMIT: Final = 4_294_967_295
_NO_ADDRESS: Final = {"address_prefix": "192.0.2.0", "prefix_len": 32}
"""An address that documentation has for itself: an empty list would be every private address."""
_CLIENT_IDLE: Final = "300s"
_MINUTE, _DAY = "60s", "86400s"
_SERVERS, _FALLBACK, _TRANSLATOR, _ALL = "servers", "fallback", "translator", "all"


def envoy_configuration(gateway: Gateway) -> dict[str, Any]:
    """Envoy's bootstrap.

    A request goes to a server: that which its conversation hashes to, or the next one where that has a quarter more
    requests than the average. Two servers have half of `first_token_seconds` each; then Bedrock is asked. Servers whose
    health check fails, or that failed three times in a row, are left out for a while; with none left Bedrock is asked
    at once.
    """
    return {
        "static_resources": {
            "listeners": [_clients(gateway), *([_fallback(gateway)] if gateway.has_fallback else [])],
            "clusters": _clusters(gateway),
        },
        "overload_manager": {
            "resource_monitors": [
                _named(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=_CONNECTIONS,
                )
            ]
        },
    }


def _clients(gateway: Gateway) -> dict[str, Any]:
    filters = [
        _named(
            "envoy.filters.http.health_check",
            "filters.http.health_check.v3.HealthCheck",
            pass_through_mode=False,
            headers=[{"name": ":path", "string_match": {"exact": READY_PATH}}],
        ),
        _named(
            "envoy.filters.http.lua",
            "filters.http.lua.v3.Lua",
            default_source_code={"filename": f"{CONFIGURATION_DIRECTORY}/request.lua"},
        ),
        *_limits(
            "requests", _MINUTE, {c.name: gateway.share(n) for c in gateway.clients if (n := c.requests_per_minute)}
        ),
    ]
    stream = {"name": _STREAM_HEADER, "string_match": {"exact": "true"}}
    half = {"per_try_timeout": f"{gateway.first_token_seconds / 2:g}s"}
    idle = {"idle_timeout": f"{gateway.idle_seconds}s"}
    total = {"max_stream_duration": {"max_stream_duration": f"{gateway.total_seconds}s"}}
    # An answer in one piece has no first token: what is left of its time after two thirds is Bedrock's.
    third = {"per_try_timeout": f"{gateway.answer_seconds / 3:g}s"}
    answer = {"timeout": f"{gateway.answer_seconds}s", "idle_timeout": f"{gateway.answer_seconds}s"}
    routes = [
        route
        for path in _PATHS
        for route in (
            _route(gateway, {"path": path, "headers": [stream]}, half, {"timeout": "0s", **idle, **total}),
            _route(gateway, {"path": path}, third, answer),
        )
    ]
    listener = _listener("0.0.0.0", GATEWAY_PORT, "clients", filters, routes)  # noqa: S104 - of the pod
    return {**listener, "per_connection_buffer_limit_bytes": _BODY_BYTES}


def _route(gateway: Gateway, match: dict[str, Any], a_try: dict[str, Any], times: dict[str, Any]) -> dict[str, Any]:
    return {
        "match": match,
        "route": {
            "cluster": _ALL,
            **times,
            "hash_policy": [{"header": {"header_name": _CONVERSATION_HEADER}}],
            "retry_policy": {
                "retry_on": "5xx,reset",
                "num_retries": 2 if gateway.has_fallback else 1,
                **a_try,
                "retry_priority": _named(
                    "envoy.retry_priorities.previous_priorities",
                    "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                    update_frequency=2,
                ),
                "retry_host_predicate": [
                    _named(
                        "envoy.retry_host_predicates.previous_hosts",
                        "retry.host.previous_hosts.v3.PreviousHostsPredicate",
                    )
                ],
                "host_selection_retry_max_attempts": 5,
            },
        },
    }


def _fallback(gateway: Gateway) -> dict[str, Any]:
    """A listener of the pod's own, before LiteLLM: the place where what is paid for is counted."""
    limits = {c.name: gateway.share(n) for c in gateway.clients if (n := c.fallback_requests_per_day)}
    refused = [_refusal(client) for client in gateway.clients if client.fallback_requests_per_day == 0]
    times = {"timeout": "0s", "idle_timeout": f"{gateway.answer_seconds}s"}
    routes = [{"match": {"path": path}, "route": {"cluster": _TRANSLATOR, **times}} for path in _TRANSLATED_PATHS]
    other = {
        "match": {"prefix": "/"},
        "direct_response": {
            "status": 503,
            "body": {"inline_string": "no server answers, and Bedrock has no such path"},
        },
    }
    filters = _limits("fallback_requests", _DAY, limits)
    listener = _listener(_LOOPBACK, _FALLBACK_PORT, _FALLBACK, filters, [*refused, *routes, other])
    return {**listener, "per_connection_buffer_limit_bytes": _BODY_BYTES}


def _refusal(client: GatewayClient) -> dict[str, Any]:
    return {
        "match": {"prefix": "/", "headers": [{"name": _CLIENT_HEADER, "string_match": {"exact": client.name}}]},
        "direct_response": {"status": 429, "body": {"inline_string": "no server answers, and no fallback is allowed"}},
    }


def _listener(
    address: str, port: int, name: str, filters: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    by = [{"header": {"key": ANSWERED_BY, "value": "bedrock"}}] if name == _FALLBACK else []
    return {
        "name": name,
        "address": _address(address, port),
        "filter_chains": [
            {
                "filters": [
                    _named(
                        "envoy.filters.network.http_connection_manager",
                        "filters.network.http_connection_manager.v3.HttpConnectionManager",
                        stat_prefix=name,
                        # Routes have times of their own.
                        stream_idle_timeout="0s",
                        request_headers_timeout="10s",
                        common_http_protocol_options={"idle_timeout": _CLIENT_IDLE},
                        normalize_path=True,
                        merge_slashes=True,
                        use_remote_address=True,
                        # No client is trusted with Envoy's own headers, which set times and retries.
                        internal_address_config={"cidr_ranges": [_NO_ADDRESS]},
                        http_filters=[
                            *filters,
                            _named("envoy.filters.http.router", "filters.http.router.v3.Router"),
                        ],
                        route_config={
                            "virtual_hosts": [
                                {
                                    "name": name,
                                    "domains": ["*"],
                                    "routes": list(routes),
                                    **({"response_headers_to_add": by} if by else {}),
                                }
                            ]
                        },
                    )
                ]
            }
        ],
    }


def _limits(name: str, interval: str, shares: dict[str, int]) -> list[dict[str, Any]]:
    """A bucket of requests for each client that has a limit, in this pod alone; refilled when the interval is over."""
    if not shares:
        return []

    def bucket(size: int) -> dict[str, Any]:
        return {"max_tokens": size, "tokens_per_fill": size, "fill_interval": interval}

    always = {"default_value": {"numerator": 100}}
    return [
        _named(
            "envoy.filters.http.local_ratelimit",
            "filters.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix=name,
            filter_enabled=always,
            filter_enforced=always,
            token_bucket=bucket(_NO_LIMIT),
            rate_limits=[
                {"actions": [{"request_headers": {"header_name": _CLIENT_HEADER, "descriptor_key": "client"}}]}
            ],
            descriptors=[
                {"entries": [{"key": "client", "value": client}], "token_bucket": bucket(share)}
                for client, share in shares.items()
            ],
        )
    ]


def _clusters(gateway: Gateway) -> list[dict[str, Any]]:
    serving = gateway.serving
    members = [_SERVERS, *([_FALLBACK] if gateway.has_fallback else [])]
    clusters: list[dict[str, Any]] = [
        {
            "name": _ALL,
            "connect_timeout": "2s",
            "lb_policy": "CLUSTER_PROVIDED",
            "cluster_type": _named("envoy.clusters.aggregate", "clusters.aggregate.v3.ClusterConfig", clusters=members),
            "circuit_breakers": _UNBROKEN,
            # Filters of a request to the members: they are read here and not there.
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _typed(
                    "upstreams.http.v3.HttpProtocolOptions",
                    explicit_http_config={"http_protocol_options": {}},
                    http_filters=[
                        _first_token(),
                        _answered_by_servers(),
                        _named(_CODEC, "filters.http.upstream_codec.v3.UpstreamCodec"),
                    ],
                )
            },
        },
        {
            "name": _SERVERS,
            "connect_timeout": "2s",
            "cluster_type": _named(
                "envoy.cluster.dns",
                "clusters.dns.v3.DnsCluster",
                dns_refresh_rate="5s",
                dns_lookup_family="V4_ONLY",
            ),
            "load_assignment": {
                # One healthy server is enough: the fallback costs.
                **_endpoint(
                    _SERVERS, f"{serving.service}.{serving.name}.svc.cluster.local", serving.recipe.engine.port
                ),
                "policy": {"overprovisioning_factor": 100 * 100},
            },
            "ignore_health_on_host_removal": True,
            "lb_policy": "RING_HASH",
            "common_lb_config": {
                # With no healthy server none is asked.
                "healthy_panic_threshold": {"value": 0},
                "consistent_hashing_lb_config": {"hash_balance_factor": 125},
            },
            "health_checks": [
                {
                    "timeout": "3s",
                    "interval": "5s",
                    # Otherwise a minute, before the first request.
                    "no_traffic_interval": "5s",
                    "unhealthy_threshold": 2,
                    "healthy_threshold": 1,
                    "http_health_check": {"path": serving.recipe.engine.health_path},
                }
            ],
            "outlier_detection": {
                "consecutive_5xx": 3,
                "consecutive_gateway_failure": 3,
                "enforcing_consecutive_gateway_failure": 100,
                "interval": "2s",
                "base_ejection_time": "30s",
                # Without a fallback a server that is late is better than none.
                "max_ejection_percent": 100 if gateway.has_fallback else 50,
            },
            "circuit_breakers": _UNBROKEN,
        },
    ]
    if gateway.has_fallback:
        clusters += [
            {
                "name": name,
                "connect_timeout": "2s",
                "type": "STATIC",
                "load_assignment": _endpoint(name, _LOOPBACK, port),
                "circuit_breakers": _UNBROKEN,
            }
            for name, port in ((_FALLBACK, _FALLBACK_PORT), (_TRANSLATOR, TRANSLATOR_PORT))
        ]
    return clusters


_CODEC: Final = "envoy.filters.http.upstream_codec"
_UNBROKEN: Final = {
    "thresholds": [
        dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), _CONNECTIONS)
    ]
}
"""Envoy's own limits are 1,024 of each and 3 retries: fewer than a rack answers at once."""


def _first_token() -> dict[str, Any]:
    return _named(
        "envoy.filters.http.wasm",
        "filters.http.wasm.v3.Wasm",
        config={
            "name": "first-token",
            "vm_config": {
                "vm_id": "first-token",
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": f"{CONFIGURATION_DIRECTORY}/first-token.wasm"}},
            },
            "failure_policy": "FAIL_OPEN",
            "allow_on_headers_stop_iteration": True,
        },
    )


def _answered_by_servers() -> dict[str, Any]:
    """Says who answered, where Bedrock's listener hasn't; answers of the gateway's own pass no filter of members."""
    header = {"header": {"key": ANSWERED_BY, "value": _SERVERS}, "append_action": "ADD_IF_ABSENT"}
    return _named(
        "envoy.filters.http.header_mutation",
        "filters.http.header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": [{"append": header}]},
    )


def _endpoint(cluster: str, host: str, port: int) -> dict[str, Any]:
    return {
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, port)}}]}],
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _named(name: str, kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of Envoy's message
    return {"name": name, "typed_config": _typed(kind, **fields)}


def _typed(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of Envoy's message
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}
