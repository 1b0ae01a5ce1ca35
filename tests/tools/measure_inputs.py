"""Measures check and review on inputs that cost much: seconds of CPU, largest memory, exit code, and what they say.

    python tests/tools/measure_inputs.py [NAME ...]

Each run has at most 4 GB and 40 s. With `load` it measures large templates that are meant well instead.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from helpers.hostile_inputs import INPUTS, pool  # the path is set above

_MEMORY = 4 << 30
_SECONDS = 40
COMMAND = str(Path(sys.executable).with_name("ultrafleet"))


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


def measured(*arguments: str) -> str:
    """A line about one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, COMMAND, *arguments], capture_output=True, check=False, preexec_fn=_limited
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *said, last = done.stderr.decode(errors="replace").strip().splitlines() or [""]
    memory, _, code = last.partition(" ")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    trace = " TRACEBACK" if any("Traceback" in line for line in said) else ""
    megabytes = int(memory) // 1024 if memory.isdecimal() else "?"
    return (
        f"{seconds:6.2f} s {megabytes:>5} MB  exit {code or done.returncode}{trace}  {said[-1][:110] if said else ''}"
    )


def hostile(folder: Path, names: list[str]) -> Iterator[str]:
    """Lines about the inputs."""
    for name, (file, text) in INPUTS.items():
        if names and name not in names:
            continue
        path = folder / name / file
        path.parent.mkdir()
        path.write_bytes(text().encode("utf-8", errors="surrogatepass"))
        base = folder / "base" / file
        base.parent.mkdir(exist_ok=True)
        base.write_text(pool())
        size = path.stat().st_size
        yield f"{name} ({size:,} bytes)"
        yield f"  check   {measured('check', str(path))}"
        yield f"  review  {measured('review', str(base), str(path), '--out', str(folder / 'review.md'))}"


def launch_templates(count: int) -> str:
    """A template of many launch templates."""
    cells = [
        {"NetworkCardIndex": n, "DeviceIndex": int(n > 0), "InterfaceType": "efa", "Groups": [{"Ref": "S"}]}
        for n in range(8)
    ]
    data = {"InstanceType": "p5.48xlarge", "NetworkInterfaces": cells, "MetadataOptions": {"HttpTokens": "required"}}
    made = {
        f"L{n}": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}} for n in range(count)
    }
    return json.dumps({"Resources": {"S": {"Type": "AWS::EC2::SecurityGroup", "Properties": {}}, **made}})


def pools(count: int, size: int) -> str:
    """A template of many pools, each with a block."""
    template = json.loads(pool())
    group, block = template["Resources"].pop("G"), template["Metadata"].pop("ultrafleet:n")["blocks"][0]
    for n in range(count):
        scaling = {"MinSize": 0, "MaxSize": size}
        own = {**group["Properties"], "NodegroupName": f"n{n}", "ScalingConfig": scaling}
        template["Resources"][f"G{n}"] = {**group, "Properties": own}
        template["Metadata"][f"ultrafleet:n{n}"] = {"blocks": [{**block, "id": f"cr-{n:017x}", "instances": size}]}
    return json.dumps(template)


def large(size: int, word: str) -> str:
    """A template of many small resources."""
    tags = [{"Key": f"k{n}", "Value": {"Fn::Sub": f"{word}-${{AWS::Region}}-{n}"}} for n in range(4)]
    one = {"Type": "AWS::S3::Bucket", "Properties": {"Tags": tags}}
    count = size // (len(json.dumps(one)) + 12)
    return json.dumps({"Resources": {f"R{n:06}": one for n in range(count)}})


def load(folder: Path) -> Iterator[str]:
    """Lines about large templates."""
    files = {
        "launches.json": launch_templates(1_000),
        "pools-base.json": pools(1_000, 16),
        "pools-head.json": pools(1_000, 8),
        "large-base.json": large(10_000_000, "a"),
        "large-head.json": large(10_000_000, "b"),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    for name in ("launches.json", "large-head.json"):
        yield f"check {name:24} {measured('check', str(folder / name))}"
    for name in ("pools", "large"):
        sides = [str(folder / f"{name}-{side}.json") for side in ("base", "head")]
        yield f"review {name:23} {measured('review', *sides, '--out', str(folder / 'out.md'))}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        lines = load(Path(made)) if sys.argv[1:] == ["load"] else hostile(Path(made), sys.argv[1:])
        for line in lines:
            print(line, flush=True)
