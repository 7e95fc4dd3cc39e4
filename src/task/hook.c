#include "task/hook.h"

#define SPARES_MAX 256

/* Freed ones, linked through `owner`: an item of a pool takes one or two for a short time. */
static green_task_hook *spare;
static int spares;

static bool
hook_keep(green_task_hook *self)
{
    if (spares == SPARES_MAX) {
        return false;
    }
    self->owner = spare;
    spare = self;
    spares++;
    return true;
}

/* With nothing to spare: one allocated, then as ever. Apart, so that the usual case is short. */
static __attribute__((noinline)) green_task_hook *
hook_new_allocated(void *owner, green_link *siblings,
                   GreenletObject *(*call)(green_hook *, PyObject *), bool on_hub)
{
    green_task_hook *fresh = PyMem_Malloc(sizeof(*fresh));
    if (fresh == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    hook_keep(fresh);
    return green_task_hook_new(owner, siblings, call, on_hub);
}

green_task_hook *
green_task_hook_new(void *owner, green_link *siblings,
                    GreenletObject *(*call)(green_hook *, PyObject *), bool on_hub)
{
    green_task_hook *self = spare;
    if (self == NULL) {
        return hook_new_allocated(owner, siblings, call, on_hub);
    }
    spare = self->owner;
    spares--;
    green_hook_init(&self->hook, call, on_hub, green_loop_here());
    self->owner = owner;
    self->task = NULL;
    self->index = 0;
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
    if (!hook_keep(self)) {
        PyMem_Free(self);
    }
    Py_XDECREF(task);
}
