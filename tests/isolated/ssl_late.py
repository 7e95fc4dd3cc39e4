"""Contexts and subclasses from before patching still work, and make sockets that wait cooperatively."""

import ssl
import warnings


class Subclass(ssl.SSLContext):
    pass


early = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), Subclass(ssl.PROTOCOL_TLS_CLIENT)

warnings.simplefilter("ignore")

from gevent import monkey  # noqa: E402

monkey.patch_all()

import socket  # noqa: E402

for context in (*early, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.create_default_context()):
    context.check_hostname = False
    context.options |= ssl.OP_NO_TICKET
    context.verify_mode = ssl.CERT_NONE
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context._msg_callback = print
    assert context._msg_callback is print
    a, b = socket.socketpair()
    sock = context.wrap_socket(a, do_handshake_on_connect=False)
    print(isinstance(sock, ssl.SSLSocket) and type(sock).__module__ == "gevent.ssl")
    sock.close()
    b.close()
