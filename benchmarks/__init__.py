"""What LoreKeeper costs on top of the engines that it stands on: `make bench`.

Every figure is a ratio of two things measured in turns in the same run, so that it means the same on a loud machine.

    __main__ ── stage (engines, the real server, a world) ── processes
      └── rows/* (one module a row) ── load (HTTP), pgbench, apps (what we are held against), frame (turns, medians)
"""
