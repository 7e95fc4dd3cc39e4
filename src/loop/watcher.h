/* Watchers: the Python objects of loop.io(), loop.timer() and so on. Each is a callback and a ready
   node; kinds differ in how they are started and what fires them: watch_<kind>.c. */
#ifndef GREEN_LOOP_WATCHER_H
#define GREEN_LOOP_WATCHER_H

#include <Python.h>
#include <structmember.h>
#include "greenlet/ready.h"
#include "loop/loop.h"

struct WatcherObject;

/* What a kind adds. */
typedef struct green_watcher_kind {
    int (*start)(struct WatcherObject *self); /* arm it; -1 with an exception */
    void (*stop)(struct WatcherObject *self); /* disarm it; harmless when it is not armed */
    /* Its turn has come: is there something to call back for? Keeps itself armed, or stops being
       active by setting self->done. NULL: always. */
    bool (*due)(struct WatcherObject *self);
    bool uv;     /* start and stop call libuv, which only the loop's own thread may */
    bool level;  /* fires for as long as something is so: stopped when its callback fails */
    bool events; /* start() takes pass_events */
    bool clock;  /* start() takes update, without effect: what time it is is always known anew */
} green_watcher_kind;

typedef struct WatcherObject {
    PyObject_HEAD
    PyObject *weakrefs;
    const green_watcher_kind *kind;
    LoopObject *loop;   /* owned */
    PyObject *callback; /* owned; NULL: none */
    PyObject *args;     /* owned; a tuple, or NULL */
    green_ready ready;  /* queued: pending. The queue borrows: active, the loop owns it; or fed */
    green_link started; /* in loop->watchers while active */
    green_link link;    /* among the loop's of its phase, where it has one */
    int priority;       /* kept, and without effect */
    int revents;        /* what pass_events hands to the callback */
    bool active;        /* started */
    bool ref;           /* while active it keeps the loop running */
    bool counted;       /* in loop->refs */
    bool pass_events;   /* the callback gets revents before args */
    bool done;          /* stop before the callback is called */
    bool fed;           /* queued by feed(): the queue owns a reference until its turn */
} WatcherObject;

extern PyTypeObject *Watcher_Type;

/* tp_new of every kind: the fields above, for `loop` (a loop not destroyed), with ref and priority
   as given. NULL with an exception. */
WatcherObject *green_watcher_new(PyTypeObject *type, const green_watcher_kind *kind, PyObject *loop,
                                 int ref, PyObject *priority);

/* Something happened: queue its turn. No-op when it is queued. */
void green_watcher_push(WatcherObject *self);

/* 0, or -1 with an exception. Starting an active one replaces callback and args only. */
int green_watcher_start(WatcherObject *self, PyObject *callback, PyObject *args);
void green_watcher_stop(WatcherObject *self);

/* Stop all of a loop that is being destroyed. */
void green_watcher_stop_all(LoopObject *loop);

/* -1 with an AttributeError when it is active: what it watches can only be changed before. */
int green_watcher_check_inactive(WatcherObject *self, const char *attribute);

/* Add a kind's type, a subtype of Watcher_Type, to the module. NULL with an exception. */
PyTypeObject *green_watcher_add_type(PyObject *module, PyType_Spec *spec);

/* Queue the started ones of a phase, in their order. */
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
