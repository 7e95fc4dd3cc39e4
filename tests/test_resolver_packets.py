"""Answers that are cut off, damaged, or lies."""

import random
import socket

import pytest
from nameserver import A, CNAME, PTR, NameServer
from resolvers import make_resolver

AGAIN = (socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_truncated_answers_are_asked_for_by_tcp():
    many = [f"10.1.{n // 256}.{n % 256}" for n in range(600)]

    def big(query):
        if query.transport == "udp":
            return [query.reply(truncated=True)]
        return [query.reply([("big.test", A, text) for text in many])]

    with NameServer({"big.test": big}) as server:
        resolver = make_resolver(server, timeout=5)
        assert resolver.gethostbyname_ex("big.test")[2] == many
        assert [query.transport for query in server.queries] == ["udp", "tcp"]
        resolver.close()


def test_a_truncated_answer_cut_by_tcp():
    """The connection ends in the middle of the answer."""

    def cut(query):
        if query.transport == "udp":
            return [query.reply(truncated=True)]
        query.send.args[0].sendall(b"\x01\x00" + query.reply()[:10])
        query.send.args[0].shutdown(socket.SHUT_RDWR)
        return []

    with NameServer({"cut.test": cut}) as server:
        resolver = make_resolver(server)
        with pytest.raises(socket.gaierror) as raised:
            resolver.gethostbyname("cut.test")
        assert raised.value.args == AGAIN
        resolver.close()


def lies(query):
    """Packets that must not be believed."""
    evil = [(query.name, A, "6.6.6.6")]
    return [
        query.reply(evil, ident=query.id ^ 1),
        query.reply(evil, question=b"\4evil\4test\0\0\1\0\1"),
        query.packet,
    ]


def test_lies_are_not_believed():
    def answer(query):
        return [*lies(query), query.reply([("lied.test", A, "10.0.0.8")])]

    with NameServer({"lied.test": answer, "only.test": lies}) as server:
        resolver = make_resolver(server)
        for _ in range(20):
            try:
                assert resolver.gethostbyname("lied.test") == "10.0.0.8"
            except socket.gaierror as error:  # a wrong packet may end the query, but not answer it
                assert error.errno in (socket.EAI_AGAIN, socket.EAI_NODATA, socket.EAI_NONAME)
        with pytest.raises(socket.gaierror):
            resolver.gethostbyname("only.test")
        resolver.close()


def test_answers_from_elsewhere_are_not_believed():
    """A second socket, which the question did not go to, answers it."""
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def answer(query):
        peer = query.send.args[0]
        stranger.sendto(query.reply([("other.test", A, "6.6.6.6")]), peer)
        return [query.reply([("other.test", A, "10.0.0.8")])]

    with NameServer({"other.test": answer}) as server:
        resolver = make_resolver(server)
        assert resolver.gethostbyname("other.test") == "10.0.0.8"
        resolver.close()
    stranger.close()


def damaged(kind, records):
    """A good answer with each byte cut off, and each turned into others."""
    chance = random.Random(5)

    def answer(query):
        good = query.reply(records)
        at = answer.turn // 2
        answer.turn += 1
        bad = good[: at % len(good)] if answer.turn % 2 else bytearray(good)
        if answer.turn % 2 == 0:
            for _ in range(3):
                bad[chance.randrange(2, len(good))] = chance.randrange(256)
        return [bytes(bad), good] if query.kind == kind else [good]

    answer.turn = 0
    return answer


def test_damaged_answers():
    zone = {
        "bad.test": damaged(A, [("bad.test", CNAME, "worse.test"), ("worse.test", A, "10.0.0.7")]),
        "7.0.0.10.in-addr.arpa": damaged(PTR, [("7.0.0.10.in-addr.arpa", PTR, "bad.test")]),
    }
    with NameServer(zone) as server:
        resolver = make_resolver(server, timeout=0.01, tries=1)
        good = 0
        for _ in range(300):
            try:
                name, aliases, found = resolver.gethostbyname_ex("bad.test")
                good += (name, aliases, found) == ("worse.test", ["bad.test"], ["10.0.0.7"])
            except socket.gaierror:
                pass
            try:
                good += resolver.gethostbyaddr("10.0.0.7") == ("bad.test", [], ["10.0.0.7"])
            except socket.herror:
                pass
        assert good > 0
        assert not resolver.cares.destroyed
        resolver.close()
