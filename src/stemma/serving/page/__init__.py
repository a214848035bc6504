"""The page at ``/``: what people see of a server, in plain HTML, CSS and JavaScript."""
