/* An epoll instance that watches many descriptors for those who wait for any of them. Each wait
   tells the instance all that it waits for, so a descriptor whose number was given to another file
   is noticed; what the instance watches already costs one quick system call. */
#ifndef GREEN_NET_POLLSET_H
#define GREEN_NET_POLLSET_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t index;
    uint8_t events;
    bool on;
} green_watched;

typedef struct green_pollset {
    int fd;         /* the instance; -1: there is none */
    unsigned forks; /* green_forks as the instance was made: a child's changes would reach its
                       parent's waits */
    bool stale;     /* the instance may watch a file whose descriptor is closed: the next wait
                       gets another one */
    green_watched *watched; /* by descriptor number */
    size_t size;            /* of `watched` */
} green_pollset;

#define GREEN_POLLSET_NEW ((green_pollset){.fd = -1})

/* Begins a wait: the instance is there afterwards. -1 with OSError. */
int green_pollset_begin(green_pollset *set);

/* Has the instance watch a descriptor for `events` (GREEN_READ...); it is told by `index`. Returns
   0, or the errno of a refusal: EPERM where the file can't be polled, and so is always ready, EBADF
   where the descriptor is not open, EINVAL where the file is watched in too many ways, ENOMEM,
   ENOSPC. */
int green_pollset_watch(green_pollset *set, int fd, int events, uint32_t index);

/* Watches a descriptor no longer. */
void green_pollset_forget(green_pollset *set, int fd);

/* Calls tell(index, fd, events, data) for what is ready of at most `count` descriptors; it returns
   false for one that nobody waits for. 0, or -1 with MemoryError. */
int green_pollset_read(green_pollset *set, size_t count,
                       bool (*tell)(uint32_t index, int fd, int events, void *data), void *data);

/* Closes the instance, if there is one. */
void green_pollset_close(green_pollset *set);

/* The set of a PollSet, the Python object that keeps one. */
typedef struct {
    PyObject_HEAD
    green_pollset set;
    bool busy; /* a greenlet waits with it */
} PollSetObject;

extern PyTypeObject *PollSet_Type;

int green_pollset_exec(PyObject *module);

#endif
