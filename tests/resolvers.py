"""A resolver that asks a name server of a test's own."""

from gevent.resolver._hostsfile import HostsFile
from gevent.resolver.ares import Resolver


def make_resolver(server, **options):
    options = {"servers": f"{server.host}:{server.port}", "timeout": 0.1, "tries": 2, "domains": ["search.test"], **options}
    made = Resolver(use_environ=False, **options)
    made.hosts_file = HostsFile("/nonexistent")
    return made
