"""A model that is served: engine, workers, autoscaling, and a gateway that falls back to Amazon Bedrock."""

from ultrafleet.catalog.models import Model
from ultrafleet.catalog.rack_recipes import RackRecipe, rack_recipe
from ultrafleet.catalog.serving_recipes import TENSORRT_LLM, VLLM, Engine, ServingRecipe, serving_recipe
from ultrafleet.inference.gateway import DEFAULT_CLIENTS, GatewayClient
from ultrafleet.inference.model_endpoint import ModelEndpoint
from ultrafleet.inference.rack_scale import RackScale
from ultrafleet.inference.serving import Serving

__all__ = [
    "DEFAULT_CLIENTS",
    "TENSORRT_LLM",
    "VLLM",
    "Engine",
    "GatewayClient",
    "Model",
    "ModelEndpoint",
    "RackRecipe",
    "RackScale",
    "Serving",
    "ServingRecipe",
    "rack_recipe",
    "serving_recipe",
]
