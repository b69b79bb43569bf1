"""Access to MLflow's registry: versions, aliases, and drawing images from a version.

Only this package uses MLflow. Decisions are in the journal. It imports `data` and below.
Start with `Registry`.
"""

from pipeline.base.children import keep_settled

keep_settled()  # MLflow reads the environment while it is imported, and would report its use
