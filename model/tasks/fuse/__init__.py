"""To make one image of two registered ones."""

from ..task import Bound, Quality, Task

TASK = Task(
    name="fuse",
    given="two registered images of one place",
    made="one image that keeps what both show",
    score="1 - SSIM to both",
    rival="maximum",
    qualities=(
        Quality("mi", "", higher=True),
        Quality("ssim", "", higher=True),
        Quality("qabf", "", higher=True),
        Quality("sf", "grey levels", higher=True),
    ),
    decides="ssim",
    perfect=1.0,
    sources=2,
    bounds=(Bound("mi"), Bound("ssim"), Bound("qabf")),
)
