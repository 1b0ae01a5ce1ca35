"""Rules of versions that have to fit: Kubernetes, node releases, add-ons."""

import re
from collections.abc import Iterator, Mapping

from ultrafleet.catalog import eks
from ultrafleet.catalog.eks import AddonName
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.cluster import clusters
from ultrafleet.templates.images import AL2, image_family
from ultrafleet.templates.launch import launches
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, COMPUTE_NODE_GROUP, NODE_GROUP, groups
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown, text_of

_CNI = AddonName.VPC_CNI
_EFA_ONLY_SINCE = _CNI.minimum_version or ()
_EFA_ONLY = ".".join(map(str, _EFA_ONLY_SINCE))
_CNI_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_RELEASE = re.compile(r"\d+\.\d+\.\d+-(\d{8})")


def _grace(template: Template, *types: str) -> list[str]:
    """Logical ids of groups with Grace nodes."""
    return [group.logical_id for group in groups(template, *types) if any(kind.is_grace for kind in group.types)]


def _kubernetes(template: Template) -> Iterator[Problem]:
    racks = _grace(template, NODE_GROUP, AUTO_SCALING_GROUP)
    needed = eks.spelled(eks.P6E_MINIMUM_VERSION)
    holders = [*clusters(template), *(template.resources[name] for name in racks)] if racks else []
    for holder in holders:
        logical_id, version = holder.logical_id, holder.get("Version")
        parsed = _version(version)
        if parsed is not None:
            if parsed < eks.P6E_MINIMUM_VERSION:
                yield Problem(logical_id, f"Version is {version} with P6e nodes, expected {needed} or newer: raise it")
        elif version is not None:
            yield cannot_tell(logical_id, "Version", "known at deployment")


def _release(template: Template) -> Iterator[Problem]:
    for logical_id in _grace(template, NODE_GROUP):
        release = template.resources[logical_id].get("ReleaseVersion")
        if isinstance(release, Unknown):
            yield cannot_tell(logical_id, "ReleaseVersion", release.reason)
        dated = _RELEASE.fullmatch(release) if isinstance(release, str) else None
        if dated and int(dated.group(1)) < eks.P6E_FIRST_AMI_RELEASE:
            yield Problem(
                logical_id,
                f"ReleaseVersion is {release} with P6e nodes, expected one of {eks.P6E_FIRST_AMI_RELEASE} or later: it "
                "has no driver for GB200, raise it",
            )


def _amazon_linux_2(template: Template) -> Iterator[Problem]:
    versions = [cluster.get("Version") for cluster in clusters(template)]
    for group in groups(template, NODE_GROUP):
        ami = group.resource.get("AmiType")
        if not isinstance(ami, str) or not ami.startswith("AL2_"):
            continue
        stated = group.resource.get("Version")
        newest = max((parsed for version in (stated, *versions) if (parsed := _version(version))), default=None)
        refused = newest is not None and newest > eks.AMAZON_LINUX_2_LAST_VERSION
        yield Problem(
            group.logical_id,
            f"AmiType is {ami}{f' with Kubernetes {newest[0]}.{newest[1]}' if refused and newest else ''}, expected an "
            f"AL2023 or Bottlerocket one: Amazon Linux 2 ends at {eks.spelled(eks.AMAZON_LINUX_2_LAST_VERSION)} and "
            "no longer gets images, create a new node group",
            None if refused else Severity.WARNING,
        )


def _amazon_linux_2_images(template: Template) -> Iterator[Problem]:
    """Images of Amazon Linux 2 by their path or their parameter, wherever one is named."""
    named = [(launch.resource.logical_id, launch.get("ImageId")) for launch in launches(template)]
    named += [
        (resource.logical_id, resource.get("ImageId"))
        for resource in template.of_type("AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration")
    ]
    named += [(resource.logical_id, resource.get("AmiId")) for resource in template.of_type(COMPUTE_NODE_GROUP)]
    for logical_id, image in named:
        if image_family(image) == AL2:
            path = str(text_of(image)).removeprefix("{{resolve:ssm:").removesuffix("}}")
            yield Problem(
                logical_id,
                f"the image is {path}, one of Amazon Linux 2, expected Amazon Linux 2023 or Bottlerocket: Amazon Linux "
                "2 no longer gets images, change the path",
                Severity.WARNING,
            )


