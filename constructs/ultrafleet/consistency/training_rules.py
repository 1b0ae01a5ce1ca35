"""Kubeflow Trainer's runtimes of MPI: how many launchers there are, and when they start."""

from collections.abc import Iterator

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import TRAINER_STEP_LABEL
from ultrafleet.kubernetes.manifest import object_id


def launchers(content: Content) -> Iterator[str]:
    """An MPI runtime has one launcher, which starts after its workers are ready."""
    for runtime in (*content.of_kind("TrainingRuntime"), *content.of_kind("ClusterTrainingRuntime")):
        policy = runtime["spec"].get("mlPolicy", {})
        if "mpi" not in policy:
            continue
        count = policy.get("numNodes", 1)
        if count != 1:
            yield (
                f"{object_id(runtime)} has {count} launchers, expected mlPolicy.numNodes 1: it counts the step "
                f"with the label {TRAINER_STEP_LABEL}; the TrainJob's trainer.numNodes counts the workers"
            )
        for step in runtime["spec"]["template"]["spec"]["replicatedJobs"]:
            labels = step["template"].get("metadata", {}).get("labels", {})
            waits = {(item["name"], item["status"]) for item in step.get("dependsOn", [])}
            if TRAINER_STEP_LABEL in labels and ("node", "Ready") not in waits:
                yield (
                    f"{object_id(runtime)}'s step {step['name']} depends on {sorted(waits)}, expected step node Ready: "
                    "ssh gives up on workers that aren't there"
                )
