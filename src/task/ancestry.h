/* The ancestry of a greenlet tells who spawned it, from which calls, and which spawn-tree locals it
   shares. */
#ifndef GREEN_TASK_ANCESTRY_H
#define GREEN_TASK_ANCESTRY_H

#include <Python.h>
#include <stdbool.h>
#include "greenlet/greenlet.h"

typedef struct green_ancestry {
    PyObject *spawner; /* owned weak reference; NULL: not tracked */
    PyObject *locals;  /* owned dict; NULL: none yet, or not tracked */
    PyObject *stack;   /* owned; a StackObject or the frames made of it; NULL: none */
} green_ancestry;

/* The setting config.track_greenlet_tree, which holds for the whole process. */
extern bool green_ancestry_tracking;

/* Note the running greenlet as the spawner, with at most `stack_limit` of its calls. 0, or -1 with
   an exception. */
int green_ancestry_note(green_ancestry *ancestry, int stack_limit);

/* Return the attributes spawning_greenlet, spawn_tree_locals and spawning_stack: new references
   (None where it is not tracked), or NULL with an exception. */
PyObject *green_ancestry_get_spawner(green_ancestry *ancestry);
PyObject *green_ancestry_get_locals(green_ancestry *ancestry);
PyObject *green_ancestry_get_stack(green_ancestry *ancestry);

/* Set spawn_tree_locals to `value` (borrowed; NULL deletes it). 0, or -1 with TypeError for what is
   neither a dict nor None. */
int green_ancestry_set_locals(green_ancestry *ancestry, PyObject *value);

int green_ancestry_traverse(green_ancestry *ancestry, visitproc visit, void *arg);
void green_ancestry_clear(green_ancestry *ancestry);

/* A class whose objects have an ancestry (the task's and the raw greenlet's) tells at which offset
   in bytes it lies in them, so that children find their spawner's ancestry. 0, or -1 with an
   exception. */
int green_ancestry_register(PyTypeObject *type, size_t offset);

int green_ancestry_exec(PyObject *module);

#endif
