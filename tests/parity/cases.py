"""The pipelines under comparison, one entry each. Cases are data; the test is in ``test_parity.py``."""

from __future__ import annotations

from tests.parity.cases_features import FEATURES
from tests.parity.cases_models import MODELS
from tests.parity.cases_trees import TREES
from tests.parity.cases_vectors import VECTORS
from tests.parity.harness import Case

CASES: tuple[Case, ...] = (*FEATURES, *VECTORS, *MODELS, *TREES)
