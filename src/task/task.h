/* The task, gevent.Greenlet in Python: a greenlet of the hub that keeps its result and tells those
   who wait for it. */
#ifndef GREEN_TASK_TASK_H
#define GREEN_TASK_TASK_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "hub/hub.h"
#include "sync/linkable.h"
#include "task/ancestry.h"

typedef enum {
    TASK_NEW = 0,
    TASK_QUEUED,    /* its start is in the ready queue */
    TASK_LATER,     /* a timer will queue it */
    TASK_CANCELLED, /* killed before it ran: it never will */
    TASK_BEGUN,
} task_phase;

struct task_delay;

/* What few tasks have. */
typedef struct task_extra {
    PyObject *name;      /* owned; NULL: the generated one */
    PyObject *info;      /* owned; _formatinfo's result, kept past the run; NULL: not asked for */
    PyObject *traceback; /* owned; of what it failed with, as it was then; may be NULL */
    struct task_delay *delay; /* while TASK_LATER, or NULL */
} task_extra;

typedef struct TaskObject {
    GreenletObject base;     /* run NULL: the class's _run, or nothing left to run; args that are no
                                exact tuple are the only argument, itself */
    green_linkable linkable; /* ready for ever once done */
    PyObject *value;         /* owned; NULL: None */
    PyObject *exception;     /* owned; NULL unless it failed */
    task_extra *extra;       /* owned; NULL: it has none of it */
    green_ancestry ancestry;
    int32_t ident; /* minimal_ident; -1: none yet */
    uint8_t phase; /* task_phase */
    bool done;     /* value or exception is final */
    bool exited;   /* the value is a GreenletExit that has not been made yet */
} TaskObject;

extern PyTypeObject *Task_Type;

#define Task_Check(op) PyObject_TypeCheck((op), Task_Type)

/* Which hooks a class overrides. */
enum {
    TASK_HAS_RUN_METHOD = 1,    /* _run */
    TASK_HAS_RUN = 2,           /* run */
    TASK_HAS_REPORT_RESULT = 4, /* _report_result */
    TASK_HAS_REPORT_ERROR = 8,  /* _report_error */
    TASK_HAS_START = 16,        /* start */
    TASK_HAS_RAWLINK = 32,      /* rawlink or unlink */
    TASK_HAS_GET = 64,          /* get or ready */
    TASK_HAS_JOIN = 128,        /* join */
};

typedef struct {
    PyTypeObject *type; /* compared only */
    unsigned int tag;   /* the type's version when this was found; 0: nothing known */
    int overrides;
    int stack_limit; /* spawning_stack_limit */
} task_traits;

/* Task_Type's own. */
extern task_traits green_task_plain;

const task_traits *green_task_traits_find(PyTypeObject *type);

/* Found once for each version of a class. */
static inline const task_traits *
green_task_traits(PyTypeObject *type)
{
    unsigned int tag = type->tp_version_tag; /* no two types have the same, but for 0 */
    if (__builtin_expect(tag != 0 && tag == green_task_plain.tag, 1)) {
        return &green_task_plain;
    }
    return green_task_traits_find(type);
}

/* A call of `type` (a Task type or any callable of Python) with vectorcall's arguments: its
   construction, for a plain class without its detour. New reference. */
PyObject *green_task_call(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Queue its start, now or in `seconds`; nothing when it was started before. -1 with an exception.
 */
int green_task_start(TaskObject *self);
int green_task_start_later(TaskObject *self, double seconds);

/* Call what it is to run, in the running greenlet, and set its outcome. -1 with an exception. */
int green_task_run(TaskObject *self);

/* Take back a start that has not happened: true, it never ran and is cancelled. */
bool green_task_cancel(TaskObject *self);

/* It has ended, or never will begin. */
bool green_task_ready(const TaskObject *self);

/* Its extra, made where it has none. NULL: MemoryError. */
task_extra *green_task_extra(TaskObject *self);

/* The traceback of what it failed with: borrowed, may be NULL. */
static inline PyObject *
green_task_traceback(const TaskObject *self)
{
    return self->extra == NULL ? NULL : self->extra->traceback;
}

/* Set its outcome and notify. `value` is borrowed; `exception` is stolen, -1 when the hub's
   handle_error raises. */
void green_task_succeed(TaskObject *self, PyObject *value);
int green_task_fail(TaskObject *self, PyObject *exception);

/* It ends by GreenletExit, which is its value: made only when somebody asks. */
void green_task_exit(TaskObject *self);

/* The attributes `args`, a tuple, and `value`: new references. */
PyObject *green_task_args(TaskObject *self);
PyObject *green_task_value(TaskObject *self);

/* Raise what it failed with. Returns NULL. */
PyObject *green_task_raise(TaskObject *self);

/* The result of a task that is ready, or what it failed with. */
PyObject *green_task_result(TaskObject *self);

/* The same once it is ready. `timeout` as green_deadline_start has it; Timeout when it passes. */
PyObject *green_task_get(TaskObject *self, PyObject *timeout);

/* Its hub (borrowed); TypeError where the parent is none. */
HubObject *green_task_hub(TaskObject *self);

/* The static methods add_spawn_callback and remove_spawn_callback. */
PyObject *green_task_add_spawn_callback(PyObject *none, PyObject *callback);
PyObject *green_task_remove_spawn_callback(PyObject *none, PyObject *callback);

/* This layer's part of the module; of it, the type, and what the type is known by. */
int green_task_exec(PyObject *module);
int green_task_type_exec(PyObject *module);
int green_task_traits_exec(void);

#endif
