"""A model that is served: engine, workers, autoscaling, and a gateway that falls back to Amazon Bedrock."""

from ultrafleet.catalog.models import Model
from ultrafleet.catalog.serving_recipes import TENSORRT_LLM, VLLM, Engine, ServingRecipe, serving_recipe
from ultrafleet.inference.model_endpoint import ModelEndpoint
from ultrafleet.inference.serving import Serving

__all__ = [
    "TENSORRT_LLM",
    "VLLM",
    "Engine",
    "Model",
    "ModelEndpoint",
    "Serving",
    "ServingRecipe",
    "serving_recipe",
]
