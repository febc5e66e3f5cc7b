"""Where a model can be deployed to, and the bundle that travels there."""
