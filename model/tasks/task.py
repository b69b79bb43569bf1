"""The description of a task. Does not import torch, so the gate and the CLI read it quickly."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """A figure of one result beside its truth.

    Attributes:
        name: of the figure in an evaluation, such as psnr.
        unit: such as dB; "" for none.
        higher: whether higher is better.
    """

    name: str
    unit: str
    higher: bool

    @property
    def gain(self) -> str:
        """The figure that says by how much results are better than the rival's."""
        return f"{self.name}_gain"


@dataclass(frozen=True)
class Bound:
    """A guard: what every version must keep.

    Attributes:
        quality: name of the quality.
        most: the upper end of its interval must not exceed this; None: it must surely be better
            than the rival's, group by group.
    """

    quality: str
    most: float | None = None


@dataclass(frozen=True)
class Task:
    """What a generator is given, what it makes, and how that is scored.

    Attributes:
        name: its folder in model/tasks.
        given, made: in words.
        score: the figure whose value in each test group decides; lower is better.
        unit: of the score.
        rival: what makes the same without training; "" for none.
        qualities: figures of one result beside its truth; () if results have none.
        decides: the quality that the score is made of; "" if results have no truth.
        perfect: its best value, from which a higher one is subtracted; 0 if it has no end.
        sources: how many registered images of one place a row of the data holds.
        bounds: guards, for tasks with qualities.
    """

    name: str
    given: str
    made: str
    score: str
    unit: str = ""
    rival: str = ""
    qualities: tuple[Quality, ...] = ()
    decides: str = ""
    perfect: float = 0.0
    sources: int = 1
    bounds: tuple[Bound, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether each result is compared with the real images that it was made from."""
        return bool(self.qualities)

    def scored(self, value: float) -> float:
        """The score of a value of `decides`; lower is better.

        Raises:
            ValueError: results of this task have no truth, so that its score is no quality.
        """
        if not self.paired:
            raise ValueError(
                f"the task {self.name} has no quality to score: its {self.score} is of all results "
                "together"
            )
        return self.perfect - value if self.quality(self.decides).higher else value

    def quality(self, name: str) -> Quality:
        """The quality of a name."""
        return next(one for one in self.qualities if one.name == name)
