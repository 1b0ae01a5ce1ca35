"""Kubernetes settings, training teams and served models of an environment file."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.environment.fields import Name, Settings
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.acceptance_images import AcceptanceImages
from ultrafleet.rules.priorities import TEAM_PRIORITIES


class ArgoCdSettings(Settings):
    """Git location where Argo CD finds the files that `cdk synth` writes to `cdk.out/argo-cd/ENVIRONMENT`."""

    repository: str
    """Address of the Git repository."""
    path: str
    """Folder in it."""
    revision: str = "main"
    """Branch or tag."""
    idc_instance_arn: str
    """IAM Identity Center instance, which EKS' Argo CD capability signs people in with."""
    idc_region: str | None = None
    """Its region. Default: the environment's."""
    admin_group_ids: list[str] = []
    """Identity Center groups that administer Argo CD."""


class AcceptanceSettings(Settings):
    """Acceptance of pools; see `PoolAcceptance`."""

    image: str | None = None
    """Image that has what docs/acceptance.md says, for the architectures of nodes with NVIDIA GPUs. Default: each of
    their pools has its own."""
    images: dict[str, str] = {}
    """Images of single pools instead, by pool. Trainium is tested where it has one."""
    floors_gbs: dict[str, dict[Literal["nvlink", "neuronlink", "efa", "node"], float]] = {}
    """Floors by pool and path, where none is published or yours differ, in GB/s of bus bandwidth."""
    wait_minutes: int | None = Field(default=None, ge=1, le=1440)
    """Minutes after the first node of a block in which the others are waited for. Default: 15."""
    run_minutes: int | None = Field(default=None, ge=1, le=1440)
    """Minutes that a run may take; without a result by then it has hung. Default: 90."""
    gate_image: str | None = None
    """Image with Python for the gate. Default: Docker's official one in Amazon ECR Public."""

    @model_validator(mode="after")
    def _has_an_image(self) -> Self:
        if self.image is None and not self.images:
            raise FleetError(
                path="image",
                got="not stated",
                expected="the image that nodes are tested with",
                remedy="state it, or images of single pools",
            )
        return self

    def images_of_pools(self) -> AcceptanceImages:
        """Images by pool, which say what is tested."""
        return AcceptanceImages(self.image, self.images)


class KubernetesSettings(Settings):
    """Runtime, queues and controllers; see `FleetPlatform`."""

    delivery: Literal["kubectl", "argo_cd", "none"] = "kubectl"
    """Delivery of charts and objects to the cluster: by the deployment, by Argo CD, or not at all."""
    argo_cd: ArgoCdSettings | None = None
    chart_versions: dict[str, str] = {}
    """Versions instead of the library's, by chart, or of "nvidia-driver"."""
    waived_version_rules: dict[str, str] = {}
    """Rules between versions that don't apply here, each with a reason."""
    spare_nodes_per_ultraserver: int = Field(default=0, ge=0)
    """Nodes of each UltraServer that jobs leave free; 2 is the 16-of-18 mode."""
    ultraserver_network_layers: int | None = Field(default=None, ge=0, le=4)
    """Network layers above UltraServers in queues' topologies. Default: 2."""
    pods_ready_minutes: int | None = Field(default=None, ge=1, le=1440)
    """Minutes until all pods of a job are ready, or Kueue takes its nodes back. Default: 30."""
    pods_recovery_minutes: int | None = Field(default=None, ge=1, le=1440)
    """Minutes until they are again after one was lost. Default: 15."""
    max_requeues: int | None = Field(default=None, ge=0, le=100)
    """Times that such a job goes back into the queue before it is set inactive. Default: 3."""
    efa: Literal["dra", "device_plugin"] | None = None
    """Driver that gives EFA devices to pods: for DRA, or a device plugin. Default: what EKS recommends for new
    clusters of the Kubernetes version."""
    program_image: str | None = None
    """Image with Python for the programs that hold spare nodes and delete ComputeDomains of jobs that are over.
    Default: Docker's official one in Amazon ECR Public."""
    acceptance: AcceptanceSettings | None = None
    """Tests each pool when its nodes are first there. Default: nothing is tested."""
    dashboard: bool = True
    """CloudWatch dashboard and alarms; they need the add-on amazon-cloudwatch-observability, which comes with them."""

    @model_validator(mode="after")
    def _delivery_fits(self) -> Self:
        if (self.delivery == "argo_cd") is not (self.argo_cd is not None):
            raise FleetError(
                path="delivery",
                got=f"{self.delivery} and argo_cd {'stated' if self.argo_cd else 'not stated'}",
                expected="both or neither",
                remedy="state argo_cd with delivery argo_cd",
            )
        return self


