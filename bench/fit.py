"""Whether a generator draws what a data set shows."""

from model.network import NetworkConfig
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed
from pipeline.data.region import in_words

ADVICE = "give the data that it was trained on"


def require_fit(
    network: NetworkConfig, data: Processed, *, findings: bool = False, advice: str = ADVICE
) -> None:
    """Check that images of a generator and of a data set can be compared.

    Args:
        network: of the generator.
        data: processed images.
        findings: kinds of findings are compared, too.
        advice: the end of the message, what to do.

    Raises:
        BadInputError: size, classes, view or kinds of findings differ.
    """
    facts: dict[str, tuple[object, object]] = {
        "pixels to a side": (network.image_size, data.train.images.shape[-1]),
        "classes": (network.classes, data.classes),
        "view": (in_words(network.view), in_words(data.view)),
    }
    if findings:
        facts["kinds of findings"] = (network.given, data.kinds)
    for name, (drawn, shown) in facts.items():
        if drawn != shown:
            raise BadInputError(f"{name}: the generator has {drawn}, the data {shown}; {advice}")
