"""What every domain uses and none owns: database, errors, HTTP glue, pagination, clock, ids."""
