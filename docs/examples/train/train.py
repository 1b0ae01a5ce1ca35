"""A language model on random tokens: the smallest job that does what a real one does.

One process for each accelerator (torchrun starts them), weights and optimiser sharded over all of them (FSDP2), and a
checkpoint every so many steps, from which the next start goes on: a node that fails, or a block that ends, costs the
steps since then. On a machine without accelerators it runs on CPUs, to be tried:

    torchrun --nproc-per-node=2 train.py --steps 6 --checkpoint-every 3 --checkpoints /tmp/checkpoints
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard

VOCABULARY = 32_000


class Store:
    """Checkpoints in a folder that all nodes share (Lustre), or under s3://bucket/prefix."""

    def __init__(self, place: str) -> None:
        self.bucket, self.prefix, self.folder = None, "", Path(place)
        if place.startswith("s3://"):
            import boto3  # noqa: PLC0415 - only where it is needed

            name, _, self.prefix = place.removeprefix("s3://").partition("/")
            self.bucket = boto3.resource("s3").Bucket(name)  # credentials: the job's service account
            self.folder = Path(tempfile.gettempdir()) / "checkpoints"

    def latest(self) -> Path | None:
        """The last checkpoint that is complete: its metadata is written last."""
        if self.bucket is not None:
            keys = [item.key for item in self.bucket.objects.filter(Prefix=f"{self.prefix}/")]
            done = sorted(key.removesuffix("/.metadata") for key in keys if key.endswith("/.metadata"))
            if done and int(os.environ["LOCAL_RANK"]) == 0:
                for key in (key for key in keys if key.startswith(f"{done[-1]}/")):
                    target = self.folder / key.removeprefix(f"{self.prefix}/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.bucket.download_file(key, str(target))
            dist.barrier()
            return self.folder / Path(done[-1]).name if done else None
        done = sorted(path.parent.name for path in self.folder.glob("*/.metadata"))
        return self.folder / done[-1] if done else None

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Every rank writes its own part."""
        folder = self.folder / f"step-{step:09}"
        dcp.save(state, checkpoint_id=folder)
        if self.bucket is None:
            return
        for path in sorted(folder.glob(f"__{dist.get_rank()}_*")):
            self.bucket.upload_file(str(path), f"{self.prefix}/{folder.name}/{path.name}")
        dist.barrier()
        if dist.get_rank() == 0:
            self.bucket.upload_file(str(folder / ".metadata"), f"{self.prefix}/{folder.name}/.metadata")
        dist.barrier()
        if int(os.environ["LOCAL_RANK"]) == 0:
            shutil.rmtree(folder)


def model(width: int, layers: int) -> nn.Module:
    """A decoder; each of its layers is gathered when it is needed."""
    blocks = [
        nn.TransformerEncoderLayer(width, nhead=8, dim_feedforward=4 * width, batch_first=True, norm_first=True)
        for _ in range(layers)
    ]
    return nn.Sequential(nn.Embedding(VOCABULARY, width), *blocks, nn.Linear(width, VOCABULARY))


def main() -> None:
    """One process of the job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--checkpoint-every", type=int, default=100)
    parser.add_argument("--checkpoints", default=os.environ.get("CHECKPOINTS"), help="a folder, or s3://bucket/prefix")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    arguments = parser.parse_args()
    if not arguments.checkpoints:
        parser.error("--checkpoints or CHECKPOINTS is not set, expected a folder or s3://bucket/prefix")

    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    store = Store(arguments.checkpoints)

    network = model(arguments.width, arguments.layers).to(device)
    for layer in network:
        fully_shard(layer)
    fully_shard(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-4)

    first = 0
    found = store.latest()
    if found is not None:
        weights, moments = get_state_dict(network, optimiser)
        state = {"model": weights, "optimiser": moments}
        dcp.load(state, checkpoint_id=found)
        set_state_dict(network, optimiser, model_state_dict=state["model"], optim_state_dict=state["optimiser"])
        first = int(found.name.removeprefix("step-"))
    if dist.get_rank() == 0:
        print(f"{dist.get_world_size()} accelerators ({device.type}), from step {first}", flush=True)

    for step in range(first, arguments.steps):
        torch.manual_seed(step * dist.get_world_size() + dist.get_rank())  # stands for your data loader
        tokens = torch.randint(VOCABULARY, (2, 129), device=device)
        guesses = network(tokens[:, :-1])
        loss = nn.functional.cross_entropy(guesses.flatten(0, 1).float(), tokens[:, 1:].flatten())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if (step + 1) % arguments.checkpoint_every == 0:
            weights, moments = get_state_dict(network, optimiser)
            store.save(step + 1, {"model": weights, "optimiser": moments})
            if dist.get_rank() == 0:
                print(f"step {step + 1}: loss {loss.item():.3f}, saved", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
