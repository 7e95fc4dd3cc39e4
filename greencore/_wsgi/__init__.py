"""Parts of the WSGI server that are not worth C."""
