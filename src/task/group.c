#include "task/group.h"

#include "greenlet/error.h"
#include "greenlet/name.h"
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/semaphore.h"
#include "task/observer.h"
#include "task/task.h"

typedef struct GroupObject {
    PyObject_HEAD
    PyObject *greenlets;   /* owned set of the members; NULL until somebody asks for it */
    PyObject *dying;       /* owned set; likewise */
    PyObject *empty_event; /* owned Event, set while the group is empty; NULL until somebody asks
                              for it */
    PyObject *semaphore;   /* owned; NULL: no limit */
    bool unlimited;        /* the semaphore is a DummySemaphore */
    bool own_class;        /* greenlet_class was set on the object */
    bool stuck;            /* a member that had ended could not be discarded once */
    green_link observers;  /* each one's `sibling`; without a set, the members are their tasks */
    Py_ssize_t count;      /* how many of those tasks there are */
} GroupObject;

static PyTypeObject *Group_Type;
static PyObject *str_greenlet_class;

/* ---- what a class is like ---- */

enum { GROUP_HAS_START = 1, GROUP_HAS_ADD = 2, GROUP_HAS_DISCARD = 4 };

static const char *const hook_names[] = {"start", "add", "_discard"};
#define HOOKS Py_ARRAY_LENGTH(hook_names)
static PyObject *plain[HOOKS]; /* owned; the methods of Group_Type itself */

/* The traits of a class, looked up once for each of its versions. */
typedef struct {
    PyTypeObject *type; /* compared only */
    unsigned int tag;
    int overrides;            /* GROUP_HAS_... */
    PyObject *greenlet_class; /* owned; NULL: each object has to be asked */
} group_traits;

static group_traits known[8];

static const group_traits *
group_traits_find(PyTypeObject *type)
{
    group_traits found = {.type = type};
    for (size_t i = 0; i < HOOKS; i++) {
        PyObject *hook = PyObject_GetAttrString((PyObject *)type, hook_names[i]);
        if (hook == NULL) {
            PyErr_Clear();
        }
        found.overrides |= hook == plain[i] ? 0 : 1 << i;
        Py_XDECREF(hook);
    }
    if (type->tp_getattro == PyObject_GenericGetAttr) {
        found.greenlet_class = PyObject_GetAttr((PyObject *)type, str_greenlet_class);
        if (found.greenlet_class == NULL) {
            PyErr_Clear();
        } else if (!PyType_Check(found.greenlet_class)) {
            Py_CLEAR(found.greenlet_class); /* it may be a property */
        }
    }
    found.tag = type->tp_version_tag; /* the look-ups have given the type a version */
    group_traits *place = &known[found.tag % Py_ARRAY_LENGTH(known)];
    PyObject *old = place->greenlet_class;
    *place = found;
    Py_XDECREF(old);
    return place;
}

/* Returns the traits of the group's class, valid until other code runs. */
static inline const group_traits *
group_traits_get(GroupObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    unsigned int tag = type->tp_version_tag;
    const group_traits *place = &known[tag % Py_ARRAY_LENGTH(known)];
    if (__builtin_expect(tag != 0 && place->tag == tag && place->type == type, 1)) {
        return place;
    }
    return group_traits_find(type);
}

static inline int
group_overrides(GroupObject *self)
{
    return group_traits_get(self)->overrides;
}

/* Returns the attribute greenlet_class (new reference), or NULL with an exception. */
static PyObject *
group_greenlet_class(GroupObject *self)
{
    PyObject *class = self->own_class ? NULL : group_traits_get(self)->greenlet_class;
    return class != NULL ? Py_NewRef(class)
                         : PyObject_GetAttr((PyObject *)self, str_greenlet_class);
}

static int
group_setattr(PyObject *op, PyObject *name, PyObject *value)
{
    if (PyObject_GenericSetAttr(op, name, value) < 0) {
        return -1;
    }
    if (PyUnicode_Compare(name, str_greenlet_class) == 0) {
        ((GroupObject *)op)->own_class = value != NULL;
    }
    return 0;
}

/* Call object.name(argument), or object.name() where `argument` is NULL, and drop the result. 0, or
   -1 with an exception. */
