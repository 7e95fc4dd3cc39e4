#include "loop/poll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop/timer.h"
#include "switch/list.h"

/* What remains until a deadline and is less than it takes to fall asleep and wake, ns. */
#define POLL_SHORT 2000
/* The least time between two looks for the timerfd before sleeps, ns. */
#define LOOK_INTERVAL 1000000

PyObject *
green_poll_error(int code)
{
    errno = -code;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static void
poll_drain(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0) {
        /* It was drained before. */
    }
}

/* Returns libuv's io_uring, or -1. libuv 1.45 and newer open it after the poller, so its number is
   the first that was free above the poller's. */
static int
poll_find_ring(const uv_loop_t *uv)
{
    static const char ring[] = "anon_inode:[io_uring]";
    char path[32], name[sizeof(ring)];
    ssize_t length = 0;
    for (int fd = uv_backend_fd(uv) + 1; length >= 0; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        length = readlink(path, name, sizeof(name));
        if (length == sizeof(ring) - 1 && memcmp(name, ring, sizeof(ring) - 1) == 0) {
            return fd;
        }
    }
    return -1;
}

/* Another thread has ended the sleep, or a signal's handler has. */
static void
poll_wake_cb(uv_poll_t *handle, int Py_UNUSED(status), int Py_UNUSED(events))
{
    green_poll *poll = GREEN_CONTAINER(handle, green_poll, wake);
    poll_drain(poll->wake_fd);
    green_poll_note(poll, &poll->woken);
}

static void
poll_tell_woken(green_seen *seen)
{
    green_poll *poll = GREEN_CONTAINER(seen, green_poll, woken);
    for (int i = 0; i < GREEN_PART_COUNT; i++) {
        green_part *part = poll->parts[i];
        if (part != NULL && part->kind->woken != NULL) {
            part->kind->woken(part);
        }
    }
}

void
green_poll_tell(green_poll *poll)
{
    while (!green_list_empty(&poll->seen)) {
        green_seen *seen = GREEN_CONTAINER(green_list_pop(&poll->seen), green_seen, link);
        seen->tell(seen);
    }
}

static void
poll_alarm_cb(uv_poll_t *handle, int Py_UNUSED(status), int Py_UNUSED(events))
{
    green_poll *poll = GREEN_CONTAINER(handle, green_poll, alarm);
    poll_drain(poll->alarm_fd);
    poll->alarm_at = UINT64_MAX;
}

int
green_poll_register(uv_poll_t *handle)
{
    uv__io_t *io = &handle->io_watcher;
    int epoll = uv_backend_fd(handle->loop), fd = io->fd;
    struct epoll_event event = {.events = io->pevents, .data.fd = fd};
    int code = epoll_ctl(epoll, io->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    if (code < 0 && errno == EEXIST) {
        code = epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
    } else if (code < 0 && errno == ENOENT) {
        code = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
    if (code < 0) {
        GREEN_CONTAINER(handle->loop, green_poll, uv)->suspect = true;
        return -errno;
    }
    io->events = io->pevents;
    /* Take the handle out of libuv's list of what is to be told to the kernel. The links in that
       list are {next, prev} in each version. */
    void **link = (void **)(void *)&io->watcher_queue, **next = link[0], **prev = link[1];
    prev[0] = next;
    next[1] = prev;
    link[0] = link[1] = link;
    return 0;
}

/* Returns whether the timerfd has gone. Then all descriptors of ours have. */
static bool
poll_alarm_lost(const green_poll *poll)
{
    struct itimerspec at;
    return timerfd_gettime(poll->alarm_fd, &at) < 0;
}

/* Returns whether the timerfd is there, and the poller is still ours, with the eventfd in it. This
   is too dear for each poll. */
static bool
poll_watched(const green_poll *poll)
{
    if (poll_alarm_lost(poll)) {
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = poll->wake_fd};
    int epoll = uv_backend_fd(&poll->uv);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, poll->wake_fd, &event) < 0) {
        return errno == EEXIST;
    }
    epoll_ctl(epoll, EPOLL_CTL_DEL, poll->wake_fd, NULL);
    return false;
}

/* Has `fd` watched for reading. A negative `fd` could not be opened, for the reason in errno. 0, or
   a negative errno. */
static int
poll_watch(green_poll *poll, uv_poll_t *handle, int fd, uv_poll_cb callback)
{
    int code = fd < 0 ? -errno : uv_poll_init(&poll->uv, handle, fd);
    if (code == 0) {
        code = uv_poll_start(handle, UV_READABLE, callback);
        uv_unref((uv_handle_t *)handle);
    }
    return code == 0 ? green_poll_register(handle) : code;
}

static int
poll_open_wake(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int
poll_open_alarm(void)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}

