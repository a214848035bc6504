"""The HTTP side: what OpenAI documents, in its names, errors and status codes."""
