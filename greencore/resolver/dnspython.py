"""DNS by the package dnspython, on green sockets."""

from _socket import AF_INET, AF_INET6, AF_UNSPEC, EAI_AGAIN, EAI_FAMILY, EAI_NODATA, EAI_NONAME, gaierror, herror
from os import fsdecode

from greencore._base.config import config
from greencore._patcher import import_patched
from greencore.resolver import AbstractResolver

__all__ = ["Resolver"]

_SUBMODULES = {
    "dns": ("exception", "name", "resolver", "reversename", "rdatatype", "rdata", "rdtypes"),
    "dns.rdtypes": ("ANY", "IN"),
    "dns.rdtypes.ANY": ("CNAME", "OPT", "PTR", "SOA"),
    "dns.rdtypes.IN": ("A", "AAAA"),
}


def _load_types(package):
    """Let dnspython import the classes of all record types while its name is that of the copy."""
    for rdclass in package.rdataclass.RdataClass:
        for rdtype in package.rdatatype.RdataType:
            package.rdata.get_rdata_class(rdclass, rdtype)


# This is a copy of the package, which works alike in a patched program and in one that isn't.
dns = import_patched("dns", lambda name: _SUBMODULES.get(name, ()), _load_types).module

_A, _AAAA, _CNAME, _PTR = (getattr(dns.rdatatype.RdataType, name) for name in ("A", "AAAA", "CNAME", "PTR"))
_FAMILIES = {AF_INET: _A, AF_INET6: _AAAA}


def _text(name):
    return name.to_text(omit_final_dot=True)


def _new_resolver():
    made = dns.resolver.Resolver()
    made.cache = dns.resolver.LRUCache()
    if config.resolver_nameservers:
        made.nameservers = list(config.resolver_nameservers)
    if config.resolver_timeout:
        made.lifetime = config.resolver_timeout
    return made


class Resolver(AbstractResolver):
    """Looks names up in the hosts file and, by dnspython, in DNS. It keeps answers as long as they last.

    hub: not used. `config.resolver_nameservers` and `resolver_timeout` (seconds, for a query in all) count.
    """

    _shared = None

    def __init__(self, hub=None):
        if Resolver._shared is None:
            Resolver._shared = _new_resolver()

    @property
    def resolver(self):
        """The `dns.resolver.Resolver`, with its `cache`, `nameservers` and `lifetime`; all hubs have it in common."""
        return self._shared

    def _resolve(self, name, rdtype):
        """Return the answer, or raise the exception that the C library would."""
        try:
            return self.resolver.resolve(name, rdtype, search=True, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError, dns.name.LabelTooLong, dns.name.NameTooLong):
            raise gaierror(EAI_NONAME, self.EAI_NONAME_MSG) from None
        except (dns.exception.Timeout, dns.resolver.NoNameservers):
            raise gaierror(EAI_AGAIN, self.EAI_AGAIN_MSG) from None

    def _query(self, name, family):
        if family not in (AF_UNSPEC, *_FAMILIES):
            raise gaierror(EAI_FAMILY, self.EAI_FAMILY_MSG)
        name = fsdecode(name)
        found, failure = None, gaierror(EAI_NODATA, "No address associated with hostname")
        aliases, pairs = {}, []
        for kind in [family] if family else _FAMILIES:
            try:
                answer = self._resolve(name, _FAMILIES[kind])
            except gaierror as ex:
                failure = ex
                continue
            for rrset in answer.response.answer if answer.response else ():
                if rrset.rdtype == _CNAME:
                    aliases[_text(rrset.name)] = True
            if answer.rrset:
                found = _text(answer.canonical_name)
                pairs += [(kind, record.address) for record in answer.rrset]
        try:
            if found is None:
                raise failure
            return found, list(aliases), pairs
        finally:
            del failure  # it refers to this frame

    def _query_address(self, address):
        try:
            answer = self._resolve(dns.reversename.from_address(address), _PTR)
        except gaierror as ex:
            temporary = ex.errno == EAI_AGAIN
            raise herror(*((2, "Host name lookup failure") if temporary else (1, "Unknown host"))) from None
        if not answer.rrset:
            raise herror(4, "No address associated with name")
        return _text(answer.rrset[0].target)
