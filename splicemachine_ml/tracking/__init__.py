"""Runs, parameters, metrics, tags and artifacts on MLflow."""
