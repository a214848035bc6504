"""What changed between two versions, and whether it matters: a section for each kind of thing."""
