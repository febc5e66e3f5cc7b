"""From a saved Spark pipeline to answers without Spark."""
