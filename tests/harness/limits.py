"""The limits that the app under test is set to: small, so that a test can go beyond them."""

MAX_BODY_BYTES = 256 * 1024
MAX_IMPORT_BYTES = 1024 * 1024
