"""To make images 2 or 4 times as large."""

from ..task import Bound, Quality, Task

TASK = Task(
    name="enlarge",
    given="a small image",
    made="the same image, 2 or 4 times as large",
    score="-PSNR",
    unit="dB",
    rival="bicubic",
    qualities=(
        Quality("psnr", "dB", higher=True),
        Quality("ssim", "", higher=True),
        Quality("consistency", "grey levels", higher=False),
    ),
    decides="psnr",
    bounds=(Bound("psnr"), Bound("ssim"), Bound("consistency", most=2.0)),
)
