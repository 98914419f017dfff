"""Tools for all other packages: command lines, atomic file writes, checked records and schemas, resource meters.

The package imports no other package of Hearth. Start with `files`.
"""
