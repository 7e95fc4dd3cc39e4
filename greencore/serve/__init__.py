"""`python -m greencore serve`: serves a WSGI application or a folder of files, by one worker process or several."""
