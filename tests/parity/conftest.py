"""Synthea's patients are looked at where they lie beside the repository; elsewhere those tests do not exist."""

from tests.parity.batch import SYNTHEA

collect_ignore = [] if SYNTHEA.is_dir() else ["test_synthea.py"]
