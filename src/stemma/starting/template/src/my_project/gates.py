"""What this project asks of a version before it may go to a stage."""

from stemma.registry.case import Case


def enough_documents(case: Case, least: int) -> tuple[bool, str]:
    """Ask that a version was measured on some number of documents."""
    found = case.metrics.get("documents", 0)
    return found >= least, f"measured on {found} documents, {least} are asked for"
