"""The pages of one launch under `/s/<sid>/`: each path names its launch, so two charts in one browser never mix."""

from app.chart import elsewhere, page  # noqa: F401 - each adds its routes
from app.chart.blueprint import BLUEPRINT, repeat_patient

__all__ = ["BLUEPRINT", "repeat_patient"]
