"""What people look at, drawn from data: terminal, Markdown, HTML. Nothing is computed here."""
