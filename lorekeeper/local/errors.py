"""Errors that the command line prints as they are."""


class LocalEngineError(Exception):
    """The embedded engines cannot do what was asked; the message says in one sentence why, and what to do."""


class PortTakenError(LocalEngineError):
    """Somebody else took the port between our look and the engine's bind; another port will do."""


class StartCancelledError(LocalEngineError):
    """The start was given up because the stack is being stopped."""
