/* An observer in a task's links, of an owner who is told of many tasks' ends (a Group, an imap) and
   keeps a list of such observers, since either may go before the other. */
#ifndef GREEN_TASK_OBSERVER_H
#define GREEN_TASK_OBSERVER_H

#include <Python.h>
#include "task/task.h"

typedef struct green_task_observer {
    green_observer observer;
    green_link sibling; /* in the owner's list */
    void *owner;        /* borrowed: it frees its observers before it goes */
    PyObject *task;     /* owned; NULL: the owner wants none, or not here */
    Py_ssize_t index;   /* the owner's number for the task */
} green_task_observer;

/* A new observer in the owner's list, linked to no task yet; NULL with an exception. */
green_task_observer *green_task_observer_new(void *owner, green_link *siblings,
                                             GreenletObject *(*call)(green_observer *, PyObject *),
                                             bool on_hub);

/* Its turn comes when the task has ended: soon where it has. */
void green_task_observer_link(green_task_observer *observer, TaskObject *task);

/* Gives up the reference to the task last. */
void green_task_observer_free(green_task_observer *observer);

static inline green_task_observer *
green_task_observer_from(green_link *sibling)
{
    return GREEN_CONTAINER(sibling, green_task_observer, sibling);
}

#endif
