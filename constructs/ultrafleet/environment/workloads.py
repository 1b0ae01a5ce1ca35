"""Kubernetes settings, training teams and served models of an environment file."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from ultrafleet.accelerator_addons.version_rules import VERSION_RULES
from ultrafleet.accelerator_addons.versions import VersionTable, known_charts, with_existing
from ultrafleet.catalog.eks import EFA_DRA_DRIVER_MINIMUM_VERSION
from ultrafleet.environment.cell_queue_settings import ManagerSettings, WorkerOfSettings
from ultrafleet.environment.collected import Found
from ultrafleet.environment.document import near
from ultrafleet.environment.fields import (
    Bucket,
    CertificateArn,
    ModelName,
    Name,
    Network,
    Region,
    RoleArn,
    Settings,
    Weights,
)
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.acceptance_images import AcceptanceImages
from ultrafleet.rules.lustre import validate_lustre_capacity
from ultrafleet.rules.priorities import TEAM_PRIORITIES


class ArgoCdSettings(Settings):
    """Git location where Argo CD finds the files that `cdk synth` writes to `cdk.out/argo-cd/ENVIRONMENT`."""

    repository: str = Field(examples=["https://git.example.com/fleet.git"])
    """Address of the Git repository."""
    path: str = Field(examples=["argo-cd/training"])
    """Folder in it."""
    revision: str = Field(default="main", examples=["release"])
    """Branch or tag."""
    idc_instance_arn: str = Field(examples=["arn:aws:sso:::instance/ssoins-0123456789abcdef"])
    """IAM Identity Center instance that signs people in, by ARN."""
    idc_region: Region | None = Field(default=None, examples=["us-east-1"])
    """Region of that instance. Default: the environment's region."""
    admin_group_ids: list[str] = Field(default=[], examples=[["12345678-1234-1234-1234-123456789012"]])
    """Identity Center groups that administer Argo CD."""


