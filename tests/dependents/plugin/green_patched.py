"""A pytest plugin: everything is patched before the tests are imported."""

from gevent import monkey

monkey.patch_all()
