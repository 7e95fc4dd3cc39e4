/* Where a greenlet was spawned: by whom, from which calls, in which family of spawn-tree locals. */
#ifndef GREEN_TASK_ANCESTRY_H
#define GREEN_TASK_ANCESTRY_H

#include <Python.h>
#include <stdbool.h>
#include "greenlet/greenlet.h"

typedef struct green_ancestry {
    PyObject *spawner; /* owned weak reference; NULL: not tracked */
    PyObject *locals;  /* owned dict; NULL: none yet, or not tracked */
    PyObject *stack;   /* owned; an opaque record; NULL: none */
} green_ancestry;

/* config.track_greenlet_tree, for the process. */
extern bool green_ancestry_tracking;

/* Note the running greenlet as the spawner, with at most `stack_limit` of its calls. 0 or -1. */
int green_ancestry_note(green_ancestry *ancestry, int stack_limit);

/* The attributes spawning_greenlet, spawn_tree_locals, spawning_stack: new reference or NULL with
   an exception. */
PyObject *green_ancestry_get_spawner(green_ancestry *ancestry);
PyObject *green_ancestry_get_locals(green_ancestry *ancestry);
PyObject *green_ancestry_get_stack(green_ancestry *ancestry);

int green_ancestry_traverse(green_ancestry *ancestry, visitproc visit, void *arg);
void green_ancestry_clear(green_ancestry *ancestry);

/* A class with an ancestry (Task's and the raw one's) tells where it lies in its objects, so that
   children find their spawner's. */
int green_ancestry_register(PyTypeObject *type, size_t offset);

int green_ancestry_exec(PyObject *module);

#endif