class AcceptanceSettings(Settings):
    """Acceptance of pools; see `PoolAcceptance`."""

    image: str | None = Field(default=None, examples=["111122223333.dkr.ecr.us-east-1.amazonaws.com/nccl-tests:1"])
    """Image with nccl-tests for nodes with NVIDIA GPUs, for their architectures, see
    [acceptance](acceptance.md#the-image). Default: none; required unless `images` names some pool."""
    images: dict[str, str] = Field(default={}, examples=[{"rack-a": "registry.example.com/nccl-tests:arm64"}])
    """Images of single pools instead, by pool, where `image` isn't for their architecture;
    [Trainium](acceptance.md#trainium) is tested where it has one."""
    floors_gbs: dict[str, dict[Literal["nvlink", "neuronlink", "efa", "roce", "node"], float]] = Field(
        default={}, examples=[{"rack-a": {"nvlink": 600}}], json_schema_extra={"unit": "GB/s"}
    )
    """Pool → path (`nvlink`, `neuronlink`, `efa`, `node`) → minimum bus bandwidth in GB/s, where none is published
    or yours differ."""
    wait_minutes: int | None = Field(default=None, ge=1, le=1440, examples=[30], json_schema_extra={"unit": "minutes"})
    """Minutes after the first node of a block in which the others are waited for. Default: `15`."""
    run_minutes: int | None = Field(default=None, ge=1, le=1440, examples=[120], json_schema_extra={"unit": "minutes"})
    """Minutes that a run may take; without a result by then it has hung. Default: `90`."""
    gate_image: str | None = Field(default=None, examples=["registry.example.com/python:3.13"])
    """Image with Python 3.11 or newer for the gate. Default: Docker's official Python in Amazon ECR Public."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._without_images()

    def _without_images(self) -> Iterator[Found]:
        if self.image is None and not self.images:
            yield (
                (),
                FleetError(
                    path="image",
                    got="not stated",
                    expected="the image that nodes are tested with",
                    remedy="state it, or images of single pools",
                ),
            )

    def images_of_pools(self) -> AcceptanceImages:
        """Images by pool, which say what is tested."""
        return AcceptanceImages(self.image, self.images)


class KubernetesSettings(Settings):
    """Runtime, queues and controllers; see `FleetPlatform`."""

    delivery: Literal["kubectl", "argo_cd", "none"] = Field(default="kubectl", examples=["argo_cd"])
    """Delivery of charts and objects to the cluster: by the deployment (`kubectl`), by Argo CD (`argo_cd`, with the
    key `argo_cd`) or `none`; see [delivery](constructs/delivery.md). On an existing cluster nothing is delivered unless
    this is stated."""
    existing: dict[str, str] = Field(default={}, examples=[{"kueue": "0.19.2", "gpu-operator": "v26.7.0"}])
    """Chart → version of charts that an existing cluster has: they are not installed again, and the rules between
    versions hold for them. `gpu-operator` brings the device plugin; see [adopt a
    cluster](guides/adopt-a-cluster.md#charts-that-are-there)."""
    argo_cd: ArgoCdSettings | None = None
    """Git location that Argo CD reads; with `delivery: argo_cd`. Default: none."""
    chart_versions: dict[str, str] = Field(default={}, examples=[{"kueue": "0.14.4"}])
    """Chart (or `nvidia-driver`) → version instead of the library's; see [cluster
    add-ons](constructs/cluster-addons.md)."""
    waived_version_rules: dict[str, str] = Field(
        default={}, examples=[{"dra-driver/kubernetes": "tested on our nodes"}]
    )
    """Rule between versions → reason why it doesn't apply."""
    spare_nodes_per_ultraserver: int = Field(default=0, ge=0, examples=[2], json_schema_extra={"unit": "nodes"})
    """Nodes of each UltraServer that stay closed to jobs until one fails; 2 is the 16-of-18 mode: [spare
    nodes](constructs/cluster-addons.md#spare-nodes)."""
    ultraserver_network_layers: int | None = Field(
        default=None, ge=0, le=4, examples=[1], json_schema_extra={"unit": "layers"}
    )
    """Network layers above UltraServers in queues' topologies, 0 to 4. Default: 2."""
    pods_ready_minutes: int | None = Field(
        default=None, ge=1, le=1440, examples=[60], json_schema_extra={"unit": "minutes"}
    )
    """Minutes until all pods of a job are ready, or Kueue takes its nodes back; see [cluster
    add-ons](constructs/cluster-addons.md#jobs-that-do-not-start). Default: `30`."""
    pods_recovery_minutes: int | None = Field(
        default=None, ge=1, le=1440, examples=[30], json_schema_extra={"unit": "minutes"}
    )
    """Minutes until they are again after one was lost. Default: `15`."""
    max_requeues: int | None = Field(default=None, ge=0, le=100, examples=[5], json_schema_extra={"unit": "times"})
    """Times that such a job goes back into the queue before it is set inactive. Default: `3`."""
    efa: Literal["dra", "device_plugin"] | None = Field(
        default=None,
        examples=["device_plugin"],
        description="Driver that gives EFA devices to pods: for DRA, or a device plugin. State `device_plugin` where "
        "it runs already, until the pools are empty; see [EFA devices](constructs/cluster-addons.md#efa-devices). "
        f"Default: `dra` from Kubernetes {'.'.join(map(str, EFA_DRA_DRIVER_MINIMUM_VERSION))} on, before it "
        "`device_plugin`.",
    )
    """Driver that gives EFA devices to pods: for DRA, or a device plugin. Default: what EKS recommends for new
    clusters of the Kubernetes version."""
    program_image: str | None = Field(default=None, examples=["registry.example.com/python:3.13"])
    """Image with Python 3.11 or newer for the programs that hold spare nodes and delete ComputeDomains of jobs that
    are over. Default: Docker's official Python in Amazon ECR Public."""
    manages: ManagerSettings | None = None
    """Queues over cells of which this cluster is the manager. Default: none."""
    worker_of: WorkerOfSettings | None = None
    """Manager that may run jobs here. Default: none."""
    acceptance: AcceptanceSettings | None = None
    """Tests of each pool when its nodes are first there. Default: no tests."""
    dashboard: bool = Field(default=True, examples=[False])
    """CloudWatch dashboard and alarms; they need the add-on amazon-cloudwatch-observability, which comes with them;
    see [monitoring](constructs/monitoring.md)."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_charts("existing")
        yield self._faults_of_charts("chart_versions")
        yield self._faults_of_waived_rules()
        yield self._faults_of_queues_over_cells()
        yield self._faults_of_delivery()

    def _faults_of_waived_rules(self) -> Iterator[Found]:
        known = sorted(rule.id for rule in VERSION_RULES)
        for name, reason in self.waived_version_rules.items():
            found = near(name, known)
            if name not in known or not reason.strip():
                yield (
                    ("waived_version_rules", name),
                    FleetError(
                        path=name,
                        got="no rule between versions" if name not in known else "without a reason",
                        expected=f"one of {', '.join(known)}, with a reason",
                        remedy=f"write {found}" if found and found != name else "correct it",
                    ),
                )

    def _faults_of_charts(self, key: str) -> Iterator[Found]:
        versions: dict[str, str] = getattr(self, key)
        unknown = [name for name in versions if name not in known_charts() and key == "chart_versions"]
        for name in unknown:
            found = near(name, sorted(known_charts()))
            yield (
                (key, name),
                FleetError(
                    path=name,
                    got="no chart of the library's",
                    expected=f"one of {', '.join(sorted(known_charts()))}",
                    remedy=f"write {found}" if found else "correct the name",
                ),
            )
        if unknown:
            return
        try:
            VersionTable.of(with_existing({}, versions) if key == "existing" else versions)
        except FleetError as error:
            yield (
                (key,),
                FleetError(
                    path=key,
                    got=f"{error.path} is {error.got}",
                    expected=error.expected,
                    remedy=error.remedy or "correct it",
                ),
            )

    def _faults_of_queues_over_cells(self) -> Iterator[Found]:
        if self.manages is not None and self.worker_of is not None:
            yield (
                ("worker_of",),
                FleetError(
                    path="worker_of",
                    got="stated beside manages",
                    expected="one of them",
                    remedy="a manager is no worker (Kueue, MultiKueue): make it a cluster of its own",
                ),
            )
        if self.manages is not None and self.delivery == "none":
            yield (
                ("manages",),
                FleetError(
                    path="manages",
                    got="stated with delivery none",
                    expected="delivery kubectl or argo_cd",
                    remedy="state it",
                ),
            )

    def _faults_of_delivery(self) -> Iterator[Found]:
        if (self.delivery == "argo_cd") is not (self.argo_cd is not None):
            yield (
                ("delivery",),
                FleetError(
                    path="delivery",
                    got=f"{self.delivery} and argo_cd {'stated' if self.argo_cd else 'not stated'}",
                    expected="both or neither",
                    remedy="state argo_cd with delivery argo_cd",
                ),
            )


class FileSystemSettings(Settings):
    """A team's FSx for Lustre; see `LustreFileSystem`."""

    subnet: str = Field(examples=["system-b"])
    """Name of a subnet in an Availability Zone; nodes of other zones reach it, too."""
    capacity_gib: int = Field(examples=[4800], json_schema_extra={"unit": "GiB"})
    """Capacity in GiB, one of the sizes that FSx takes."""
    throughput_mbps_per_tib: int = Field(default=1000, examples=[500], json_schema_extra={"unit": "MB/s for each TiB"})
    """Throughput in MB/s for each TiB."""
    efa: bool = Field(default=False, examples=[True])
    """EFA for clients of its zone, who need a Lustre client with EFA that no EKS image is documented to bring;
    create-only; refused where no pool of the team has EFA in its zone."""
    data_bucket: Bucket | None = Field(default=None, examples=["training-data"])
    """S3 bucket linked to `/data`. Default: none."""
    data_prefix: str = Field(default="", examples=["datasets/web"])
    """Prefix in that bucket."""
    export_to_bucket: bool = Field(default=False, examples=[True])
    """Writes new and changed files under `/data` to the bucket; files that are deleted are never deleted there."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_the_bucket()
        yield self._faults_of_the_capacity()

    def _faults_of_the_bucket(self) -> Iterator[Found]:
        if self.export_to_bucket and self.data_bucket is None:
            yield (
                ("export_to_bucket",),
                FleetError(
                    path="export_to_bucket",
                    got="true without a data_bucket",
                    expected="the bucket that files are written to",
                    remedy="name it as data_bucket",
                ),
            )

    def _faults_of_the_capacity(self) -> Iterator[Found]:
        try:
            validate_lustre_capacity(
                self.capacity_gib, throughput_mbps_per_tib=self.throughput_mbps_per_tib, efa=self.efa
            )
        except FleetError as error:
            yield (str(error.path),), error


class TeamSettings(Settings):
    """A team that trains; see `TrainingTeam`."""

    name: Name = Field(examples=["pretraining"])
    """Name of the team, and of its namespace."""
    workload: str = Field(default="training", examples=["training"])
    """Queue of the team: the workload of some pool."""
    priorities: list[str] = Field(default=list(TEAM_PRIORITIES), examples=[["training", "opportunistic"]])
    """Kueue priority classes that its jobs may have; others are refused."""
    guaranteed_nodes: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={}, examples=[{"u-p6e-gb200x72": 18}], json_schema_extra={"unit": "nodes"}
    )
    """UltraServer or instance type → nodes that the team's jobs get in any case, by eviction of jobs of teams that
    use more than is guaranteed to them; see [teams share what is
    idle](constructs/cluster-addons.md#teams-share-what-is-idle)."""
    fair_sharing_weight: float = Field(default=1, ge=0, examples=[2])
    """Weight of the team in idle nodes beside other teams; with 0 it has only what other teams leave."""
    member_role_arns: list[RoleArn] = Field(default=[], examples=[["arn:aws:iam::111122223333:role/research"]])
    """IAM roles of the members, by ARN."""
    data_buckets: list[Bucket] = Field(default=[], examples=[["training-data"]])
    """Names of buckets that the team's jobs may read."""
    file_system: FileSystemSettings | None = None
    """FSx for Lustre of the team. Default: none."""


class RackScaleSettings(Settings):
    """Nodes of each UltraServer that serve a model together; see `RackScale`."""

    prefill_nodes: int = Field(ge=1, examples=[4], json_schema_extra={"unit": "nodes"})
    """Nodes of each UltraServer that read prompts."""
    decode_nodes: int = Field(ge=1, examples=[12], json_schema_extra={"unit": "nodes"})
    """Nodes of each that write answers."""


class ClientSettings(Settings):
    """A client of a model; see `GatewayClient`."""

    name: Name = Field(examples=["chat"])
    """Name of its key, the secret `ENV-MODEL-client-NAME`, and of its limits."""
    requests_per_minute: int | None = Field(
        default=None, ge=1, examples=[600], json_schema_extra={"unit": "requests a minute"}
    )
    """Most requests; more get status 429. Default: no limit."""
    fallback_requests_per_day: int | None = Field(
        default=None, ge=0, examples=[1000], json_schema_extra={"unit": "requests a day"}
    )
    """Most requests that Bedrock answers for it, `0` for none; more get status 429. Default: no limit."""


class ServedModelSettings(Settings):
    """A model that is served; see `ModelEndpoint`."""

    name: Name = Field(examples=["gpt-oss-120b"])
    """Name of the endpoint."""
    model: ModelName = Field(default="gpt-oss-120b", examples=["gpt-oss-20b"])
    """Model with a recipe: `gpt-oss-120b` or `gpt-oss-20b`, or with `rack_scale` `deepseek-v4-pro`."""
    pool: str = Field(examples=["h200"])
    """Name of a pool that serves it, whose `workload` no team has: models are in no queue. The model may use all
    pools of the same capacity."""
    weights: Weights = Field(examples=["s3://models-example/gpt-oss-120b"])
    """Weights in S3, `s3://BUCKET/PREFIX`."""
    min_replicas: int = Field(default=1, ge=1, examples=[2], json_schema_extra={"unit": "replicas"})
    """Fewest replicas; with `rack_scale` it counts UltraServers."""
    max_replicas: int | None = Field(default=None, ge=1, examples=[4], json_schema_extra={"unit": "replicas"})
    """Most replicas; if greater than `min_replicas`, the number of replicas follows the queue. Default:
    `min_replicas`."""
    waiting_requests_per_replica: int = Field(default=8, ge=1, examples=[16], json_schema_extra={"unit": "requests"})
    """Waiting requests at which a replica is added."""
    engine_image: str | None = Field(default=None, examples=["registry.example.com/vllm:0.11.0"])
    """Image of the engine; with one of your own its options aren't checked. Default: the recipe's."""
    engine_args: list[str] = Field(default=[], examples=[["--max-num-seqs", "256"]])
    """Arguments of the engine after the recipe's; one that its version doesn't know is refused."""
    engine_options: dict[str, Any] = Field(default={}, examples=[{"dtype": "auto"}])
    """Keys of TensorRT-LLM's file of options over the recipe's; checked likewise."""
    client_cidrs: list[Network] = Field(default=[], examples=[["10.0.0.0/8"]])
    """Networks that may use the endpoint; without any, none may."""
    certificate_arn: CertificateArn | None = Field(
        default=None, examples=["arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"]
    )
    """TLS certificate in ACM, by ARN; this or `plain_http`. Default: none."""
    plain_http: bool = Field(default=False, examples=[True])
    """Port 80 without TLS, where there is no certificate."""
    bedrock_region: Region | None = Field(default=None, examples=["us-west-2"])
    """Region whose Amazon Bedrock answers while no replica does. Default: no fallback."""
    rack_scale: RackScaleSettings | None = None
    """Nodes of each UltraServer that serve the model together, and no other; `min_replicas` counts UltraServers
    then. Default: replicas stand alone."""
    clients: list[ClientSettings] = []
    """Clients that may ask, each with a key of its own; without any, one called `default`, without limits."""
    first_token_seconds: int = Field(default=30, ge=2, examples=[20], json_schema_extra={"unit": "seconds"})
    """Longest that a client waits for the first token of replicas, before Bedrock is asked: half of it at one, half
    at another."""
    idle_seconds: int = Field(default=60, ge=2, examples=[120], json_schema_extra={"unit": "seconds"})
    """Longest between two chunks of a stream, before it is cut; at least `first_token_seconds`, at most 300."""
    total_seconds: int = Field(default=3600, ge=1, examples=[1800], json_schema_extra={"unit": "seconds"})
    """Longest that a stream takes."""
    tokens_per_second: int | None = Field(
        default=None, ge=1, examples=[20000], json_schema_extra={"unit": "tokens a second"}
    )
    """Tokens that all replicas make at most, for the gateway's size. Default: as published; else two gateway pods."""

    def faults(self) -> Iterator[Found]:
        """Faults of its keys together; they are looked at beside those of the fleet, which they don't hide."""
        if self.max_replicas is not None and self.max_replicas < self.min_replicas:
            yield (
                ("max_replicas",),
                FleetError(
                    path="max_replicas",
                    got=self.max_replicas,
                    expected=f"{self.min_replicas}, the min_replicas, or more",
                    remedy="raise it, or leave it out",
                ),
            )
        if self.idle_seconds < self.first_token_seconds:
            stated = "idle_seconds" in self.model_fields_set
            yield (
                ("idle_seconds" if stated else "first_token_seconds",),
                FleetError(
                    path="idle_seconds" if stated else "first_token_seconds",
                    got=self.idle_seconds if stated else self.first_token_seconds,
                    expected=f"{self.first_token_seconds}, the first_token_seconds, or more"
                    if stated
                    else f"at most {self.idle_seconds}, the idle_seconds",
                    remedy="raise it, or lower first_token_seconds" if stated else "lower it, or raise idle_seconds",
                ),
            )
        names = [client.name for client in self.clients]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (
                    ("clients", index, "name"),
                    FleetError(
                        path="clients",
                        verb="have",
                        got=f"{names.count(name)} entries named {name!r}",
                        expected="each name once",
                        remedy="rename one",
                    ),
                )
        if (self.certificate_arn is not None) is self.plain_http:
            both = self.plain_http
            yield (
                ("plain_http",) if both else (),
                FleetError(
                    path="plain_http" if both else "certificate_arn",
                    got="true beside a certificate_arn" if both else "missing, and plain_http isn't true",
                    expected="one of them" if both else "a certificate_arn, or plain_http: true",
                    remedy="remove one" if both else "state one: clients send their key with each request",
                ),
            )
