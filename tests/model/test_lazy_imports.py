import subprocess
import sys

import pytest

import model

HEAVY = ("safetensors", "torchvision", "skimage", "scipy", "mlflow", "PIL", "yaml", "pandas")


def test_drawing_images_needs_torch_numpy_and_pydantic_alone() -> None:
    # sampling imports networks, weights and config.
    code = f"import sys, model.sampling; print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []


def test_the_config_needs_no_torch() -> None:
    code = "import sys, model.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_training_loads_no_statistics_that_it_does_not_make() -> None:
    code = "import sys, pipeline.stages.train; assert 'scipy.stats' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_listed_name_is_there() -> None:
    for name in model.__all__:
        assert getattr(model, name).__name__ == name


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="fitt"):
        _ = model.fitt
