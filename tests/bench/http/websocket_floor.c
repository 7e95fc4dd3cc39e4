#define _GNU_SOURCE
/* What websocket.py compares with: websocket_floor PORT. It reads no HTTP and checks nothing, and
   echoes messages of 16 bytes with one recv for what has come, and one send for each message. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ASKED = 22, FDS_MAX = 4096, BLOCK = 64 * 1024 };

static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static char opened[FDS_MAX];
static unsigned char block[BLOCK];

static void
serve(int fd)
{
    ssize_t got = recv(fd, block, BLOCK, 0);
    if (got <= 0) {
        close(fd);
        return;
    }
    if (!opened[fd]) {
        opened[fd] = 1;
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
        return;
    }
    for (ssize_t at = 0; at + ASKED <= got; at += ASKED) {
        unsigned char frame[18] = {0x82, 16};
        for (int i = 0; i < 16; i++) {
            frame[2 + i] = block[at + 6 + i] ^ block[at + 2 + i % 4];
        }
        (void)!send(fd, frame, sizeof(frame), MSG_NOSIGNAL);
    }
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((unsigned short)(argc == 2 ? atoi(argv[1]) : 0));
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1024) < 0) {
        perror("listen");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0 || fd >= FDS_MAX) {
                return 1;
            }
            opened[fd] = 0;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            event.data.fd = fd;
            epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
