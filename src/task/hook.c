#include "task/hook.h"

#define SPARES_MAX 256

/* Freed ones, linked through `owner`: an item of a pool takes one or two for a short time. */
static green_task_hook *spare;
static int spares;

green_task_hook *
green_task_hook_new(void *owner, green_link *siblings,
                    GreenletObject *(*call)(green_hook *, PyObject *), bool on_hub)
{
    green_task_hook *self = spare;
    if (self != NULL) {
        spare = self->owner;
        spares--;
    } else if ((self = PyMem_Malloc(sizeof(*self))) == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    green_hook_init(&self->hook, call, on_hub, green_loop_here());
    self->owner = owner;
    self->task = NULL;
    green_list_append(siblings, &self->sibling);
    return self;
}

void
green_task_hook_link(green_task_hook *self, TaskObject *task)
{
    green_list_append(&task->linkable.links, &self->hook.link);
    green_users_note(&task->linkable.users);
    if (green_task_ready(task)) {
        green_linkable_notify(&task->linkable);
    }
}

void
green_task_hook_free(green_task_hook *self)
{
    PyObject *task = self->task;
    green_list_remove(&self->hook.link);
    green_list_remove(&self->sibling);
    if (spares < SPARES_MAX) {
        self->owner = spare;
        spare = self;
        spares++;
    } else {
        PyMem_Free(self);
    }
    Py_XDECREF(task);
}
