"""What MLflow knows of a version's input, output and parameters."""

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec


def signature(image_size: int, factor: int = 1, sources: int = 1) -> ModelSignature:
    """Input: class names in an unnamed string column; output: uint8 [N, H, W]; params.

    If a version makes given images `factor` times larger, the input is uint8 [N, h, w]; if it makes
    one image of two sources, it is uint8 [N, 2, H, W]. The params are those of `mlflow_model`'s
    predict, whose docstring explains them.
    """
    if factor > 1:
        side = image_size // factor
        return _given_images((side, side), image_size, ParamSpec("noise", "double", 0.0))
    if sources > 1:
        shape = (sources, image_size, image_size)
        return _given_images(shape, image_size, ParamSpec("check", "boolean", True))
    return ModelSignature(
        inputs=Schema([ColSpec("string")]),
        outputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, image_size, image_size))]),
        params=ParamSchema(
            [
                ParamSpec("seed", "long", 0),
                ParamSpec("start", "long", 0),
                ParamSpec("truncation", "double", 1.0),
                ParamSpec("frames", "long", 0),
                ParamSpec("findings", "long", -1),
                ParamSpec("kind", "string", ""),
                ParamSpec("size_low", "double", 0.0),
                ParamSpec("size_high", "double", 0.0),
                ParamSpec("output", "string", "images"),
            ]
        ),
    )


def _given_images(shape: tuple[int, ...], image_size: int, param: ParamSpec) -> ModelSignature:
    pixel = np.dtype(np.uint8)
    return ModelSignature(
        inputs=Schema([TensorSpec(pixel, (-1, *shape))]),
        outputs=Schema([TensorSpec(pixel, (-1, image_size, image_size))]),
        params=ParamSchema([param]),
    )
