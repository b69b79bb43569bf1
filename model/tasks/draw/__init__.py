"""To draw images of a class that show nobody."""

from ..task import Task

TASK = Task(
    name="draw",
    given="a class, and where findings are if it takes them",
    made="an image",
    score="kernel distance",
)
