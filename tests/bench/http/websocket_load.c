/* Load for websocket.py: websocket_load PORT CONNECTIONS IN_FLIGHT SECONDS. Each connection has so
   many messages of 16 bytes under way; an answer is followed by the next message. Prints how many
   were answered in how many seconds. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ASKED = 22, ANSWERED = 18, FDS_MAX = 4096, BLOCK = 64 * 1024 };

static const char request[] =
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static char block[BLOCK], messages[BLOCK];
static size_t rests[FDS_MAX]; /* bytes of an answer that has not come whole, by descriptor */

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static int
open_websocket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || fd >= FDS_MAX || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fail("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (send(fd, request, sizeof(request) - 1, 0) < 0) {
        fail("send");
    }
    for (size_t got = 0; got < 4 || memcmp(block + got - 4, "\r\n\r\n", 4) != 0; got++) {
        if (got == BLOCK || recv(fd, block + got, 1, 0) != 1) {
            fail("no WebSocket");
        }
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Returns how many messages were answered. */
static size_t
go_on(int fd)
{
    ssize_t got = recv(fd, block, BLOCK, 0);
    if (got <= 0) {
        fail("recv");
    }
    rests[fd] += (size_t)got;
    size_t answered = rests[fd] / ANSWERED;
    rests[fd] %= ANSWERED;
    if (answered > 0 && send(fd, messages, answered * ASKED, 0) < 0) {
        fail("send");
    }
    return answered;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        return 2;
    }
    int port = atoi(argv[1]), connections = atoi(argv[2]), in_flight = atoi(argv[3]);
    double duration = atof(argv[4]);
    for (size_t i = 0; i < BLOCK / ASKED; i++) {
        memcpy(messages + i * ASKED, "\x82\x90\x01\x02\x03\x04sixteen bytes ..", ASKED);
    }
    int poller = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        int fd = open_websocket(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        if (send(fd, messages, (size_t)in_flight * ASKED, 0) < 0) {
            fail("send");
        }
    }
    struct epoll_event events[256];
    double begun = seconds(), now = begun;
    size_t answered = 0;
    while (now - begun < duration) {
        int count = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < count; i++) {
            answered += go_on(events[i].data.fd);
        }
        now = seconds();
    }
    printf("%zu %f\n", answered, now - begun);
    return 0;
}
