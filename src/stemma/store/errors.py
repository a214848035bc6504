"""The errors of what reads a repository.

StemmaError
└── ProjectError       Git, DVC or the layout of the repository
    ├── MissingError   bytes that a version has are nowhere
    └── DamagedError   bytes that a version has are there, and are not what they should be
"""

from stemma.errors import StemmaError


class ProjectError(StemmaError):
    """The repository is not what the command needs."""


class MissingError(ProjectError):
    """Bytes that a version has are at hand nowhere: in no cache, and in no remote."""


class DamagedError(ProjectError):
    """Bytes that a version has are torn, cannot be read, or do not hash to their name."""
