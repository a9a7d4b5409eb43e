"""Asset jobs: creation, the state machine, leases."""
