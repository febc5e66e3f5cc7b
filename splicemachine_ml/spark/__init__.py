"""Everything that needs a Spark session: save, load, describe, evaluate."""
