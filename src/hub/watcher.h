/* Watchers: the Python objects of loop.io(), loop.timer() and so on. Each is a callback and a ready
   node; what differs is how it is started and what fires it: one file and one type a kind. */
#ifndef GREEN_HUB_WATCHER_H
#define GREEN_HUB_WATCHER_H

#include <Python.h>
#include "greenlet/ready.h"
#include "hub/loop.h"

typedef struct WatcherObject {
    PyObject_HEAD
    PyObject *weakrefs;
    LoopObject *loop;     /* owned; NULL once closed */
    PyObject *callback;   /* owned; NULL: none */
    PyObject *args;       /* owned; a tuple, or NULL */
    green_ready ready;    /* queued: pending */
    green_link link;      /* among the loop's watchers of its phase, where it has one */
    int priority;
    int revents;          /* for pass_events */
    bool active;          /* started: owns a reference to itself */
    bool ref;             /* while active it keeps the loop running */
    bool pass_events;     /* callback gets revents before args */
    bool once;            /* stops itself before its callback runs */
} WatcherObject;

/* What a kind adds; found through its type's Python-visible base, see watcher_kind(). */
typedef struct {
    PyTypeObject **type;
    int (*start)(WatcherObject *self);            /* -1 with an exception */
    void (*stop)(WatcherObject *self);            /* also when start failed: idempotent */
    void (*before)(WatcherObject *self);          /* just before the callback; may be NULL */
    bool (*dropped)(WatcherObject *self);         /* may be NULL */
} green_watcher_kind;

extern PyTypeObject *Watcher_Type;

/* The type of a kind, a subtype of Watcher_Type; `slots` and size are its own. Adds it to the module under
   its name. NULL with an exception. */
PyTypeObject *green_watcher_type(PyObject *module, PyType_Spec *spec);

/* A new stopped watcher; fails on a destroyed loop with ValueError. */
int green_watcher_init(WatcherObject *self, PyObject *loop, int ref, PyObject *priority);

/* start(callback, *args, **{pass_events, update}): what all kinds share. */
int green_watcher_start(WatcherObject *self, PyObject *callback, PyObject *args);
void green_watcher_stop(WatcherObject *self);

static inline green_ready *
green_watcher_phase_ready(green_link *link)
{
    return &GREEN_CONTAINER(link, WatcherObject, link)->ready;
}

int green_watcher_exec(PyObject *module);

#endif
