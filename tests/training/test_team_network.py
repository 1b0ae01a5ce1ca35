"""Network policies of a team's namespace."""

from typing import Any

from ultrafleet.training.team_manifests import team_manifests


def policies() -> dict[str, dict[str, Any]]:
    made = team_manifests("pretraining", "training")
    return {item["metadata"]["name"]: dict(item["spec"]) for item in made if item["kind"] == "NetworkPolicy"}


def test_every_pod_starts_from_nothing() -> None:
    assert policies()["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_nobody_outside_the_namespace_reaches_a_pod() -> None:
    sources = [source for spec in policies().values() for rule in spec.get("ingress", []) for source in rule["from"]]
    assert sources == [{"podSelector": {}}]


def test_pods_reach_each_other_on_every_port() -> None:
    assert policies()["same-namespace"]["egress"] == [{"to": [{"podSelector": {}}]}]


def test_pods_reach_names_credentials_and_tls_and_nothing_else() -> None:
    reached = {
        (port["protocol"], port["port"], target.get("ipBlock", {}).get("cidr", "kube-dns"))
        for rule in policies()["what-jobs-need"]["egress"]
        for port in rule["ports"]
        for target in rule["to"]
    }
    assert reached == {
        ("UDP", 53, "kube-dns"),
        ("TCP", 53, "kube-dns"),
        ("TCP", 80, "169.254.170.23/32"),
        ("TCP", 443, "0.0.0.0/0"),
    }
