"""What changed between two versions, and whether it matters: a section for each kind of thing."""

# Section -> module, in the order in which they are told: what went in, what it made, and how well
# that does.
SECTIONS = {
    "settings": "settings",
    "environment": "environment",
    "code": "code",
    "data": "data.section",
    "tokenizer": "tokenizer.section",
    "weights": "weights.section",
    "metrics": "metrics",
    "behaviour": "behaviour.section",
}
