"""Everything that crosses the wire: enums, request and response models, error codes, hashing.

Shared by the server, the SDK and the command line, so it imports the standard library, pydantic and rfc8785 only.
"""
