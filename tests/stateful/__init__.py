"""Any requests in any order, over the wire, against a plain model of what they ought to do."""
