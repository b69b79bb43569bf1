import pytest
import yaml
from pydantic import BaseModel, ValidationError

from model.config import TrainConfig
from model.families import names, recipe_class
from model.families.recipe import Recipe
from model.network import NetworkConfig


def test_a_section_read_from_yaml_is_the_default() -> None:
    written = yaml.safe_dump(TrainConfig().model_dump(mode="json"))
    assert TrainConfig.model_validate(yaml.safe_load(written)) == TrainConfig()


def test_a_number_that_yaml_reads_as_a_string_is_refused() -> None:
    section = yaml.safe_load("recipe: {learning_rate: 2e-4}")
    with pytest.raises(ValidationError, match="learning_rate"):
        TrainConfig.model_validate(section)


def test_every_wrong_key_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        TrainConfig.model_validate(
            {"kimgs": 3, "seed": -1, "recipe": {"batch": 1, "widths": [16, 2]}}
        )
    assert {error["loc"][:2] for error in caught.value.errors()} == {
        ("recipe", "batch"),
        ("recipe", "widths"),
        ("kimgs",),
        ("seed",),
    }


def test_every_field_is_described() -> None:
    kinds: list[type[BaseModel]] = [TrainConfig, *(recipe_class(name) for name in names())]
    for kind in kinds:
        assert all(field.description for field in kind.model_fields.values()), kind
    assert all(field.description for field in NetworkConfig.model_fields.values())


@pytest.mark.parametrize(
    ("size", "widths"), [(32, (32, 24, 16)), (64, (32, 24, 16, 8)), (128, (32, 24, 16, 8, 4))]
)
def test_widths_follow_the_size_of_the_images(size: int, widths: tuple[int, ...]) -> None:
    config = TrainConfig(recipe=recipe_class("rpgan")(widths=(32, 24, 16, 8)))
    assert config.network(size, ("a",)).widths == widths


def test_images_total_is_whole_batches() -> None:
    recipe: Recipe = recipe_class("rpgan")(batch=16)
    assert TrainConfig(kimg=0.1, recipe=recipe).images_total == 112
    assert TrainConfig(kimg=0.064, recipe=recipe).images_total == 64
