/* Descriptors: one uv_poll_t for each number in a loop. It is bound to the number for good: closing
   a descriptor stops it, and whatever gets the number next starts it again. */
#include "loop/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "loop/fork.h"
#include "loop/poll.h"

struct green_fd {
    uv_poll_t handle;
    green_seen seen;
    int revents; /* events that were seen and are still to be told */
    green_link interests;
    green_link link;      /* among green_fds.fresh or .unpollable, or a circle of one */
    green_fd_owner owner; /* whose registration it is; 0: it ends with the last interest */
    int number;
    uint8_t armed;   /* events that are registered */
    bool bound;      /* uv_poll_init succeeded */
    bool unpollable; /* epoll refuses the file, which counts as always ready */
};

typedef struct green_fds {
    green_part part;
    LoopObject *loop; /* borrowed; it lives longer */
    green_fd **table; /* by descriptor number */
    size_t size;
    green_link fresh;      /* armed since the last poll, so the next one registers them */
    green_link unpollable; /* those with interests, and those to register again */
    uv_prepare_t checker;  /* active while `fresh` has members */
    uv_idle_t spinner;     /* active while the poll must not sleep, as for the unpollable ones */
    int unclosed;   /* how many of the two handles above are not closed; the last one frees */
    unsigned forks; /* green_forks of the process that polls here */
} green_fds;

enum { EVERY_EVENT = GREEN_READ | GREEN_WRITE | GREEN_PRIORITY };

/* ---- the table ---- */

static void checker_cb(uv_prepare_t *handle);
static void spinner_cb(uv_idle_t *handle);
static int fds_forked(green_part *part);

static const green_part_kind fds_kind;

/* Returns the poll's descriptors. NULL: it has none yet. */
static inline green_fds *
fds_peek(const green_poll *poll)
{
    green_part *part = poll->parts[GREEN_FDS];
    return part == NULL ? NULL : GREEN_CONTAINER(part, green_fds, part);
}
static void fd_tell(green_seen *seen);

