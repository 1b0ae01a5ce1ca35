"""Models that can be served, with their facts."""

from collections.abc import Mapping
from dataclasses import dataclass

from ultrafleet.catalog.source import CALLER, Confidence, Source
from ultrafleet.errors import FleetError


@dataclass(frozen=True, kw_only=True)
class Model:
    """An open-weight model.

    Attributes:
        name: what clients call it.
        weights_gib: room that its files take on a node.
        bedrock_model_id: the same model in Amazon Bedrock; None where Bedrock doesn't have it, or it is unknown.
        source: where this is known from.
    """

    name: str
    weights_gib: int
    bedrock_model_id: str | None = None
    source: Source = CALLER

    @staticmethod
    def of(name: str, *, weights_gib: int | None = None, bedrock_model_id: str | None = None) -> "Model":
        """A known model by its name, or one of your own.

        Args:
            name: what clients call it.
            weights_gib: room for its files. Default: of a known model.
            bedrock_model_id: the same model in Bedrock. Default: of a known model; else none.

        Raises:
            FleetError: an unknown name without a size.
        """
        known = MODELS.get(name)
        if weights_gib is None:
            if known is None:
                raise FleetError(
                    path="model",
                    got=repr(name),
                    expected=f"one of {', '.join(MODELS)}",
                    remedy="correct it, or pass weights_gib",
                )
            weights_gib = known.weights_gib
        return Model(
            name=name,
            weights_gib=weights_gib,
            bedrock_model_id=bedrock_model_id or (known.bedrock_model_id if known else None),
            source=known.source if known else CALLER,
        )


MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        # 65.3 GB of safetensors in the repository's root; `original/` and `metal/` hold the same again.
        Model(
            name="gpt-oss-120b",
            weights_gib=80,
            bedrock_model_id="openai.gpt-oss-120b-1:0",
            source=Source(
                "huggingface.co/openai/gpt-oss-120b; Bedrock user guide, OpenAI models",
                address="https://huggingface.co/openai/gpt-oss-120b",
            ),
        ),
        Model(
            name="gpt-oss-20b",
            weights_gib=20,
            bedrock_model_id="openai.gpt-oss-20b-1:0",
            source=Source(
                "huggingface.co/openai/gpt-oss-20b",
                Confidence.MEDIUM,
                "https://huggingface.co/openai/gpt-oss-20b",
                also=(Source("Bedrock user guide, OpenAI models"),),
            ),
        ),
        # About 865 GB in 64 files; whether Bedrock has it was not looked up.
        Model(
            name="deepseek-v4-pro",
            weights_gib=850,
            source=Source(
                "ai-dynamo/dynamo, recipes/deepseek-v4/deepseek-v4-pro/README.md",
                Confidence.MEDIUM,
                "https://github.com/ai-dynamo/dynamo/tree/main/recipes/deepseek-v4/deepseek-v4-pro",
            ),
        ),
    )
}
