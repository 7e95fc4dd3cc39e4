/* An observer among a task's links, whose owner (a Group, an imap) is told of many tasks' ends. The
   owner keeps a list of its observers, since it may go before a task does, or after. */
#ifndef GREEN_TASK_OBSERVER_H
#define GREEN_TASK_OBSERVER_H

#include <Python.h>
#include "task/task.h"

typedef struct green_task_observer {
    green_observer observer;
    green_link sibling; /* in the owner's list */
    void *owner;        /* borrowed; it frees its observers before it is freed */
    PyObject *task;     /* owned; NULL: the owner keeps it elsewhere, or not at all */
    Py_ssize_t index;   /* the owner's number for the task */
} green_task_observer;

/* Returns a new observer in the owner's list `siblings`, linked to no task yet;
   green_task_observer_free frees it. NULL with an exception. */
green_task_observer *green_task_observer_new(void *owner, green_link *siblings,
                                             GreenletObject *(*call)(green_observer *, PyObject *),
                                             bool on_hub);

/* Link the observer to a task. Its turn comes when the task has ended, or soon if it has ended
   already. */
void green_task_observer_link(green_task_observer *observer, TaskObject *task);

/* Unlink the observer, and free it. Gives up the reference to the task last, since that may run
   Python code. */
void green_task_observer_free(green_task_observer *observer);

static inline green_task_observer *
green_task_observer_from(green_link *sibling)
{
    return GREEN_CONTAINER(sibling, green_task_observer, sibling);
}

#endif
