"""Makes the next version of what production taught: select, train, compare, judge, propose."""

from stemma.updating.update import Update, abandon, update

__all__ = ["Update", "abandon", "update"]
