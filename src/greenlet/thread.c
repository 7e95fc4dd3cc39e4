#include "greenlet/thread.h"
#include "greenlet/error.h"
#include "greenlet/locals.h"
#include "greenlet/greenlet.h"
#include "greenlet/type.h"

uint32_t green_epoch;
int green_threads_idle;

GREEN_TLS green_thread *green_thread_self;

/* While the interpreter clears a thread's state, after the thread's record has ended, Python code
   may still ask for its greenlet. The thread gets a second, late record then. Nothing tells that
   one of the thread's real end, so it is looked up anew each time, and any thread frees it once the
   thread state is gone. */
static _Thread_local uint64_t thread_ended_id;
static _Thread_local green_thread *thread_late;
static _Thread_local uint64_t thread_late_id; /* tells whether thread_late is this thread's, for it
                                                 dangles once another thread has freed it */

static green_link threads = {&threads, &threads};
static green_link threads_late = {&threads_late, &threads_late};

static PyObject *end_key;
static PyTypeObject *End_Type;

/* This lies in the thread's state dictionary. Its deallocation is the thread's end. */
typedef struct {
    PyObject_HEAD
    green_thread *thread; /* owned */
} EndObject;

void
green_thread_decref(green_thread *thread)
{
    if (--thread->refs == 0) {
        PyMem_Free(thread);
    }
}

GREEN_COLD void
green_thread_kill_orphans(green_thread *thread)
{
    if (thread->no_switch > 0) {
        return;
    }
    PyObject *error = green_error_take();
    /* The list has the last reference to each orphan, so the orphan is deallocated here, and killed
       by that. */
    Py_CLEAR(thread->orphans);
    green_error_raise(error);
}

/* End the record: the thread runs no more greenlets. Those that are alive are stranded from now
   on. */
static void
thread_end(green_thread *thread)
{
    if (thread == green_thread_self || thread == thread_late) {
        Py_CLEAR(thread->tracer);
        if (thread->leave != NULL) {
            thread->leave(thread);
        }
        while (thread->orphans != NULL && thread->no_switch == 0) {
            green_thread_kill_orphans(thread);
        }
        green_locals_end(thread->main);
        Py_CLEAR(thread->hub);
        thread_ended_id = thread->tstate_id;
        green_thread_self = NULL;
        thread_late = NULL;
    }
    PyThreadState *ts = thread->tstate;
    GreenletObject *main = thread->main;
    GreenletObject *current = thread->current;
    thread->tstate = NULL;
    if (current != main && ts != NULL) {
        /* The thread stopped in the middle of a greenlet, at a fork or at the interpreter's end.
           The interpreter is about to free what the thread state points to, which must not be the
           greenlet's stack. */
        green_pystate_save(&current->flow->state, ts);
        green_pystate_load(&main->flow->state, ts);
        green_pystate_switch_context(&current->context, &main->context, ts);
    }
    main->status = GREEN_DEAD;
#if PY_VERSION_HEX < 0x030D0000
    Py_XSETREF(main->leftover, main->flow->asyncio_loop);
#endif
    main->flow = NULL; /* the thread state has all that it owned */
    green_list_remove(&thread->link);
    thread->current = NULL;
    thread->main = NULL;
    Py_CLEAR(thread->tracer);
    Py_CLEAR(thread->orphans);
    Py_CLEAR(thread->hub);
    Py_DECREF(current);
    Py_DECREF(main);
    green_thread_decref(thread);
}

static void
end_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject *error = green_error_take();
    thread_end(((EndObject *)op)->thread);
    green_error_raise(error);
    type->tp_free(op);
    Py_DECREF(type);
}

/* Have the record end with the thread. 0; or -1 with an exception, and the record has ended. */
static int
thread_watch_end(green_thread *thread)
{
    PyObject *dict = PyThreadState_GetDict(); /* borrowed */
    EndObject *end = dict == NULL ? NULL : PyObject_New(EndObject, End_Type);
    if (end == NULL) {
        thread_end(thread);
        PyErr_NoMemory();
        return -1;
    }
    end->thread = thread;
    int status = PyDict_SetItem(dict, end_key, (PyObject *)end);
    Py_DECREF(end); /* on failure this ends the record */
    return status;
}

static bool
thread_tstate_exists(uint64_t id)
{
    PyThreadState *ts = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    while (ts != NULL && PyThreadState_GetID(ts) != id) {
        ts = PyThreadState_Next(ts);
    }
    return ts != NULL;
}

static void
thread_reap_late(void)
{
    for (green_link *link = threads_late.next; link != &threads_late;) {
        green_thread *thread = GREEN_CONTAINER(link, green_thread, link);
        link = link->next;
        if (!thread_tstate_exists(thread->tstate_id)) {
            thread->tstate = NULL;
            thread_end(thread);
            link = threads_late.next;
        }
    }
}

green_thread *
green_thread_make(void)
{
    PyThreadState *ts = PyThreadState_Get();
    uint64_t id = PyThreadState_GetID(ts);
    if (thread_late != NULL && thread_late_id == id) {
        return thread_late;
    }
    thread_late = NULL;
    thread_reap_late();
    green_thread *thread = PyMem_Calloc(1, sizeof(*thread));
    if (thread == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    green_list_init(&thread->link);
    GreenletObject *main = green_greenlet_new_main(thread);
    if (main == NULL) {
        PyMem_Free(thread);
        return NULL;
    }
    thread->refs++;
    thread->main = main;
    thread->current = (GreenletObject *)Py_NewRef(main);
    thread->tstate = ts;
    thread->tstate_id = id;
    if (thread_ended_id == id) {
        thread_late = thread;
        thread_late_id = id;
        green_list_append(&threads_late, &thread->link);
        return thread;
    }
    green_list_append(&threads, &thread->link);
    if (thread_watch_end(thread) < 0) {
        return NULL;
    }
    green_thread_self = thread;
    return thread;
}

Py_ssize_t
green_thread_pending_count(void)
{
    thread_reap_late();
    Py_ssize_t count = 0;
    for (green_link *link = threads.next; link != &threads; link = link->next) {
        green_thread *thread = GREEN_CONTAINER(link, green_thread, link);
        count += thread->orphans == NULL ? 0 : PyList_GET_SIZE(thread->orphans);
    }
    for (green_link *link = threads_late.next; link != &threads_late; link = link->next) {
        count++;
    }
    return count;
}

static PyType_Slot end_slots[] = {
    {Py_tp_dealloc, end_dealloc},
    {0, NULL},
};

static PyType_Spec end_spec = {
    .name = "greencore._core._ThreadEnd",
    .basicsize = sizeof(EndObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = end_slots,
};

int
green_thread_exec(PyObject *module)
{
    end_key = PyUnicode_InternFromString("greencore");
    if (end_key == NULL) {
        return -1;
    }
    End_Type = (PyTypeObject *)green_type_new(module, &end_spec, NULL);
    return End_Type == NULL ? -1 : 0;
}