static int
call_method(PyObject *object, const char *name, PyObject *argument)
{
    PyObject *done = argument == NULL ? PyObject_CallMethod(object, name, NULL)
                                      : PyObject_CallMethod(object, name, "(O)", argument);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* ---- the limit ---- */

/* Returns the semaphore if it is one that C code can use (borrowed), else NULL. */
static SemaphoreObject *
group_limit(GroupObject *self)
{
    return self->semaphore != NULL && Py_IS_TYPE(self->semaphore, Semaphore_Type)
               ? (SemaphoreObject *)self->semaphore
               : NULL;
}

/* Whether a place can be given back without calling Python code. */
static bool
group_gives_back_plainly(GroupObject *self)
{
    return self->semaphore == NULL || self->unlimited || group_limit(self) != NULL;
}

static PyObject *
group_raise_full(void)
{
    PyObject *class = green_name_get("greencore.pool", "PoolFull");
    if (class != NULL) {
        PyErr_SetNone(class);
        Py_DECREF(class);
    }
    return NULL;
}

/* Take a place. 0, or -1 with an exception (PoolFull where there is none). */
static int
group_acquire(GroupObject *self, bool blocking, PyObject *timeout)
{
    if (self->semaphore == NULL || self->unlimited) {
        return 0;
    }
    int taken;
    SemaphoreObject *limit = group_limit(self);
    if (limit == NULL) {
        PyObject *result =
            PyObject_CallMethod(self->semaphore, "acquire", "OO", blocking ? Py_True : Py_False,
                                timeout == NULL ? Py_None : timeout);
        taken = result == NULL ? -1 : PyObject_IsTrue(result);
        Py_XDECREF(result);
    } else if (!blocking) {
        taken = limit->counter > 0 ? green_semaphore_acquire(limit, 0) : 0;
    } else {
        Py_INCREF(limit);
        taken = green_semaphore_acquire_timed(limit, timeout);
        Py_DECREF(limit);
    }
    if (taken == 0) {
        group_raise_full();
    }
    return taken > 0 ? 0 : -1;
}

static inline int
group_release(GroupObject *self)
{
    if (self->semaphore == NULL || self->unlimited) {
        return 0;
    }
    SemaphoreObject *limit = group_limit(self);
    if (limit != NULL) {
        green_semaphore_release(limit);
        return 0;
    }
    return call_method(self->semaphore, "release", NULL);
}

/* ---- members ---- */

/* Returns a new list of the members of a group without a set. */
static PyObject *
group_tasks(GroupObject *self)
{
    PyObject *tasks = PyList_New(0);
    for (green_link *link = self->observers.next; tasks != NULL && link != &self->observers;
         link = link->next) {
        PyObject *task = green_task_observer_from(link)->task;
        if (task != NULL && PyList_Append(tasks, task) < 0) {
            Py_CLEAR(tasks);
        }
    }
    return tasks;
}

/* Whether group_tasks would give just this list. */
static bool
group_tasks_are(const GroupObject *self, PyObject *tasks)
{
    Py_ssize_t i = 0, count = PyList_GET_SIZE(tasks);
    for (green_link *link = self->observers.next; link != &self->observers; link = link->next) {
        PyObject *task = green_task_observer_from(link)->task;
        if (task != NULL && (i == count || PyList_GET_ITEM(tasks, i++) != task)) {
            return false;
        }
    }
    return i == count;
}

/* Returns the attribute greenlets (borrowed), or NULL with an exception. From now on the set has
   the members, since who holds the set sees it change; the observers only tell of the members'
   ends. Python code may run before that (a class may have got another hash since its greenlets
   joined), ask for the set too, and change the members. */
static PyObject *
group_set(GroupObject *self)
{
    while (self->greenlets == NULL) {
        PyObject *tasks = group_tasks(self);
        PyObject *set = tasks == NULL ? NULL : PySet_New(tasks);
        if (set == NULL) {
            Py_XDECREF(tasks);
            return NULL;
        }
        if (self->greenlets == NULL && group_tasks_are(self, tasks)) {
            self->greenlets = Py_NewRef(set);
            self->count = 0;
            for (green_link *link = self->observers.next; link != &self->observers;
                 link = link->next) {
                Py_CLEAR(green_task_observer_from(link)->task); /* the set has a reference, too */
            }
        }
        Py_DECREF(set);
        Py_DECREF(tasks);
    }
    return self->greenlets;
}

static inline Py_ssize_t
group_size(const GroupObject *self)
{
    return self->greenlets != NULL ? PySet_GET_SIZE(self->greenlets) : self->count;
}

static int
group_tell_event(GroupObject *self, const char *method)
{
    return self->empty_event == NULL ? 0 : call_method(self->empty_event, method, NULL);
}

/* Whether all members of a group with a set have ended. -1 with an exception. */
GREEN_COLD static int
group_all_ended(GroupObject *self)
{
    PyObject *members = PySequence_List(self->greenlets);
    int ended = members == NULL ? -1 : 1;
    for (Py_ssize_t i = 0; ended > 0 && i < PyList_GET_SIZE(members); i++) {
        PyObject *member = PyList_GET_ITEM(members, i);
        ended = Task_Check(member)
                    ? green_task_ready((TaskObject *)member)
                    : Greenlet_Check(member) && ((GreenletObject *)member)->status == GREEN_DEAD;
    }
    Py_XDECREF(members);
    return ended;
}

/* Set the event where the group has no members, or none but those that could not be discarded. 0,
   or -1 with an exception. */
static inline int
group_tell_empty(GroupObject *self)
{
    int empty = group_size(self) == 0;
    if (GREEN_RARELY(!empty && self->stuck)) {
        empty = self->greenlets == NULL ? 0 : group_all_ended(self);
    }
    return empty > 0 ? group_tell_event(self, "set") : empty;
}

/* Put the exception that is being raised in *first, or drop it where that has one. */
GREEN_COLD static void
keep_first(PyObject **first)
{
    if (*first == NULL) {
        *first = green_error_take();
    } else {
        PyErr_Clear();
    }
}

/* Note that a greenlet has left the group; it gives its place back if it `has_place`. Where one
   step fails the others are made, too. 0, or -1 with the first exception. */
static inline int
group_note_discarded(GroupObject *self, PyObject *greenlet, bool has_place)
{
    PyObject *error = NULL;
    if (self->dying != NULL && PySet_Discard(self->dying, greenlet) < 0) {
        keep_first(&error);
    }
    if (group_tell_empty(self) < 0) {
        keep_first(&error);
    }
    if (has_place && group_release(self) < 0) {
        keep_first(&error);
    }
    if (GREEN_RARELY(error != NULL)) {
        green_error_raise(error);
        return -1;
    }
    return 0;
}

/* An observer has this index when its greenlet was discarded by hand. */
#define PLACE_GIVEN_BACK (-1)

/* Take a greenlet out of the members. Returns whether it was one, or -1 with an exception. */
static int
group_remove(GroupObject *self, PyObject *greenlet)
{
    PyObject *set = group_set(self);
    return set == NULL ? -1 : PySet_Discard(set, greenlet);
}

/* Discard a greenlet at somebody's wish: its place is given back only if it was a member. 0, or -1
   with an exception. */
static int
group_discard(GroupObject *self, PyObject *greenlet)
{
    int member = group_remove(self, greenlet);
    return member < 0 ? -1 : group_note_discarded(self, greenlet, member);
}

/* Free an observer. Where the group has no set, this takes the observer's task out of the
   members. */
static void
group_free_observer(GroupObject *self, green_task_observer *observer)
{
    self->count -= observer->task != NULL;
    green_task_observer_free(observer);
}

/* A member has ended, and could not be discarded; the exception tells why. It is reported, and who
   waits for the group waits for this member no more. The member gives its place back if it
   `has_place`. */
GREEN_COLD static void
group_note_stuck(GroupObject *self, PyObject *greenlet, bool has_place)
{
    PyErr_WriteUnraisable((PyObject *)self);
    self->stuck = true;
    if (group_note_discarded(self, greenlet, has_place) < 0) {
        PyErr_Clear(); /* the first one has been reported */
    }
}

static GreenletObject *
member_ended(green_observer *base, PyObject *task)
{
    green_task_observer *observer = (green_task_observer *)base;
    GroupObject *self = (GroupObject *)Py_NewRef((PyObject *)observer->owner);
    bool asks = group_overrides(self) & GROUP_HAS_DISCARD;
    /* The _discard() of a subclass will look into the set. */
    int status = asks && group_set(self) == NULL ? -1 : 0;
    bool member = observer->task != NULL, has_place = observer->index != PLACE_GIVEN_BACK;
    group_free_observer(self, observer);
    if (status == 0 && asks) {
        has_place = false; /* _discard() gives it back */
        status = call_method((PyObject *)self, "_discard", task);
    } else if (status == 0 && (member || (status = group_remove(self, task)) >= 0)) {
        status = group_note_discarded(self, task, has_place);
        has_place = false;
    }
    if (status < 0) {
        group_note_stuck(self, task, has_place);
    }
    Py_DECREF(self);
    return NULL;
}

/* Returns the group's observer among a task's links (borrowed), or NULL. */
static green_task_observer *
group_find(GroupObject *self, TaskObject *task)
{
    green_link *head = &task->linkable.links;
    for (green_link *link = head->next; link != head; link = link->next) {
        green_observer *observer = green_link_observer(link);
        if (observer != NULL && observer->call == member_ended &&
            ((green_task_observer *)observer)->owner == self) {
            return (green_task_observer *)observer;
        }
    }
    return NULL;
}

/* Whether a set finds a member of this type by its identity alone. */
static inline bool
type_compares_plainly(PyTypeObject *type)
{
    return type->tp_hash == Task_Type->tp_hash && type->tp_richcompare == Task_Type->tp_richcompare;
}

/* Whether the end of `task` can be noted without running Python code. */
static bool
group_notes_plainly(GroupObject *self, PyObject *task)
{
    return type_compares_plainly(Py_TYPE(task)) && group_gives_back_plainly(self) &&
           !(group_overrides(self) & GROUP_HAS_DISCARD);
}

static int
group_observe(GroupObject *self, TaskObject *task)
{
    bool plain = group_notes_plainly(self, (PyObject *)task);
    if (self->greenlets == NULL && (!plain || group_find(self, task) != NULL) &&
        group_set(self) == NULL) {
        return -1;
    }
    green_task_observer *observer =
        green_task_observer_new(self, &self->observers, member_ended, !plain);
    if (observer == NULL) {
        return -1;
    }
    if (self->greenlets == NULL) {
        observer->task = Py_NewRef((PyObject *)task);
        self->count++;
    } else if (PySet_Add(self->greenlets, (PyObject *)task) < 0) {
        green_task_observer_free(observer);
        return -1;
    }
    green_task_observer_link(observer, task);
    return 0;
}

/* Call greenlet.rawlink(self._discard), or unlink. Does nothing where the greenlet has no such
   method: a raw greenlet tells nobody. 0, or -1 with an exception. */
static int
group_call_link(GroupObject *self, PyObject *greenlet, const char *name)
{
    PyObject *method = PyObject_GetAttrString(greenlet, name);
    if (method == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    PyObject *discard = PyObject_GetAttrString((PyObject *)self, "_discard");
    PyObject *done = discard == NULL ? NULL : PyObject_CallOneArg(method, discard);
    Py_XDECREF(done);
    Py_XDECREF(discard);
    Py_DECREF(method);
    return done == NULL ? -1 : 0;
}

/* Make the greenlet a member, and have its end told to the group. 0, or -1 with an exception. */
static int
group_enter(GroupObject *self, PyObject *greenlet)
{
    if (Task_Check(greenlet) &&
        !(green_task_traits(Py_TYPE(greenlet))->overrides & TASK_HAS_RAWLINK)) {
        return group_observe(self, (TaskObject *)greenlet);
    }
    PyObject *set = group_set(self);
    return set == NULL || group_call_link(self, greenlet, "rawlink") < 0 ? -1
                                                                         : PySet_Add(set, greenlet);
}

/* Have the greenlet's end told to the group no more. 0, or -1 with an exception. */
static int
group_unlink(GroupObject *self, PyObject *greenlet)
{
    green_task_observer *observer =
        Task_Check(greenlet) ? group_find(self, (TaskObject *)greenlet) : NULL;
    if (observer == NULL) {
        return group_call_link(self, greenlet, "unlink");
    }
    green_task_observer_free(observer);
    return 0;
}

static int
group_add(GroupObject *self, PyObject *greenlet, bool blocking, PyObject *timeout)
{
    if (group_acquire(self, blocking, timeout) < 0) {
        return -1;
    }
    if (group_enter(self, greenlet) < 0) {
        PyObject *error = green_error_take();
        if (group_release(self) < 0) {
            PyErr_Clear();
        }
        green_error_raise(error);
        return -1;
    }
    return group_tell_event(self, "clear");
}

static int
group_start(GroupObject *self, PyObject *greenlet, bool blocking, PyObject *timeout)
{
    if (group_overrides(self) & GROUP_HAS_ADD) {
        PyObject *done = blocking && timeout == NULL
                             ? PyObject_CallMethod((PyObject *)self, "add", "O", greenlet)
                             : PyObject_CallMethod((PyObject *)self, "add", "OOO", greenlet,
                                                   blocking ? Py_True : Py_False,
                                                   timeout == NULL ? Py_None : timeout);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    } else if (group_add(self, greenlet, blocking, timeout) < 0) {
        return -1;
    }
    if (Task_Check(greenlet) &&
        !(green_task_traits(Py_TYPE(greenlet))->overrides & TASK_HAS_START)) {
        return green_task_start((TaskObject *)greenlet);
    }
    return call_method(greenlet, "start", NULL);
}

/* ---- methods ---- */

/* Sort the arguments (greenlet, blocking=True, timeout=None), which are borrowed. 0, or -1 with an
   exception. */
static int
parse_add(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
          PyObject **greenlet, int *blocking, PyObject **timeout)
{
    static const char *const names[] = {"greenlet", "blocking", "timeout"};
    PyObject *values[3];
    if (green_arguments(function, args, nargs, kwnames, names, 3, values) < 0) {
        return -1;
    }
    if (values[0] == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() needs a greenlet", function);
        return -1;
    }
    *greenlet = values[0];
    *timeout = values[2];
    *blocking = green_argument_flag(values[1], 1);
    return *blocking < 0 ? -1 : 0;
}

PyDoc_STRVAR(
    spawn_doc,
    "spawn($self, /, *args, **kwargs)\n--\n\n"
    "Make a greenlet of greenlet_class with these arguments, start it as a member and return\n"
    "it. Waits for a place where there is a limit.");

static PyObject *
group_method_spawn(GroupObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *class = group_greenlet_class(self);
    PyObject *greenlet = class == NULL ? NULL : green_task_call(class, args, nargs, kwnames);
    Py_XDECREF(class);
    if (greenlet == NULL) {
        return NULL;
    }
    int status = group_overrides(self) & GROUP_HAS_START
                     ? call_method((PyObject *)self, "start", greenlet)
                     : group_start(self, greenlet, true, NULL);
    if (status < 0) {
        Py_CLEAR(greenlet);
    }
    return greenlet;
}

PyObject *
green_group_call_spawn(PyObject *spawn, PyObject *const *args, size_t nargsf)
{
    if (PyCFunction_CheckExact(spawn) &&
        PyCFunction_GET_FUNCTION(spawn) == (PyCFunction)(void (*)(void))group_method_spawn) {
        return group_method_spawn((GroupObject *)PyCFunction_GET_SELF(spawn), args,
                                  PyVectorcall_NARGS(nargsf), NULL);
    }
    return PyObject_Vectorcall(spawn, args, nargsf, NULL);
}

PyDoc_STRVAR(
    start_doc,
    "start($self, greenlet, blocking=True, timeout=None)\n--\n\n"
    "add() a greenlet that was not started, with the same arguments and errors, then start\n"
    "it.");

static PyObject *
group_method_start(GroupObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *greenlet, *timeout;
    int blocking;
    if (parse_add("start", args, nargs, kwnames, &greenlet, &blocking, &timeout) < 0 ||
        group_start(self, greenlet, blocking, timeout) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    add_doc,
    "add($self, greenlet, blocking=True, timeout=None)\n--\n\n"
    "Make the greenlet a member until it has ended. Better add it before it is started.\n\n"
    "Where there is a limit it waits for a place, for `timeout` seconds at most, with blocking\n"
    "false not at all. Raises PoolFull when it gets none.");

static PyObject *
group_method_add(GroupObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *greenlet, *timeout;
    int blocking;
    if (parse_add("add", args, nargs, kwnames, &greenlet, &blocking, &timeout) < 0 ||
        group_add(self, greenlet, blocking, timeout) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(_discard_doc, "_discard($self, greenlet)\n--\n\n"
                           "The greenlet has ended: it is no member any more. Called by its link.");

static PyObject *
group_method__discard(GroupObject *self, PyObject *greenlet)
{
    PyObject *set = group_set(self);
    int member = set == NULL ? -1 : PySet_Contains(set, greenlet);
    if (member < 0 || group_discard(self, greenlet) < 0) {
        return NULL;
    }
    green_task_observer *observer =
        member && Task_Check(greenlet) ? group_find(self, (TaskObject *)greenlet) : NULL;
    if (observer != NULL) {
        observer->index = PLACE_GIVEN_BACK;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(discard_doc, "discard($self, greenlet)\n--\n\n"
                          "The greenlet is no member any more, though it runs on.");

static PyObject *
group_method_discard(GroupObject *self, PyObject *greenlet)
{
    if (group_set(self) == NULL) { /* a subclass's _discard() may keep it a member */
        return NULL;
    }
    int status = group_overrides(self) & GROUP_HAS_DISCARD
                     ? call_method((PyObject *)self, "_discard", greenlet)
                     : group_discard(self, greenlet);
    if (status < 0 || group_unlink(self, greenlet) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static Py_ssize_t
group_length(GroupObject *self)
{
    return group_size(self);
}

static int
group_contains(GroupObject *self, PyObject *item)
{
    if (self->greenlets == NULL && type_compares_plainly(Py_TYPE(item))) {
        return Task_Check(item) && group_find(self, (TaskObject *)item) != NULL;
    }
    PyObject *set = group_set(self);
    return set == NULL ? -1 : PySet_Contains(set, item);
}

static PyObject *
group_iter(GroupObject *self)
{
    PyObject *set = group_set(self);
    return set == NULL ? NULL : PyObject_GetIter(set);
}

static PyObject *
group_get_greenlets(GroupObject *self, void *Py_UNUSED(closure))
{
    return Py_XNewRef(group_set(self));
}

static PyObject *
group_get_dying(GroupObject *self, void *Py_UNUSED(closure))
{
    if (self->dying == NULL) {
        self->dying = PySet_New(NULL);
    }
    return Py_XNewRef(self->dying);
}

static PyObject *
group_get_empty_event(GroupObject *self, void *Py_UNUSED(closure))
{
    if (self->empty_event == NULL) {
        self->empty_event = PyObject_CallNoArgs((PyObject *)Event_Type);
        if (self->empty_event != NULL && group_tell_empty(self) < 0) {
            return NULL;
        }
    }
    return Py_XNewRef(self->empty_event);
}

static PyObject *
group_get_semaphore(GroupObject *self, void *Py_UNUSED(closure))
{
    if (self->semaphore == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a group without a limit has no _semaphore");
        return NULL;
    }
    return Py_NewRef(self->semaphore);
}

static int
group_set_semaphore(GroupObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    bool unlimited = false;
    if (value != NULL && !Py_IS_TYPE(value, Semaphore_Type)) {
        PyObject *dummy = green_name_get("greencore.lock", "DummySemaphore");
        if (dummy == NULL) {
            return -1;
        }
        unlimited = (PyObject *)Py_TYPE(value) == dummy;
        Py_DECREF(dummy);
    }
    self->unlimited = unlimited;
    Py_XINCREF(value);
    Py_XSETREF(self->semaphore, value);
    return 0;
}

/* ---- the type ---- */

static PyObject *
group_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    GroupObject *self = (GroupObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_list_init(&self->observers);
    }
    return (PyObject *)self;
}

static int
group_init(GroupObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *greenlets = NULL;
    static char *names[] = {"greenlets", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Group", names, &greenlets)) {
        return -1;
    }
    if (greenlets == NULL) {
        return 0;
    }
    PyObject *list = PySequence_List(greenlets);
    int status = list == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(list); i++) {
        status = group_enter(self, PyList_GET_ITEM(list, i));
    }
    Py_XDECREF(list);
    return status;
}

static int
group_traverse(GroupObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->greenlets);
    Py_VISIT(self->dying);
    Py_VISIT(self->empty_event);
    Py_VISIT(self->semaphore);
    for (green_link *link = self->observers.next; link != &self->observers; link = link->next) {
        Py_VISIT(green_task_observer_from(link)->task);
    }
    return 0;
}

static void
group_free_observers(GroupObject *self)
{
    /* All are unlinked before the first task is dropped, since that may run code which ends
       others. */
    for (green_link *link = self->observers.next; link != &self->observers; link = link->next) {
        green_list_remove(&green_task_observer_from(link)->observer.link);
    }
    while (!green_list_empty(&self->observers)) {
        group_free_observer(self, green_task_observer_from(self->observers.next));
    }
}

static int
group_clear(GroupObject *self)
{
    group_free_observers(self);
    Py_CLEAR(self->greenlets);
    Py_CLEAR(self->dying);
    Py_CLEAR(self->empty_event);
    Py_CLEAR(self->semaphore);
    return 0;
}

static void
group_dealloc(GroupObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    group_free_observers(self);
    Py_CLEAR(self->greenlets);
    Py_CLEAR(self->dying);
    Py_CLEAR(self->empty_event);
    Py_CLEAR(self->semaphore);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef group_methods[] = {
    {"spawn", (PyCFunction)(void (*)(void))group_method_spawn, METH_FASTCALL | METH_KEYWORDS,
     spawn_doc},
    {"start", (PyCFunction)(void (*)(void))group_method_start, METH_FASTCALL | METH_KEYWORDS,
     start_doc},
    {"add", (PyCFunction)(void (*)(void))group_method_add, METH_FASTCALL | METH_KEYWORDS, add_doc},
    {"_discard", (PyCFunction)group_method__discard, METH_O, _discard_doc},
    {"discard", (PyCFunction)group_method_discard, METH_O, discard_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef group_getset[] = {
    {"greenlets", (getter)group_get_greenlets, NULL, "The members, a set.", NULL},
    {"dying", (getter)group_get_dying, NULL, "Those of the members that were killed, a set.", NULL},
    {"_empty_event", (getter)group_get_empty_event, NULL, "An Event that is set while empty.",
     NULL},
    {"_semaphore", (getter)group_get_semaphore, (setter)group_set_semaphore,
     "A semaphore with the places left.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot group_slots[] = {
    {Py_tp_doc,
     "GroupBase(*args)\n--\n\nWhat Group and Pool share: the members, and how they come and go."},
    {Py_tp_new, group_new},
    {Py_tp_init, group_init},
    {Py_tp_dealloc, group_dealloc},
    {Py_tp_setattro, group_setattr},
    {Py_tp_traverse, group_traverse},
    {Py_tp_clear, group_clear},
    {Py_tp_iter, group_iter},
    {Py_sq_length, group_length},
    {Py_sq_contains, group_contains},
    {Py_tp_methods, group_methods},
    {Py_tp_getset, group_getset},
    {0, NULL},
};

static PyType_Spec group_spec = {
    .name = "greencore._core.GroupBase",
    .basicsize = sizeof(GroupObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = group_slots,
};

int
green_group_exec(PyObject *module)
{
    str_greenlet_class = PyUnicode_InternFromString("greenlet_class");
    if (str_greenlet_class == NULL) {
        return -1;
    }
    Group_Type = (PyTypeObject *)green_type_new(NULL, &group_spec, NULL);
    if (Group_Type == NULL) {
        return -1;
    }
    for (size_t i = 0; i < HOOKS; i++) {
        plain[i] = PyObject_GetAttrString((PyObject *)Group_Type, hook_names[i]);
        if (plain[i] == NULL) {
            return -1;
        }
    }
    return PyModule_AddObjectRef(module, "GroupBase", (PyObject *)Group_Type);
}
