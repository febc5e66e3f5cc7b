"""The SQL database through JDBC."""
