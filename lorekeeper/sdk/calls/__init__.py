"""Requests and how their answers are read, without any input or output.

A function here turns arguments into a `Call`; a transport sends it. The synchronous client is one user of these
functions; an asynchronous one needs nothing but a transport of its own.
"""
