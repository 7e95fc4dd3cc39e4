/* Watchers: the Python objects that loop.io(), loop.timer() and so on return. Each is a callback
   and a ready node. Kinds differ in how they are started and in what fires them: watch_<kind>.c. */
#ifndef GREEN_LOOP_WATCHER_H
#define GREEN_LOOP_WATCHER_H

#include <Python.h>
#include <structmember.h>
#include "greenlet/ready.h"
#include "loop/loop.h"

struct WatcherObject;

/* What a kind of watchers adds. */
typedef struct green_watcher_kind {
    int (*start)(struct WatcherObject *self); /* arms it; -1 with an exception */
    void (*stop)(struct WatcherObject *self); /* disarms it; does nothing when it is not armed */
    /* Called at the watcher's turn: returns whether there is something to call back for. It keeps
       the watcher armed, or sets self->done to have it stopped. NULL: there always is something. */
    bool (*due)(struct WatcherObject *self);
    bool uv;     /* start and stop are refused while another thread polls, as libuv demands */
    bool level;  /* fires for as long as something is so, and stops when its callback fails */
    bool events; /* start() takes pass_events */
    bool clock;  /* start() takes update, without effect: the loop always knows the time */
} green_watcher_kind;

typedef struct WatcherObject {
    PyObject_HEAD
    PyObject *weakrefs;
    const green_watcher_kind *kind;
    LoopObject *loop;   /* owned */
    PyObject *callback; /* owned; NULL: none */
    PyObject *args;     /* owned; a tuple, or NULL */
    green_ready ready;  /* queued while a call is pending; kept alive by `active` or `fed` */
    green_link started; /* in loop->watchers while active */
    green_link link;    /* in one of loop->phases, for a watcher of a phase */
    int priority;       /* below 0 it makes a timer late; without effect otherwise */
    int revents;        /* what pass_events hands to the callback */
    bool active;        /* started; the loop owns a reference */
    bool ref;           /* keeps the loop running while active */
    bool counted;       /* in loop->refs */
    bool pass_events;   /* the callback gets revents before args */
    bool done;          /* to be stopped before the callback is called */
    bool fed;           /* queued by feed(): the queue owns a reference until its turn */
} WatcherObject;

extern PyTypeObject *Watcher_Type;

/* What tp_new of every kind calls: makes a watcher for `loop`, with ref and priority as given.
   priority may be NULL. NULL with an exception, as for a loop that is destroyed. */
WatcherObject *green_watcher_new(PyTypeObject *type, const green_watcher_kind *kind, PyObject *loop,
                                 int ref, PyObject *priority);

/* Something has happened: queues the watcher's turn. Does nothing when it is queued. */
void green_watcher_push(WatcherObject *self);

/* Returns -1 with a TypeError when the callback can't be called. */
int green_watcher_check_callback(PyObject *callback);

/* Starts or stops a watcher. Starting an active one only replaces callback and args. 0, or -1 with
   an exception. */
int green_watcher_start(WatcherObject *self, PyObject *callback, PyObject *args);
void green_watcher_stop(WatcherObject *self);

/* Stops all watchers of a loop that is being destroyed. */
void green_watcher_stop_all(LoopObject *loop);

/* Returns -1 with an AttributeError when the watcher is active: what it watches can only be changed
   before. */
int green_watcher_check_inactive(WatcherObject *self, const char *attribute);

/* Adds the type of a kind, a subtype of Watcher_Type, to the module and returns it. NULL with an
   exception. */
PyTypeObject *green_watcher_add_type(PyObject *module, PyType_Spec *spec);

/* Queues the started watchers of a phase, in their order. */
void green_watcher_push_phase(LoopObject *loop, green_phase phase);

int green_watcher_exec(PyObject *module);

/* The kinds. */
int green_watch_phase_exec(PyObject *module);
int green_watch_timer_exec(PyObject *module);
int green_watch_io_exec(PyObject *module);
int green_watch_async_exec(PyObject *module);
int green_watch_signal_exec(PyObject *module);
int green_watch_child_exec(PyObject *module);
int green_watch_stat_exec(PyObject *module);

#endif
