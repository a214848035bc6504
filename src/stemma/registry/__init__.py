"""Names versions: registers them, judges and promotes them, rolls back and recalls.

>>> from stemma import registry
>>> [one.name for one in registry.versions().versions]

Each function works in the current folder, as the command of the same name does, and returns as data
what the command prints. A function's module is imported when the function is first asked for.
"""
