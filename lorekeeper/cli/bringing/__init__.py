"""What `lorekeeper import` brings in, one module for each kind."""
