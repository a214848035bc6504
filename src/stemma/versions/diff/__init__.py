"""What changed between two versions, and whether it matters: a section for each kind of thing."""

# In the order in which they are told: what went in, what it made, and how well that does.
SECTIONS = (
    "settings", "environment", "code", "data", "tokenizer", "weights", "metrics", "behaviour",
)  # fmt: skip
