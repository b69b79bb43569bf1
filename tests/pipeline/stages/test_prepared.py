"""Arrays made of phantoms are known as such, so that their findings can be counted."""

from pathlib import Path

from PIL import Image

from pipeline.phantoms.phantom import PhantomConfig, write_phantom
from pipeline.stages.prepared import are_phantoms, prepare


def test_arrays_of_phantoms_alone_are_known(tmp_path: Path) -> None:
    data, cache = tmp_path / "data", tmp_path / "cache"
    write_phantom(data, 5, seed=0, config=PhantomConfig(size=64, slices=1))
    arrays = prepare(data, 32, cache)
    assert are_phantoms(arrays)
    (arrays / "PHANTOM").unlink()
    assert not are_phantoms(arrays)
    assert prepare(data, 32, cache) == arrays
    assert are_phantoms(arrays), "arrays of an earlier version gain the mark"
    image = next(data.rglob("*.png"))
    Image.open(image).save(image.with_name("patient.png"))
    assert not are_phantoms(prepare(data, 32, cache))


def test_arrays_of_a_workspace_are_known_by_its_mark(tmp_path: Path) -> None:
    arrays = tmp_path / "data" / "processed"
    arrays.mkdir(parents=True)
    assert not are_phantoms(arrays)
    (tmp_path / "data" / "PHANTOM").write_text("of a project of phantoms")
    assert are_phantoms(arrays)