static green_fds *
fds_get(LoopObject *loop)
{
    green_poll *poll = loop->poll;
    if (fds_peek(poll) != NULL) {
        return fds_peek(poll);
    }
    green_fds *fds = PyMem_RawCalloc(1, sizeof(*fds));
    if (fds == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    green_list_init(&fds->fresh);
    green_list_init(&fds->unpollable);
    uv_prepare_init(&poll->uv, &fds->checker);
    uv_idle_init(&poll->uv, &fds->spinner);
    uv_unref((uv_handle_t *)&fds->checker);
    uv_unref((uv_handle_t *)&fds->spinner);
    fds->checker.data = fds->spinner.data = fds;
    fds->unclosed = 2;
    fds->forks = green_forks;
    fds->loop = loop;
    fds->part.kind = &fds_kind;
    poll->parts[GREEN_FDS] = &fds->part;
    return fds;
}

/* Gives a forked child its own epoll instance. It shares its parent's until uv_loop_fork: what it
   stopped or closed before, the parent would lose. C code that forks does not have this done at
   once. */
static void
fds_own(green_fds *fds)
{
    if (__builtin_expect(fds->forks != green_forks, 0)) {
        uv_loop_fork(&fds->loop->poll->uv);
        fds_forked(&fds->part);
    }
}

static green_fd *
fds_find(const green_fds *fds, int number)
{
    return fds != NULL && (size_t)number < fds->size ? fds->table[number] : NULL;
}

static green_fd *
fds_add(green_fds *fds, int number)
{
    if ((size_t)number >= fds->size) {
        /* Only a number that is open may size the table. */
        if (number < 0 || fcntl(number, F_GETFD) < 0) {
            errno = EBADF;
            PyErr_SetFromErrno(PyExc_OSError);
            return NULL;
        }
        size_t size = fds->size ? fds->size : 64;
        while (size <= (size_t)number) {
            size *= 2;
        }
        green_fd **table = PyMem_RawRealloc(fds->table, size * sizeof(*table));
        if (table == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        memset(table + fds->size, 0, (size - fds->size) * sizeof(*table));
        fds->table = table;
        fds->size = size;
    }
    green_fd *fd = PyMem_RawCalloc(1, sizeof(*fd));
    if (fd == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    green_list_init(&fd->interests);
    green_list_init(&fd->link);
    green_list_init(&fd->seen.link);
    fd->seen.tell = fd_tell;
    fd->number = number;
    fds->table[number] = fd;
    return fd;
}

/* ---- registration ---- */

/* Returns the poll of a descriptor that is bound. */
static green_poll *
fd_poll(const green_fd *fd)
{
    return GREEN_CONTAINER(fd->handle.loop, green_poll, uv);
}

/* Notes what was seen. Called without the interpreter lock. */
static void
fd_note(green_poll *poll, green_fd *fd, int revents)
{
    fd->revents |= revents;
    green_poll_note(poll, &fd->seen);
}

static int
fd_wanted(const green_fd *fd)
{
    int events = 0;
    for (green_link *link = fd->interests.next; link != &fd->interests; link = link->next) {
        events |= GREEN_CONTAINER(link, green_fd_interest, link)->events;
    }
    return events;
}

static void
fd_disarm(green_fd *fd)
{
    if (fd->armed) {
        uv_poll_stop(&fd->handle);
        fd->armed = 0;
        green_list_remove(&fd->link);
    }
}

static void fd_ready_cb(uv_poll_t *handle, int status, int events);

/* Has libuv poll for these events and no others. 0 or a libuv error code. */
static int
fd_arm(green_fds *fds, green_fd *fd, int events)
{
    int uv_events = (events & GREEN_READ ? UV_READABLE : 0) |
                    (events & GREEN_WRITE ? UV_WRITABLE : 0) |
                    (events & GREEN_PRIORITY ? UV_PRIORITIZED : 0);
    int code = uv_poll_start(&fd->handle, uv_events, fd_ready_cb);
    if (code) {
        return code;
    }
    fd->armed = (uint8_t)events;
    if (!green_link_linked(&fd->link)) {
        green_list_append(&fds->fresh, &fd->link);
        uv_prepare_start(&fds->checker, checker_cb);
    }
    return 0;
}

static void
fd_ready_cb(uv_poll_t *handle, int status, int events)
{
    green_fd *fd = handle->data;
    green_poll *poll = fd_poll(fd);
    int revents = (events & UV_READABLE ? GREEN_READ : 0) |
                  (events & UV_WRITABLE ? GREEN_WRITE : 0) |
                  (events & UV_PRIORITIZED ? GREEN_PRIORITY : 0);
    if (status < 0) {
        /* The file has an error, which the next system call will tell. libuv has stopped the
           handle. */
        revents = EVERY_EVENT;
        fd->armed = 0;
        int wanted = fd_wanted(fd);
        if (wanted) {
            fd_arm(fds_peek(poll), fd, wanted);
        }
    }
    fd_note(poll, fd, revents);
}

static void
fd_tell(green_seen *seen)
{
    green_fd *fd = GREEN_CONTAINER(seen, green_fd, seen);
    int revents = fd->revents, unwanted = revents & fd->armed;
    fd->revents = 0;
    for (green_link *link = fd->interests.next; link != &fd->interests; link = link->next) {
        green_fd_interest *interest = GREEN_CONTAINER(link, green_fd_interest, link);
        int seen = interest->events & revents;
        unwanted &= ~interest->events;
        if (seen) {
            interest->revents |= seen;
            interest->fire(interest, seen);
        }
    }
    if (unwanted) {
        /* epoll is level-triggered: what nobody wants would fire again and again. */
        int rest = fd->armed & ~unwanted;
        if (rest == 0 || fd_arm(fds_peek(fd_poll(fd)), fd, rest) != 0) {
            fd_disarm(fd);
        }
    }
}

/* Called as the poll begins: registers those that were armed since the last poll. Where one was
   closed meanwhile, in whatever thread, whoever waits for it is told. */
static void
checker_cb(uv_prepare_t *handle)
{
    green_fds *fds = handle->data;
    while (!green_list_empty(&fds->fresh)) {
        green_fd *fd = GREEN_CONTAINER(green_list_pop(&fds->fresh), green_fd, link);
        int code = green_poll_register(&fd->handle);
        if (code == 0) {
            continue;
        }
        fd_disarm(fd);
        if (code == -ENOMEM || code == -ENOSPC) {
            green_list_append(&fds->unpollable, &fd->link); /* the kernel has no room just now */
        } else {
            fd_note(fd_poll(fd), fd, EVERY_EVENT);
        }
        uv_idle_start(&fds->spinner, spinner_cb);
    }
    uv_prepare_stop(handle);
}

static void
spinner_cb(uv_idle_t *handle)
{
    green_fds *fds = handle->data;
    for (green_link *link = fds->unpollable.next, *next; link != &fds->unpollable; link = next) {
        green_fd *fd = GREEN_CONTAINER(link, green_fd, link);
        next = link->next;
        if (fd->unpollable) {
            fd_note(GREEN_CONTAINER(handle->loop, green_poll, uv), fd, EVERY_EVENT);
            continue;
        }
        green_list_remove(link);
        if (!green_list_empty(&fd->interests) && fd_arm(fds, fd, fd_wanted(fd)) != 0) {
            fd_note(fd_poll(fd), fd, EVERY_EVENT);
        }
    }
    if (green_list_empty(&fds->unpollable)) {
        uv_idle_stop(handle);
    }
}

/* Ends the registration, and forgets what was seen. */
static void
fd_rest(green_fds *fds, green_fd *fd)
{
    fd_disarm(fd);
    fd->revents = 0;
    green_list_remove(&fd->seen.link);
    green_list_remove(&fd->link);
    if (green_list_empty(&fds->unpollable)) {
        uv_idle_stop(&fds->spinner);
    }
}

/* Returns 0 if epoll can watch what has this number now, UV_EPERM if it cannot (the file is always
   ready), or another error code. This is only asked for descriptors that others open and close. */
static int
fd_pollable(green_poll *poll, int number)
{
    struct stat status;
    if (fstat(number, &status) < 0) {
        return -errno;
    }
    if (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode)) {
        return 0;
    }
    int epoll = uv_backend_fd(&poll->uv);
    struct epoll_event event = {.events = 0, .data.fd = number};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) < 0) {
        return errno == EEXIST ? 0 : -errno;
    }
    epoll_ctl(epoll, EPOLL_CTL_DEL, number, &event);
    return 0;
}

