"""The tracking stores, for every test of this folder."""

from tests.tracking.stores import (  # noqa: F401
    fresh_mlflow,
    make_store,
    manager,
    run,
    settings,
    template_store,
)
