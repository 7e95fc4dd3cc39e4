/* The items of a queue, apart from who waits for them. They are in a ring until Python code asks
   for the container, a deque or a list, and in that from then on. With GREEN_PRIORITY they are
   always in a list. */
#ifndef GREEN_SYNC_STORE_H
#define GREEN_SYNC_STORE_H

#include <Python.h>
#include <stdbool.h>

typedef enum { GREEN_FIFO, GREEN_LIFO, GREEN_PRIORITY } green_discipline;

enum { GREEN_STORE_KEPT_ROOM = 1024 }; /* an empty ring of at most so many slots is kept */

typedef struct green_store {
    green_discipline discipline;
    PyObject *container; /* owned; NULL: the items are in the ring */
    PyObject **ring;     /* `room` slots, a power of two; or NULL */
    size_t room;
    size_t first;
    size_t count;
} green_store;

void green_store_init(green_store *store, green_discipline discipline);

/* Whether put, get and peek run no Python code. */
static inline bool
green_store_plain(const green_store *store)
{
    return store->container == NULL && store->discipline != GREEN_PRIORITY;
}

/* Returns how many items there are; -1 with an exception, which a container may raise. */
static inline Py_ssize_t
green_store_size(const green_store *store)
{
    return store->container == NULL ? (Py_ssize_t)store->count : PyObject_Size(store->container);
}

/* Put an item in, take the next one out, or look at it; the last two need an item. -1 or NULL with
   an exception, and then nothing has changed. */
int green_store_put(green_store *store, PyObject *item);
PyObject *green_store_get(green_store *store);
PyObject *green_store_peek(const green_store *store);

/* As put and get, inline, for a ring that neither grows nor shrinks by it; the second for
   GREEN_FIFO alone. Otherwise they do nothing and return false or NULL. */
static inline bool
green_store_push(green_store *store, PyObject *item)
{
    if (!green_store_plain(store) || store->count == store->room) {
        return false;
    }
    Py_INCREF(item);
    store->ring[(store->first + store->count++) & (store->room - 1)] = item;
    return true;
}

static inline PyObject *
green_store_shift(green_store *store)
{
    if (store->discipline != GREEN_FIFO || store->container != NULL || store->count == 0 ||
        store->room > GREEN_STORE_KEPT_ROOM) {
        return NULL;
    }
    PyObject *item = store->ring[store->first];
    store->first = (store->first + 1) & (store->room - 1);
    store->count--;
    return item;
}

/* Put back what get has returned. 0, or -1 with an exception. */
int green_store_unget(green_store *store, PyObject *item);

/* Replace the items by those of an iterable (NULL: none). 0; -1 with an exception, and then some
   may be missing. */
int green_store_fill(green_store *store, PyObject *items);

/* Returns a new deque or list for this discipline, with the items of an iterable (NULL: none). */
PyObject *green_store_make(const green_store *store, PyObject *items);

/* Returns a new deque or list of the items, in the order in which they are kept. */
PyObject *green_store_copy(const green_store *store);

/* Returns the container itself, a new reference. Items in the ring move into it. */
PyObject *green_store_container(green_store *store);

/* Use another container (borrowed) from now on. The items before are dropped. */
void green_store_set_container(green_store *store, PyObject *container);

int green_store_traverse(green_store *store, visitproc visit, void *arg);
void green_store_clear(green_store *store);

#endif