class FileSystemSettings(Settings):
    """A team's FSx for Lustre; see `LustreFileSystem`."""

    subnet: str
    """Subnet in an availability zone; nodes of other zones reach it, too."""
    capacity_gib: int
    throughput_mbps_per_tib: int = 1000
    efa: bool = False
    """EFA for nodes of its zone that have a Lustre client with EFA; no EKS image is documented to bring one."""
    data_bucket: str | None = None
    """Bucket behind `/data`."""
    data_prefix: str = ""
    export_to_bucket: bool = False
    """Writes new and changed files under `/data` to the bucket; deletions never."""

    @model_validator(mode="after")
    def _export_has_a_bucket(self) -> Self:
        if self.export_to_bucket and self.data_bucket is None:
            raise FleetError(
                path="export_to_bucket",
                got="true without a data_bucket",
                expected="the bucket that files are written to",
                remedy="name it as data_bucket",
            )
        return self


class TeamSettings(Settings):
    """A team that trains; see `TrainingTeam`."""

    name: Name
    workload: str = "training"
    """Queue of the team: the workload of some pool."""
    priorities: list[str] = list(TEAM_PRIORITIES)
    """Kueue priority classes that its jobs may have."""
    guaranteed_nodes: dict[str, Annotated[int, Field(ge=0)]] = {}
    """Nodes that its jobs get in any case, by UltraServer or instance type; see `TeamShare`."""
    fair_sharing_weight: float = Field(default=1, ge=0)
    """Weight of the team in idle nodes beside other teams; with 0 it has only what other teams leave."""
    member_role_arns: list[str] = []
    data_buckets: list[str] = []
    """Buckets that its jobs may read."""
    file_system: FileSystemSettings | None = None


class RackScaleSettings(Settings):
    """Nodes of each UltraServer that serve a model together; see `RackScale`."""

    prefill_nodes: int = Field(ge=1)
    """Nodes that read prompts."""
    decode_nodes: int = Field(ge=1)
    """Nodes that write answers."""


class ClientSettings(Settings):
    """A client of a model; see `GatewayClient`."""

    name: Name
    """Name of its key, and of its limits."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Most requests. Default: no limit."""
    fallback_requests_per_day: int | None = Field(default=None, ge=0)
    """Most requests that Bedrock may answer for it. Default: no limit."""


class ServedModelSettings(Settings):
    """A model that is served; see `ModelEndpoint`."""

    name: Name
    """Name of the endpoint."""
    model: str = "gpt-oss-120b"
    pool: str
    """Name of a pool that serves the model; it may use all pools of the same capacity."""
    weights: str
    """`s3://BUCKET/PREFIX`."""
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int | None = Field(default=None, ge=1)
    """Default: as many as `min_replicas`."""
    waiting_requests_per_replica: int = Field(default=8, ge=1)
    engine_image: str | None = None
    """Image of the engine. Default: the one that the recipe was checked against."""
    engine_args: list[str] = []
    """Arguments of the engine after the recipe's."""
    engine_options: dict[str, Any] = {}
    """Keys of TensorRT-LLM's file of options over the recipe's."""
    client_cidrs: list[str] = []
    """Networks that may use it. Default: none."""
    certificate_arn: str | None = None
    plain_http: bool = False
    """Port 80 without TLS, where there is no certificate."""
    bedrock_region: str | None = None
    """Region whose Amazon Bedrock answers while no replica does. Default: none."""
    rack_scale: RackScaleSettings | None = None
    """Prefill and decode on nodes of their own, a replica an UltraServer. Default: replicas stand alone."""
    clients: list[ClientSettings] = []
    """Clients with a key each. Default: one, `default`, without limits."""
    first_token_seconds: int = Field(default=30, ge=2)
    """Longest that a client waits for replicas' first token, before Bedrock is asked."""
    idle_seconds: int = Field(default=60, ge=2)
    """Longest between two chunks of a stream, before it is cut."""
    total_seconds: int = Field(default=3600, ge=1)
    """Longest that a stream takes."""
    tokens_per_second: int | None = Field(default=None, ge=1)
    """Tokens that all replicas make at most, for the gateway's size. Default: as published; else two pods."""