/* Makes the handle. uv_poll_init makes the file non-blocking, which is not ours to decide, so that
   is undone. 0 or a libuv error code. */
static int
fd_bind(green_poll *poll, green_fd *fd)
{
    int flags = fcntl(fd->number, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    int code = uv_poll_init(&poll->uv, &fd->handle, fd->number);
    if (code) {
        return code;
    }
    if (!(flags & O_NONBLOCK)) {
        fcntl(fd->number, F_SETFL, flags);
    }
    uv_unref((uv_handle_t *)&fd->handle); /* LoopObject.refs counts the interests instead */
    fd->handle.data = fd;
    fd->bound = true;
    return 0;
}

/* Makes the handle fit for what has the number now, as far as `owner` lets us know. 0 or a libuv
   error code. */
static int
fd_renew(green_fds *fds, green_fd *fd, green_fd_owner owner)
{
    if (owner != 0 && fd->armed && fd->owner == owner) {
        return 0;
    }
    green_poll *poll = fds->loop->poll;
    int code = !fd->bound ? fd_bind(poll, fd) : owner == 0 ? fd_pollable(poll, fd->number) : 0;
    if (code && code != UV_EPERM) {
        return code;
    }
    fd_rest(fds, fd);
    fd->unpollable = code == UV_EPERM;
    /* A registration that owners share can only be trusted while somebody waits. */
    fd->owner = green_list_empty(&fd->interests) || fd->owner == owner ? owner : 0;
    return 0;
}

/* Has `events` polled for, beside what is wanted already. 0 or a libuv error code. */
static int
fd_watch(green_fds *fds, green_fd *fd, int events, green_fd_owner owner)
{
    int code = fd_renew(fds, fd, owner);
    if (code) {
        return code;
    }
    if (fd->unpollable) {
        if (!green_link_linked(&fd->link)) {
            green_list_append(&fds->unpollable, &fd->link);
            uv_idle_start(&fds->spinner, spinner_cb);
        }
        return 0;
    }
    /* What is armed for reading stays so. Writing is armed only while it is wanted. */
    events |= fd_wanted(fd);
    return (fd->armed & events) == events ? 0 : fd_arm(fds, fd, events | (fd->armed & GREEN_READ));
}

/* ---- interests ---- */

green_fd_owner
green_fd_owner_new(void)
{
    static green_fd_owner last; /* guarded by the interpreter lock */
    return ++last;
}

int
green_fd_start(LoopObject *loop, green_fd_interest *interest, int number, green_fd_owner owner)
{
    if (green_loop_destroyed(loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    green_fds *fds = fds_get(loop);
    if (fds == NULL) {
        return -1;
    }
    fds_own(fds);
    green_fd *fd = fds_find(fds, number);
    if (fd == NULL && (fd = fds_add(fds, number)) == NULL) {
        return -1;
    }
    int code = interest->events == 0 ? 0 : fd_watch(fds, fd, interest->events, owner);
    if (code) {
        green_poll_error(code);
        return -1;
    }
    interest->fd = fd;
    interest->revents = 0;
    green_list_append(&fd->interests, &interest->link);
    loop->refs += interest->ref;
    return 0;
}

static void
interest_detach(green_fds *fds, green_fd_interest *interest)
{
    green_list_remove(&interest->link);
    interest->fd = NULL;
    fds->loop->refs -= interest->ref;
}

void
green_fd_stop(LoopObject *loop, green_fd_interest *interest)
{
    green_fd *fd = interest->fd;
    if (fd == NULL) {
        return;
    }
    green_fds *fds = fds_peek(loop->poll);
    fds_own(fds);
    interest_detach(fds, interest);
    if (green_list_empty(&fd->interests) && (fd->owner == 0 || fd->unpollable)) {
        fd_rest(fds, fd);
    }
}

void
green_fd_closed(LoopObject *loop, int number)
{
    green_fds *fds = green_loop_destroyed(loop) ? NULL : fds_peek(loop->poll);
    green_fd *fd = number < 0 ? NULL : fds_find(fds, number);
    if (fd == NULL) {
        return;
    }
    fds_own(fds);
    while (!green_list_empty(&fd->interests)) {
        green_fd_interest *interest = GREEN_CONTAINER(fd->interests.next, green_fd_interest, link);
        interest_detach(fds, interest);
        interest->revents |= GREEN_FD_CLOSED;
        interest->fire(interest, GREEN_FD_CLOSED);
    }
    fd->owner = 0;
    fd_rest(fds, fd);
}

void
green_fd_disown(LoopObject *loop, int number, green_fd_owner owner)
{
    green_fds *fds = green_loop_destroyed(loop) ? NULL : fds_peek(loop->poll);
    green_fd *fd = number < 0 ? NULL : fds_find(fds, number);
    if (fd == NULL || fd->owner != owner) {
        return;
    }
    fds_own(fds);
    fd->owner = 0;
    if (green_list_empty(&fd->interests)) {
        fd_rest(fds, fd);
    }
}

bool
green_fd_closing(LoopObject *loop, int number)
{
    if (number >= 0 && !green_loop_destroyed(loop)) {
        if (green_poll_owns_fd(loop->poll, number)) {
            return false;
        }
        green_fd_closed(loop, number);
    }
    return true;
}

/* ---- what befalls the poll ---- */

static void
fd_closed_cb(uv_handle_t *handle)
{
    PyMem_RawFree(handle->data);
}

static void
fds_closed_cb(uv_handle_t *handle)
{
    green_fds *fds = handle->data;
    if (--fds->unclosed == 0) {
        PyMem_RawFree(fds);
    }
}

static void
fds_detach_all(green_fds *fds)
{
    for (size_t number = 0; number < fds->size; number++) {
        green_fd *fd = fds->table[number];
        while (fd != NULL && !green_list_empty(&fd->interests)) {
            interest_detach(fds, GREEN_CONTAINER(fd->interests.next, green_fd_interest, link));
        }
    }
}

static void
fds_closed(green_part *part, bool lost)
{
    green_fds *fds = GREEN_CONTAINER(part, green_fds, part);
    fds_detach_all(fds);
    if (lost) {
        return;
    }
    fds_own(fds);
    for (size_t number = 0; number < fds->size; number++) {
        green_fd *fd = fds->table[number];
        if (fd != NULL && fd->bound) {
            fd_disarm(fd);
            uv_close((uv_handle_t *)&fd->handle, fd_closed_cb);
        } else {
            PyMem_RawFree(fd);
        }
    }
    PyMem_RawFree(fds->table);
    uv_close((uv_handle_t *)&fds->checker, fds_closed_cb);
    uv_close((uv_handle_t *)&fds->spinner, fds_closed_cb);
}

static int
fds_forked(green_part *part)
{
    green_fds *fds = GREEN_CONTAINER(part, green_fds, part);
    fds->forks = green_forks;
    for (size_t number = 0; number < fds->size; number++) {
        green_fd *fd = fds->table[number];
        if (fd == NULL || !fd->armed) {
            continue;
        }
        /* libuv registers again all that is started, but the child may have closed it by then. So
           what nobody waits for is stopped, and checker_cb looks at the rest. */
        if (green_list_empty(&fd->interests)) {
            fd_disarm(fd);
        } else if (!green_link_linked(&fd->link)) {
            green_list_append(&fds->fresh, &fd->link);
            uv_prepare_start(&fds->checker, checker_cb);
        }
    }
    return 0;
}

static void
fds_prune(green_part *part, bool (*stale)(const GreenletObject *))
{
    green_fds *fds = GREEN_CONTAINER(part, green_fds, part);
    for (size_t number = 0; number < fds->size; number++) {
        green_fd *fd = fds->table[number];
        if (fd == NULL) {
            continue;
        }
        for (green_link *link = fd->interests.next, *next; link != &fd->interests; link = next) {
            next = link->next;
            green_fd_interest *interest = GREEN_CONTAINER(link, green_fd_interest, link);
            if (interest->greenlet != NULL && stale(interest->greenlet)) {
                green_fd_stop(fds->loop, interest);
            }
        }
    }
}

static const green_part_kind fds_kind = {
    .forked = fds_forked, .prune = fds_prune, .closed = fds_closed};
