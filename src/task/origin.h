/* Where a greenlet was spawned: by whom, from which calls, in which family of spawn-tree locals. */
#ifndef GREEN_TASK_ORIGIN_H
#define GREEN_TASK_ORIGIN_H

#include <Python.h>
#include <stdbool.h>
#include "greenlet/greenlet.h"

typedef struct green_origin {
    PyObject *spawner; /* owned weak reference; NULL: not tracked */
    PyObject *locals;  /* owned dict; NULL: none yet, or not tracked */
    PyObject *stack;   /* owned; an opaque record; NULL: none */
} green_origin;

/* config.track_greenlet_tree, for the process. */
extern bool green_origin_tracking;

/* Note the running greenlet as the spawner, with at most `stack_limit` of its calls. 0 or -1. */
int green_origin_note(green_origin *origin, int stack_limit);

/* The attributes spawning_greenlet, spawn_tree_locals, spawning_stack: new reference or NULL with
   an exception. */
PyObject *green_origin_get_spawner(green_origin *origin);
PyObject *green_origin_get_locals(green_origin *origin);
PyObject *green_origin_get_stack(green_origin *origin);

int green_origin_traverse(green_origin *origin, visitproc visit, void *arg);
void green_origin_clear(green_origin *origin);

/* A class with an origin (Task's and the raw one's) tells where it lies in its objects, so that
   children find their spawner's. */
int green_origin_register(PyTypeObject *type, size_t offset);

int green_origin_exec(PyObject *module);

#endif
