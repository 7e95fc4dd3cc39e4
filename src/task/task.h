/* The task, which Python code sees as gevent.Greenlet: a greenlet of the hub that keeps its result
   and tells those who wait for it. */
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

/* The extra of a task: fields that few tasks need. */
typedef struct task_extra {
    PyObject *name;      /* owned; NULL: the generated one */
    PyObject *info;      /* owned; _formatinfo's result, kept past the run; NULL: not asked for */
    PyObject *traceback; /* owned; the traceback of its error, as it was then; may be NULL */
    struct task_delay *delay; /* NULL but in the phase TASK_LATER */
} task_extra;

typedef struct TaskObject {
    GreenletObject base;     /* `run` NULL: the class's _run is called, or nothing is left to run;
                                `args` that are no exact tuple are the only argument */
    green_linkable linkable; /* ready for ever once done */
    PyObject *value;         /* owned; NULL: None */
    PyObject *exception;     /* owned; NULL unless it failed */
    task_extra *extra;       /* owned; NULL: none is needed */
    green_ancestry ancestry;
    int32_t ident; /* minimal_ident; -1: none yet */
    uint8_t phase; /* task_phase */
    bool done;     /* the value or the exception is final */
    bool exited;   /* the value is a GreenletExit that has not been made yet */
} TaskObject;

extern PyTypeObject *Task_Type;

#define Task_Check(op) PyObject_TypeCheck((op), Task_Type)

/* The hooks that a class overrides. */
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

/* The traits of Task_Type itself. */
extern task_traits green_task_plain;

const task_traits *green_task_traits_find(PyTypeObject *type);

/* Returns the traits of a class, valid until other code runs. They are looked up once for each
   version of the class. */
static inline const task_traits *
green_task_traits(PyTypeObject *type)
{
    unsigned int tag = type->tp_version_tag; /* no two types have the same version, but for 0 */
    if (__builtin_expect(tag != 0 && tag == green_task_plain.tag, 1)) {
        return &green_task_plain;
    }
    return green_task_traits_find(type);
}

/* Call `type` (a type of tasks or any other callable) with vectorcall's arguments. A task whose
   class has no __new__ or __init__ of its own is made here, without the detour through the type.
   New reference, or NULL with an exception. */
PyObject *green_task_call(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Queue the task's start, now or in `seconds`. Does nothing where it was started before. 0, or -1
   with an exception. */
int green_task_start(TaskObject *self);
int green_task_start_later(TaskObject *self, double seconds);

/* Do what the method run() does: call what the task is to run, in the running greenlet, set the
   outcome, and forget the call. 0, or -1 with an exception. */
int green_task_run(TaskObject *self);

/* Take back a start that has not happened. Returns true if the task never ran: it is cancelled
   then. */
bool green_task_cancel(TaskObject *self);

/* Whether the task has ended, or can never run (again). */
bool green_task_ready(const TaskObject *self);

/* Returns the task's extra (borrowed), made where it has none; NULL with MemoryError. */
task_extra *green_task_extra(TaskObject *self);

/* Returns the traceback of the error that the task ended with (borrowed); it may be NULL. */
static inline PyObject *
green_task_traceback(const TaskObject *self)
{
    return self->extra == NULL ? NULL : self->extra->traceback;
}

/* Set the outcome of the task, and notify those who wait. `value` is borrowed. `exception` is
   stolen; -1 when the hub's handle_error raises. */
void green_task_succeed(TaskObject *self, PyObject *value);
int green_task_fail(TaskObject *self, PyObject *exception);

/* Let a task that has no outcome yet end by GreenletExit, which is its value, and notify those who
   wait. The value is made only when somebody asks for it. */
void green_task_exit(TaskObject *self);

/* Return the attributes `args`, a tuple, and `value`: new references, or NULL with an exception. */
PyObject *green_task_args(TaskObject *self);
PyObject *green_task_value(TaskObject *self);

/* Raise the error that the task ended with; a task that has none, as its thread has ended, raises
   greenlet.error. Returns NULL. */
PyObject *green_task_raise(TaskObject *self);

/* Returns the result of a task that is ready (new reference), or raises the error that it ended
   with. */
PyObject *green_task_result(TaskObject *self);

/* As green_task_result, but waits until the task is ready. `timeout` is as for
   green_deadline_start; Timeout is raised when it passes. */
PyObject *green_task_get(TaskObject *self, PyObject *timeout);

/* Returns the task's hub (borrowed), or NULL with TypeError where its parent is none. */
HubObject *green_task_hub(TaskObject *self);

/* The static methods add_spawn_callback and remove_spawn_callback. */
PyObject *green_task_add_spawn_callback(PyObject *none, PyObject *callback);
PyObject *green_task_remove_spawn_callback(PyObject *none, PyObject *callback);

/* The first adds this layer's part to the module. Of what it calls, the second makes the type, the
   third finds the type's own hooks. 0, or -1 with an exception. */
int green_task_exec(PyObject *module);
int green_task_type_exec(PyObject *module);
/* Returns how many calls `limit`, a value of spawning_stack_limit, has recorded: none for what is
   no number. */
int green_task_stack_limit(PyObject *limit);

int green_task_traits_exec(void);

#endif
