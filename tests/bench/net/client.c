/* client PORT CONNECTIONS SIZE MESSAGES: keeps one message under way on each connection to an echo
   server on the local host until MESSAGES have come back. Prints the seconds it took, and the
   median and the 99th percentile of the latency in microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int fd;
    size_t received;
    uint64_t sent_at;
} connection;

static uint64_t
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static void
ask(connection *c, const char *message, size_t size)
{
    c->received = 0;
    c->sent_at = now();
    if (send(c->fd, message, size, 0) != (ssize_t)size) {
        fail("send");
    }
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: client PORT CONNECTIONS SIZE MESSAGES\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10), size = strtoul(argv[3], NULL, 10);
    size_t messages = strtoul(argv[4], NULL, 10), started = 0, done = 0;
    char *message = calloc(1, size), *buffer = malloc(size);
    uint32_t *latencies = malloc(messages * sizeof(*latencies));
    connection *connections = calloc(count, sizeof(*connections));
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(argv[1])),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int epoll = epoll_create1(0), on = 1;
    for (size_t i = 0; i < count; i++) {
        connection *c = &connections[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) < 0) {
            fail("connect");
        }
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    }
    uint64_t began = now();
    for (; started < count && started < messages; started++) {
        ask(&connections[started], message, size);
    }
    while (done < messages) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, buffer, size - c->received, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                fail("recv");
            }
            c->received += got > 0 ? (size_t)got : 0;
            if (c->received == size) {
                latencies[done++] = (uint32_t)((now() - c->sent_at) / 10);
                if (started < messages) {
                    started++;
                    ask(c, message, size);
                }
                c->received = 0;
            }
        }
    }
    double seconds = (double)(now() - began) / 1e9;
    qsort(latencies, messages, sizeof(*latencies), compare);
    printf("%.6f %.2f %.2f\n", seconds, latencies[messages / 2] / 100.0,
           latencies[messages * 99 / 100] / 100.0);
    return 0;
}
