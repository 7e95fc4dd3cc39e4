"""Modules that exist because programs import private names of gevent's from them: `gevent._semaphore` is
`greencore.compat._semaphore`. The finder behind the name `gevent` has a table of them; nothing in greencore imports them."""
