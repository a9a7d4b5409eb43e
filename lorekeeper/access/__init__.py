"""API keys, roles and the worlds and providers a key is granted."""
