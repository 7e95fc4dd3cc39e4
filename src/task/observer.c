#include "task/observer.h"

#define SPARES_MAX 256

/* Freed observers, linked through `owner`. They are kept because each item of a pool takes one or
   two for a short time. */
static green_task_observer *spare;
static int spares;

static bool
observer_put_spare(green_task_observer *self)
{
    if (spares == SPARES_MAX) {
        return false;
    }
    self->owner = spare;
    spare = self;
    spares++;
    return true;
}

/* Make an observer where there is no spare: allocate one, and go on as ever. This is a function of
   its own so that the usual case is short. */
static __attribute__((noinline)) green_task_observer *
observer_new_allocated(void *owner, green_link *siblings,
                       GreenletObject *(*call)(green_observer *, PyObject *), bool on_hub)
{
    green_task_observer *fresh = PyMem_Malloc(sizeof(*fresh));
    if (fresh == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    observer_put_spare(fresh);
    return green_task_observer_new(owner, siblings, call, on_hub);
}

green_task_observer *
green_task_observer_new(void *owner, green_link *siblings,
                        GreenletObject *(*call)(green_observer *, PyObject *), bool on_hub)
{
    green_task_observer *self = spare;
    if (self == NULL) {
        return observer_new_allocated(owner, siblings, call, on_hub);
    }
    spare = self->owner;
    spares--;
    green_observer_init(&self->observer, call, on_hub, green_loop_here());
    self->owner = owner;
    self->task = NULL;
    self->index = 0;
    green_list_append(siblings, &self->sibling);
    return self;
}

void
green_task_observer_link(green_task_observer *self, TaskObject *task)
{
    green_list_append(&task->linkable.links, &self->observer.link);
    green_usage_note(&task->linkable.usage);
    if (green_task_ready(task)) {
        green_linkable_notify(&task->linkable);
    }
}

void
green_task_observer_free(green_task_observer *self)
{
    PyObject *task = self->task;
    green_list_remove(&self->observer.link);
    green_list_remove(&self->sibling);
    if (!observer_put_spare(self)) {
        PyMem_Free(self);
    }
    Py_XDECREF(task);
}
