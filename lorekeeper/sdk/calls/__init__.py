"""Requests and how their answers are read, without any input or output.

A function here turns arguments into a `Call`, and is all that is said of an endpoint: what it takes, gives and raises,
and whether it may be sent again. A line in a group (`lorekeeper.sdk.jobs`, …) makes it a method of both clients.
"""
