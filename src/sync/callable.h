/* A callable that is linked to a linkable, and the table that finds it. The table has the callables
   of all linkables, by the two, so that one of many is taken off in constant time. */
#ifndef GREEN_SYNC_CALLABLE_H
#define GREEN_SYNC_CALLABLE_H

#include "sync/observer.h"

typedef struct green_callable {
    green_observer observer;               /* observer.loop is owned */
    const struct green_linkable *linkable; /* borrowed: it unlinks its callables before it goes */
    PyObject *callable;                    /* owned */
    green_link bucket; /* in the table, behind the equal ones that were linked before */
    uint64_t number;   /* how many callables had been linked with it, anywhere */
    uintptr_t hash;
} green_callable;

/* Whether comparing the callable with another plain one runs no Python code. */
bool green_callable_is_plain(PyObject *callable);

/* Returns a new member for the linkable's list, which `call` calls on the hub of this thread's
   loop; NULL with MemoryError. */
green_callable *green_callable_new(const struct green_linkable *linkable, PyObject *callable,
                                   GreenletObject *(*call)(green_observer *, PyObject *));

/* Takes it out of the list and of the table: nothing finds it any more. */
void green_callable_unlink(green_callable *callback);

/* Unlinks and frees it. Where the callable's last reference goes, Python code runs. */
void green_callable_free(green_callable *callback);

/* Return the first of a linkable's callbacks, in the order they were linked, whose callable is this
   object, or equals this plain one; NULL: there is none. */
green_callable *green_callable_find(const struct green_linkable *linkable, PyObject *callable);
green_callable *green_callable_find_equal(const struct green_linkable *linkable,
                                          PyObject *callable);

/* Returns the next one by which the same object is linked to the same linkable, or NULL. */
green_callable *green_callable_next_same(const green_callable *callback);

/* Returns the number of the callable that was linked last. */
uint64_t green_callable_last(void);

#endif
