"""A logged model as a directory that MLflow, Spark and the scorer read."""