green_poll *
green_poll_new(void)
{
    green_poll *poll = calloc(1, sizeof(*poll));
    if (poll == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    int code = uv_loop_init(&poll->uv);
    if (code < 0) {
        free(poll);
        green_poll_error(code);
        return NULL;
    }
    green_list_init(&poll->seen);
    green_list_init(&poll->woken.link);
    poll->woken.tell = poll_tell_woken;
    poll->ring_fd = poll_find_ring(&poll->uv);
    poll->alarm_at = UINT64_MAX;
    poll->alarm_fd = -1;
    poll->wake_fd = poll_open_wake();
    code = poll_watch(poll, &poll->wake, poll->wake_fd, poll_wake_cb);
    if (code == 0) {
        poll->alarm_fd = poll_open_alarm();
        code = poll_watch(poll, &poll->alarm, poll->alarm_fd, poll_alarm_cb);
    }
    if (code < 0) {
        green_poll_free(poll, false);
        green_poll_error(code);
        return NULL;
    }
    return poll;
}

static void
poll_close_walk_cb(uv_handle_t *handle, void *Py_UNUSED(arg))
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void
green_poll_free(green_poll *poll, bool lost)
{
    for (int i = 0; i < GREEN_PART_COUNT; i++) {
        green_part *part = poll->parts[i];
        poll->parts[i] = NULL;
        if (part != NULL && part->kind->closed != NULL) {
            part->kind->closed(part, lost);
        }
    }
    if (lost) {
        return;
    }
    uv_walk(&poll->uv, poll_close_walk_cb, NULL);
    close(poll->wake_fd);
    close(poll->alarm_fd);
    /* Closing takes one iteration. It takes more where a callback starts something anew. */
    for (int i = 0; i < 8; i++) {
        if (uv_loop_close(&poll->uv) == 0) {
            free(poll);
            return;
        }
        uv_run(&poll->uv, UV_RUN_NOWAIT);
    }
    /* Somebody else's request is still under way, and its end will be written to this memory. */
}

bool
green_poll_alive(const green_poll *poll)
{
    return uv_loop_alive(&poll->uv);
}

bool
green_poll_owns_fd(const green_poll *poll, int fd)
{
    for (int i = 0; i < GREEN_PART_COUNT; i++) {
        const green_part *part = poll->parts[i];
        if (part != NULL && part->kind->owns != NULL && part->kind->owns(part, fd)) {
            return true;
        }
    }
    const uv_loop_t *uv = &poll->uv;
    return fd == uv_backend_fd(uv) || fd == poll->wake_fd || fd == poll->alarm_fd ||
           fd == poll->ring_fd || fd == uv->async_io_watcher.fd || fd == uv->signal_pipefd[0] ||
           fd == uv->signal_pipefd[1];
}

void
green_poll_wake(green_poll *poll)
{
    uint64_t one = 1;
    if (write(poll->wake_fd, &one, sizeof(one)) < 0) {
        /* The eventfd is full, so the loop wakes anyway. */
    }
}

/* Without a referenced handle, libuv has nothing to look for, so a poll has one. */
static void
poll_ref(green_poll *poll)
{
    uv_ref((uv_handle_t *)&poll->wake);
}

static void
poll_unref(green_poll *poll)
{
    uv_unref((uv_handle_t *)&poll->wake);
}

bool
green_poll_sleeps(green_poll *poll, uint64_t deadline)
{
    if (deadline != UINT64_MAX && deadline <= green_time_now() + POLL_SHORT) {
        return false;
    }
    /* An alarm that is set too early is left: it costs one look in vain, where setting it anew
       would cost a system call each time. */
    if (deadline < poll->alarm_at) {
        struct itimerspec at = {
            .it_value = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)}};
        poll->alarm_at = deadline;
        if (timerfd_settime(poll->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0) {
            poll->suspect = true;
        }
    }
    poll_ref(poll);
    bool sleeps = uv_backend_timeout(&poll->uv) != 0;
    poll_unref(poll);
    return sleeps;
}

bool
green_poll_intact(green_poll *poll, bool sleeps, uint64_t now)
{
    /* Between sleeps that follow each other closely, one more system call would be felt. To look
       now and then is enough. */
    if (!sleeps || now - poll->looked >= LOOK_INTERVAL) {
        poll->looked = now;
        poll->suspect = poll->suspect || poll_alarm_lost(poll);
    }
    if (__builtin_expect(poll->suspect, 0)) {
        poll->suspect = !poll_watched(poll);
    }
    return !poll->suspect;
}

void
green_poll_run(green_poll *poll, bool sleeps)
{
    poll_ref(poll);
    uv_run(&poll->uv, sleeps ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    poll_unref(poll);
}

/* Puts a descriptor of our own in the place of one shared with the parent, which would be woken by
   it. `fd` is stolen; where it is negative, errno has the reason. 0, or a negative errno. */
static int
poll_renew(int shared, int fd)
{
    int code = fd < 0 || dup3(fd, shared, O_CLOEXEC) < 0 ? -errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

int
green_poll_forked(green_poll *poll)
{
    int code = poll_renew(poll->wake_fd, poll_open_wake());
    if (code == 0) {
        code = poll_renew(poll->alarm_fd, poll_open_alarm());
        poll->alarm_at = UINT64_MAX;
    }
    if (code == 0) {
        code = uv_loop_fork(&poll->uv);
    }
    if (code == 0) {
        code = green_poll_register(&poll->wake);
        poll->suspect = true; /* whoever becomes a daemon forks first */
    }
    if (code < 0) {
        green_poll_error(code);
        return -1;
    }
    poll->ring_fd = poll_find_ring(&poll->uv);
    int failed = 0;
    for (int i = 0; i < GREEN_PART_COUNT; i++) {
        green_part *part = poll->parts[i];
        if (part != NULL && part->kind->forked != NULL) {
            failed |= part->kind->forked(part);
        }
    }
    return failed;
}

void
green_poll_prune(green_poll *poll, bool (*stale)(const struct GreenletObject *))
{
    for (int i = 0; i < GREEN_PART_COUNT; i++) {
        green_part *part = poll->parts[i];
        if (part != NULL && part->kind->prune != NULL) {
            part->kind->prune(part, stale);
        }
    }
}
