"""What must hold whatever dies: the chaos run, its audit, leases of killed workers, and single cases of bad luck."""
