#include "sync/heap.h"

/* Returns whether a < b; -1 with an exception, which is RuntimeError where the comparison has
   changed the length of the list. */
static int
heap_less(PyObject *list, Py_ssize_t size, PyObject *a, PyObject *b)
{
    Py_INCREF(a);
    Py_INCREF(b);
    int less = PyObject_RichCompareBool(a, b, Py_LT);
    Py_DECREF(a);
    Py_DECREF(b);
    if (less >= 0 && PyList_GET_SIZE(list) != size) {
        PyErr_SetString(PyExc_RuntimeError, "the queue was changed by a comparison of its items");
        return -1;
    }
    return less;
}

int
green_heap_push(PyObject *list, PyObject *item)
{
    /* All comparisons come first: after them nothing can fail but the append. */
    Py_ssize_t size = PyList_GET_SIZE(list), end = size;
    while (end > 0) {
        Py_ssize_t parent = (end - 1) >> 1;
        int less = heap_less(list, size, item, PyList_GET_ITEM(list, parent));
        if (less < 0) {
            return -1;
        }
        if (!less) {
            break;
        }
        end = parent;
    }
    if (PyList_Append(list, item) < 0) {
        return -1;
    }
    for (Py_ssize_t position = size; position > end;) {
        Py_ssize_t parent = (position - 1) >> 1;
        PyObject *moved = PyList_GET_ITEM(list, parent);
        PyList_SET_ITEM(list, parent, PyList_GET_ITEM(list, position));
        PyList_SET_ITEM(list, position, moved);
        position = parent;
    }
    return 0;
}

PyObject *
green_heap_pop(PyObject *list)
{
    Py_ssize_t size = PyList_GET_SIZE(list), left = size - 1;
    Py_ssize_t path[64]; /* the way of the hole: down along the smaller children */
    int depth = 0, end;
    path[0] = 0;
    for (Py_ssize_t child = 1; child < left; child = 2 * child + 1) {
        if (child + 1 < left) {
            int less = heap_less(list, size, PyList_GET_ITEM(list, child),
                                 PyList_GET_ITEM(list, child + 1));
            if (less < 0) {
                return NULL;
            }
            child += !less;
        }
        path[++depth] = child;
    }
    /* The hole goes up again to where the last item belongs. */
    for (end = depth; end > 0 && left > 0; end--) {
        int less =
            heap_less(list, size, PyList_GET_ITEM(list, left), PyList_GET_ITEM(list, path[end]));
        if (less < 0) {
            return NULL;
        }
        if (!less) {
            break;
        }
    }
    PyObject *least = Py_NewRef(PyList_GET_ITEM(list, 0));
    PyObject *last = Py_NewRef(PyList_GET_ITEM(list, left));
    if (PyList_SetSlice(list, left, size, NULL) < 0) {
        Py_DECREF(least);
        Py_DECREF(last);
        return NULL;
    }
    if (left == 0) {
        Py_DECREF(last);
        return least;
    }
    PyObject *dropped = PyList_GET_ITEM(list, 0);
    for (int i = 0; i < end; i++) {
        PyList_SET_ITEM(list, path[i], PyList_GET_ITEM(list, path[i + 1]));
    }
    PyList_SET_ITEM(list, path[end], last);
    Py_DECREF(dropped); /* not the last one: `least` is another */
    return least;
}
