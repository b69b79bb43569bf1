"""What MLflow knows of a version's input, output and parameters."""

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec


def signature(image_size: int, factor: int = 1) -> ModelSignature:
    """Input: class names in an unnamed string column; output: uint8 [N, H, W]; params.

    If a version makes given images `factor` times larger, the input is uint8 [N, h, w]. The params
    are those of `mlflow_model`'s predict, whose docstring explains them.
    """
    if factor > 1:
        return _of_enlarger(image_size, factor)
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


def _of_enlarger(image_size: int, factor: int) -> ModelSignature:
    small, pixel = image_size // factor, np.dtype(np.uint8)
    return ModelSignature(
        inputs=Schema([TensorSpec(pixel, (-1, small, small))]),
        outputs=Schema([TensorSpec(pixel, (-1, image_size, image_size))]),
        params=ParamSchema([ParamSpec("noise", "double", 0.0)]),
    )
