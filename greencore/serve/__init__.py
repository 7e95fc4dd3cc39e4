"""`python -m greencore serve`: a WSGI application or a folder of files, by as many processes as there are to be."""
