#include "sync/callable.h"

#define LEAST_BUCKETS 64

static struct {
    green_link *buckets; /* NULL: nothing was ever linked */
    size_t size;         /* a power of two */
    size_t count;
    uint64_t last; /* green_callable.number */
} table;

bool
green_callable_is_plain(PyObject *callable)
{
    return PyFunction_Check(callable) || PyCFunction_CheckExact(callable) ||
           (PyMethod_Check(callable) && PyFunction_Check(PyMethod_GET_FUNCTION(callable))) ||
           Py_TYPE(callable)->tp_richcompare == PyBaseObject_Type.tp_richcompare;
}

/* Methods are made anew at each look and equal each other by what they are made of; all other plain
   callables equal only themselves. What is not plain is found by identity. */
static uintptr_t
callback_hash(const struct green_linkable *linkable, PyObject *callable)
{
    uintptr_t hash = (uintptr_t)callable;
    if (PyMethod_Check(callable)) {
        hash =
            (uintptr_t)PyMethod_GET_SELF(callable) ^ (uintptr_t)PyMethod_GET_FUNCTION(callable) * 3;
    } else if (PyCFunction_CheckExact(callable)) {
        hash = (uintptr_t)PyCFunction_GET_SELF(callable) ^
               (uintptr_t)PyCFunction_GET_FUNCTION(callable) * 3;
    }
    hash =
        (hash ^ (uintptr_t)linkable * 5) * (uintptr_t)0x9E3779B97F4A7C15; /* 2**64 / golden ratio */
    return hash ^ hash >> 32;
}

static inline green_link *
bucket_of(uintptr_t hash)
{
    return &table.buckets[hash & (table.size - 1)];
}

/* The callbacks of one hash keep their order. -1 without memory: the table is as it was. */
static int
table_resize(size_t size)
{
    green_link *old = table.buckets;
    size_t old_size = table.size;
    green_link *buckets = PyMem_New(green_link, size);
    if (buckets == NULL) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        green_list_init(&buckets[i]);
    }
    table.buckets = buckets;
    table.size = size;
    for (size_t i = 0; i < old_size; i++) {
        while (!green_list_empty(&old[i])) {
            green_link *link = green_list_pop(&old[i]);
            green_list_append(bucket_of(GREEN_CONTAINER(link, green_callable, bucket)->hash), link);
        }
    }
    PyMem_Free(old);
    return 0;
}

green_callable *
green_callable_new(const struct green_linkable *linkable, PyObject *callable,
                   GreenletObject *(*call)(green_observer *, PyObject *))
{
    if (table.buckets == NULL && table_resize(LEAST_BUCKETS) < 0) {
        PyErr_NoMemory();
        return NULL;
    }
    green_callable *callback = PyMem_Malloc(sizeof(*callback));
    if (callback == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    LoopObject *loop = green_loop_here();
    Py_XINCREF(loop);
    green_observer_init(&callback->observer, call, true, loop);
    callback->linkable = linkable;
    callback->callable = Py_NewRef(callable);
    callback->number = ++table.last;
    callback->hash = callback_hash(linkable, callable);
    if (++table.count > table.size) {
        table_resize(table.size * 2); /* without memory the buckets get longer */
    }
    green_list_append(bucket_of(callback->hash), &callback->bucket);
    return callback;
}

void
green_callable_unlink(green_callable *callback)
{
    green_list_remove(&callback->observer.link);
    if (!green_link_linked(&callback->bucket)) {
        return;
    }
    green_list_remove(&callback->bucket);
    if (--table.count < table.size / 8 && table.size > LEAST_BUCKETS) {
        table_resize(table.size / 2); /* without memory the table stays large */
    }
}

void
green_callable_free(green_callable *callback)
{
    green_callable_unlink(callback);
    PyObject *callable = callback->callable;
    LoopObject *loop = callback->observer.loop;
    PyMem_Free(callback);
    Py_DECREF(callable);
    Py_XDECREF(loop);
}

static bool
callback_matches(const green_callable *callback, PyObject *callable, bool equal)
{
    PyObject *linked = callback->callable;
    return linked == callable || (equal && Py_TYPE(linked) == Py_TYPE(callable) &&
                                  PyObject_RichCompareBool(linked, callable, Py_EQ) > 0);
}

/* Returns the first match in a bucket, from `link` on; NULL: there is none. */
static green_callable *
bucket_find(green_link *link, uintptr_t hash, const struct green_linkable *linkable,
            PyObject *callable, bool equal)
{
    for (; link != bucket_of(hash); link = link->next) {
        green_callable *callback = GREEN_CONTAINER(link, green_callable, bucket);
        if (callback->hash == hash && callback->linkable == linkable &&
            callback_matches(callback, callable, equal)) {
            return callback;
        }
    }
    return NULL;
}

static green_callable *
table_find(const struct green_linkable *linkable, PyObject *callable, bool equal)
{
    if (table.buckets == NULL) {
        return NULL;
    }
    uintptr_t hash = callback_hash(linkable, callable);
    return bucket_find(bucket_of(hash)->next, hash, linkable, callable, equal);
}

green_callable *
green_callable_find(const struct green_linkable *linkable, PyObject *callable)
{
    return table_find(linkable, callable, false);
}

green_callable *
green_callable_find_equal(const struct green_linkable *linkable, PyObject *callable)
{
    return table_find(linkable, callable, true);
}

green_callable *
green_callable_next_same(const green_callable *callback)
{
    return bucket_find(callback->bucket.next, callback->hash, callback->linkable,
                       callback->callable, false);
}

uint64_t
green_callable_last(void)
{
    return table.last;
}
