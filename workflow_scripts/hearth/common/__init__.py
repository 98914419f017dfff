"""Shared by all packages: command lines, files that are complete or absent, checked records and schemas, meters.

The package imports nothing of ours. Start with `files`.
"""
