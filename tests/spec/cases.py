"""All cases: those about features, and those about stages and outcomes."""

from __future__ import annotations

from tests.spec.cases_care import CARE
from tests.spec.cases_each import EACH
from tests.spec.cases_for_gaps import FOR_GAPS
from tests.spec.cases_kinds import KINDS
from tests.spec.cases_outcomes import OUTCOMES
from tests.spec.cases_recent import RECENT
from tests.spec.cases_series import SERIES
from tests.spec.cases_stages import STAGES
from tests.spec.cases_values import VALUES

OF_FEATURES = (*KINDS, *SERIES, *RECENT, *EACH, *VALUES, *FOR_GAPS)
CASES = (*STAGES, *CARE, *OF_FEATURES, *OUTCOMES)
