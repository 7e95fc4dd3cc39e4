#include "sync/store.h"

#include "greenlet/name.h"
#include "sync/heap.h"

enum { STORE_FIRST_ROOM = 8 };

void
green_store_init(green_store *store, green_discipline discipline)
{
    *store = (green_store){.discipline = discipline};
}

static PyObject **
store_slot(const green_store *store, size_t index)
{
    return &store->ring[(store->first + index) & (store->room - 1)];
}

static int
store_grow(green_store *store)
{
    size_t room = store->room == 0 ? STORE_FIRST_ROOM : store->room * 2;
    PyObject **ring =
        room > PY_SSIZE_T_MAX / sizeof(*ring) ? NULL : PyMem_Malloc(room * sizeof(*ring));
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < store->count; i++) {
        ring[i] = *store_slot(store, i);
    }
    PyMem_Free(store->ring);
    store->ring = ring;
    store->room = room;
    store->first = 0;
    return 0;
}

/* The ring is empty: free it if it is large. */
static inline void
store_emptied(green_store *store)
{
    if (store->room > GREEN_STORE_KEPT_ROOM) {
        PyMem_Free(store->ring);
        store->ring = NULL;
        store->room = store->first = 0;
    }
}

static int
store_call(const green_store *store, const char *method, PyObject *item)
{
    PyObject *done = PyObject_CallMethod(store->container, method, "(O)", item);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static bool
store_is_list(const green_store *store)
{
    return PyList_CheckExact(store->container);
}

static int
store_check_heap(const green_store *store)
{
    if (PyList_Check(store->container)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "a PriorityQueue's queue must be a list, not %.200s",
                 Py_TYPE(store->container)->tp_name);
    return -1;
}

static int
store_need_container(green_store *store)
{
    if (store->container == NULL) {
        store->container = green_store_copy(store);
    }
    return store->container == NULL ? -1 : 0;
}

int
green_store_put(green_store *store, PyObject *item)
{
    if (green_store_plain(store)) {
        if (store->count == store->room && store_grow(store) < 0) {
            return -1;
        }
        *store_slot(store, store->count++) = Py_NewRef(item);
        return 0;
    }
    if (store->discipline == GREEN_PRIORITY) {
        return store_need_container(store) < 0 || store_check_heap(store) < 0
                   ? -1
                   : green_heap_push(store->container, item);
    }
    return store_is_list(store) ? PyList_Append(store->container, item)
                                : store_call(store, "append", item);
}

PyObject *
green_store_get(green_store *store)
{
    if (store->container == NULL) {
        PyObject *item;
        if (store->discipline == GREEN_LIFO) {
            item = *store_slot(store, store->count - 1);
        } else {
            item = store->ring[store->first];
            store->first = (store->first + 1) & (store->room - 1);
        }
        if (--store->count == 0) {
            store_emptied(store);
        }
        return item;
    }
    if (store->discipline == GREEN_PRIORITY) {
        return store_check_heap(store) < 0 ? NULL : green_heap_pop(store->container);
    }
    return PyObject_CallMethod(store->container,
                               store->discipline == GREEN_LIFO ? "pop" : "popleft", NULL);
}

PyObject *
green_store_peek(const green_store *store)
{
    Py_ssize_t last = green_store_size(store) - 1;
    if (last < -1) {
        return NULL;
    }
    Py_ssize_t index = store->discipline == GREEN_LIFO ? last : 0;
    return store->container == NULL ? Py_NewRef(*store_slot(store, (size_t)index))
                                    : PySequence_GetItem(store->container, index);
}

int
green_store_unget(green_store *store, PyObject *item)
{
    if (store->discipline != GREEN_FIFO) {
        return green_store_put(store, item);
    }
    if (store->container != NULL) {
        return store_call(store, "appendleft", item);
    }
    if (store->count == store->room && store_grow(store) < 0) {
        return -1;
    }
    store->first = (store->first - 1) & (store->room - 1);
    store->count++;
    store->ring[store->first] = Py_NewRef(item);
    return 0;
}

int
green_store_fill(green_store *store, PyObject *items)
{
    green_store_clear(store);
    if (store->discipline != GREEN_PRIORITY) {
        if (items == NULL) {
            return 0;
        }
        PyObject *iterator = PyObject_GetIter(items), *item;
        if (iterator == NULL) {
            return -1;
        }
        while ((item = PyIter_Next(iterator)) != NULL) {
            int result = green_store_put(store, item);
            Py_DECREF(item);
            if (result < 0) {
                break;
            }
        }
        Py_DECREF(iterator);
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *container = green_store_make(store, items);
    if (container == NULL) {
        return -1;
    }
    Py_XSETREF(store->container, container);
    return 0;
}

/* Returns what a function of the standard library returns for `arg`, a new reference; NULL with an
   exception. */
static PyObject *
store_import_call(const char *module, const char *function, PyObject *arg)
{
    PyObject *called = green_name_get(module, function);
    PyObject *result = called == NULL ? NULL : PyObject_CallOneArg(called, arg);
    Py_XDECREF(called);
    return result;
}

PyObject *
green_store_make(const green_store *store, PyObject *items)
{
    PyObject *list = items == NULL ? PyList_New(0) : PySequence_List(items);
    if (list == NULL || store->discipline == GREEN_LIFO) {
        return list;
    }
    PyObject *done = store->discipline == GREEN_FIFO
                         ? store_import_call("collections", "deque", list)
                         : store_import_call("heapq", "heapify", list);
    if (store->discipline == GREEN_FIFO || done == NULL) {
        Py_DECREF(list);
        return done;
    }
    Py_DECREF(done);
    return list;
}

PyObject *
green_store_copy(const green_store *store)
{
    if (store->container != NULL) {
        return green_store_make(store, store->container);
    }
    PyObject *list = PyList_New((Py_ssize_t)store->count);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < store->count; i++) {
        PyList_SET_ITEM(list, (Py_ssize_t)i, Py_NewRef(*store_slot(store, i)));
    }
    PyObject *copy = green_store_make(store, list);
    Py_DECREF(list);
    return copy;
}

static void
store_drop_ring(green_store *store)
{
    PyObject **ring = store->ring;
    size_t room = store->room, first = store->first, count = store->count;
    store->ring = NULL;
    store->room = store->first = store->count = 0;
    for (size_t i = 0; i < count; i++) {
        Py_DECREF(ring[(first + i) & (room - 1)]);
    }
    PyMem_Free(ring);
}

PyObject *
green_store_container(green_store *store)
{
    if (store_need_container(store) < 0) {
        return NULL;
    }
    store_drop_ring(store); /* the container has the items, too */
    return Py_NewRef(store->container);
}

void
green_store_set_container(green_store *store, PyObject *container)
{
    Py_XSETREF(store->container, Py_NewRef(container));
    store_drop_ring(store);
}

int
green_store_traverse(green_store *store, visitproc visit, void *arg)
{
    Py_VISIT(store->container);
    for (size_t i = 0; i < store->count; i++) {
        Py_VISIT(*store_slot(store, i));
    }
    return 0;
}

void
green_store_clear(green_store *store)
{
    Py_CLEAR(store->container);
    store_drop_ring(store);
}
