"""A DNS server on loopback for tests: it answers from a table, or as a test tells it to, right or wrong."""

import functools
import socket
import struct
import threading

A, NS, CNAME, SOA, PTR, AAAA, OPT = 1, 2, 5, 6, 12, 28, 41
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)


def pack_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def unpack_name(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels).lower(), at + 1


def pack_data(kind, data):
    if kind == A:
        return socket.inet_pton(socket.AF_INET, data)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, data)
    return pack_name(data)


class Query:
    """One question, and the ways to answer it: `send(packet)` does, at any time."""

    def __init__(self, packet, transport, send):
        self.packet = packet
        self.transport = transport  # "udp" or "tcp"
        self.send = send
        (self.id, self.flags) = struct.unpack_from("!HH", packet)
        self.name, end = unpack_name(packet, 12)
        (self.kind,) = struct.unpack_from("!H", packet, end)
        self.question = packet[12 : end + 4]

    def __repr__(self):
        return f"<{self.transport} {self.name} {self.kind}>"

    def reply(self, records=(), code=NOERROR, truncated=False, ident=None, question=None):
        """The packet that answers with `records`, each (owner, type, text)."""
        flags = 0x8180 | code | (0x0200 if truncated else 0)
        answers = b""
        for owner, kind, data in records:
            data = pack_data(kind, data)
            answers += pack_name(owner) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
        head = struct.pack("!HHHHHH", self.id if ident is None else ident, flags, 1, len(records), 0, 0)
        return head + (self.question if question is None else question) + answers


class NameServer:
    """Serves until closed. `zone`: {name: {type: [texts]}}; a CNAME is followed within it.

    A value of the zone may be a function of the query instead, that returns a list of packets to send. `queries` has
    what was asked.
    """

    def __init__(self, zone, host="127.0.0.1", port=0):
        self.zone = {name.lower(): value for name, value in zone.items()}
        self.queries = []
        self.udp, self.tcp = self._bind(host, port)
        self.address = self.udp.getsockname()
        self.host, self.port = self.address
        self.tcp.listen()
        self.threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _bind(host, port):
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            tcp = socket.socket()
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((host, port))
            try:
                tcp.bind(udp.getsockname())
                return udp, tcp
            except OSError:  # somebody has that number with TCP
                udp.close()
                tcp.close()
                if port:
                    raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # a UDP socket without a peer; it wakes its thread all the same
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    def asked(self, name):
        """The types that were asked of a name, in order."""
        return [query.kind for query in self.queries if query.name == name]

    def answer(self, query):
        """The packets that answer, from the zone."""
        records, name = [], query.name
        while True:
            entry = self.zone.get(name)
            if callable(entry):
                return entry(query)
            if entry is None:
                return [query.reply(records, NOERROR if records else NXDOMAIN)]
            if CNAME in entry and query.kind != CNAME:
                records.append((name, CNAME, entry[CNAME][0]))
                name = entry[CNAME][0].lower()
                continue
            records += [(name, query.kind, text) for text in entry.get(query.kind, ())]
            return [query.reply(records)]

    def _handle(self, packet, transport, send):
        query = Query(packet, transport, send)
        self.queries.append(query)
        for reply in self.answer(query):
            send(reply)

    def _send_udp(self, peer, packet):
        self.udp.sendto(packet, peer)

    @staticmethod
    def _send_tcp(peer, packet):
        peer.sendall(len(packet).to_bytes(2, "big") + packet)

    def _serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(65535)
            if not peer or not packet:
                return
            self._handle(packet, "udp", functools.partial(self._send_udp, peer))

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as stream:
                try:
                    while len(size := stream.read(2)) == 2:
                        packet = stream.read(int.from_bytes(size, "big"))
                        self._handle(packet, "tcp", functools.partial(self._send_tcp, peer))
                except ConnectionError:
                    pass  # who asked has left