def _offered(template: Template) -> Iterator[Problem]:
    oldest = min(version.parsed for version in eks.KUBERNETES_VERSIONS)
    racks = _grace(template, NODE_GROUP, AUTO_SCALING_GROUP)
    for cluster in clusters(template) if not racks else ():  # racks need a newer one, which another rule says
        parsed = _version(cluster.get("Version"))
        if parsed is not None and parsed < oldest:
            yield Problem(
                cluster.logical_id,
                f"Version is {cluster.get('Version')}, expected {eks.spelled(oldest)} or newer: EKS makes no cluster "
                "of a version whose extended support is over, raise it",
            )


def _version(value: object) -> tuple[int, int] | None:
    parts = str(value).split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdecimal, parts)) else None  # noqa: PLR2004


def _cni(template: Template) -> Iterator[Problem]:
    saving = any(
        isinstance(item, Mapping) and item.get("InterfaceType") == "efa-only"
        for launch in launches(template)
        for item in launch.interfaces
    )
    for addon in template.of_type("AWS::EKS::Addon") if saving else ():
        version = addon.get("AddonVersion")
        if addon.get("AddonName") == _CNI and isinstance(version, Unknown):
            yield cannot_tell(addon.logical_id, "AddonVersion", version.reason)
        parsed = _CNI_VERSION.match(version) if isinstance(version, str) else None
        if addon.get("AddonName") == _CNI and parsed and tuple(map(int, parsed.groups())) < _EFA_ONLY_SINCE:
            yield Problem(
                addon.logical_id,
                f"AddonVersion is {version} with efa-only interfaces, expected v{_EFA_ONLY} or newer: raise it",
            )


RULES = (
    PolicyRule(
        id="kubernetes-for-p6e",
        number=28,
        severity=Severity.ERROR,
        protects_from="P6e nodes that don't join",
        source=eks.source("eks/p6e/minimum-kubernetes-version"),
        remedy=f"Version {eks.spelled(eks.P6E_MINIMUM_VERSION)} or newer",
        check=_kubernetes,
    ),
    PolicyRule(
        id="release-for-p6e",
        number=29,
        severity=Severity.ERROR,
        protects_from="P6e nodes without a driver",
        source=eks.source("eks/p6e/first-ami-release"),
        remedy="a newer ReleaseVersion, or none",
        check=_release,
    ),
    PolicyRule(
        id="amazon-linux-2",
        number=30,
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses, or whose images get no more fixes",
        source=eks.source("eks/amazon-linux-2/last-kubernetes-version"),
        remedy="an image of Amazon Linux 2023 or Bottlerocket; an AmiType needs a new node group",
        check=lambda template: (
            problem for rule in (_amazon_linux_2, _amazon_linux_2_images) for problem in rule(template)
        ),
    ),
    PolicyRule(
        id="cni-for-efa-only",
        number=31,
        severity=Severity.ERROR,
        protects_from="nodes whose pods get no address",
        source=eks.source("eks/addon/vpc-cni/minimum-version"),
        remedy=f"{_CNI} v{_EFA_ONLY} or newer",
        check=_cni,
    ),
    PolicyRule(
        id="kubernetes-version",
        number=75,
        severity=Severity.ERROR,
        protects_from="a cluster that EKS doesn't make",
        source=eks.source(f"eks/kubernetes-version/{eks.KUBERNETES_VERSIONS[0].name}"),
        remedy="a version that EKS offers",
        check=_offered,
    ),
)
