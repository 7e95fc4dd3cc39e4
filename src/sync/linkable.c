#include "sync/linkable.h"

#include "greenlet/error.h"
#include "switch/check.h"
#include "sync/callable.h"

enum { IDLE, QUEUED, FIRST, SECOND }; /* the values of green_linkable.phase */

/* The client of green_linkable_wait and green_linkable_wait_behind. */
typedef struct linkable_client {
    green_client client;
    bool take;
} linkable_client;

static GreenletObject *linkable_turn(green_ready *ready);
static void linkable_drop(green_ready *ready);
static GreenletObject *linkable_call(green_observer *observer, PyObject *object);

static const green_ready_kind notifier_kind = {.turn = linkable_turn, .drop = linkable_drop};
static const green_ready_kind notifier_on_hub = {
    .turn = linkable_turn, .on_hub = true, .drop = linkable_drop};
static inline PyObject *
linkable_object(green_linkable *linkable)
{
    return (PyObject *)((char *)linkable - linkable->kind->offset);
}

static inline bool
linkable_ready(green_linkable *linkable)
{
    return linkable->kind->ready(linkable_object(linkable));
}

/* Set `lists` to those that a link may be in, in the order in which linkable_unserve joins them.
   Returns how many there are. */
#define LISTS_MAX 3

static int
linkable_lists(const green_linkable *linkable, const green_link *lists[LISTS_MAX])
{
    const green_pass *pass = green_linkable_pass(linkable);
    if (pass == NULL) {
        lists[0] = &linkable->links;
        return 1;
    }
    lists[0] = &pass->serving;
    lists[1] = &linkable->links;
    lists[2] = &pass->behind;
    return 3;
}

static inline green_callable *
link_callback(green_link *link)
{
    green_observer *observer = green_link_observer(link);
    return observer != NULL && observer->call == linkable_call ? (green_callable *)observer : NULL;
}

/* Returns the loop in which the observer must be called, borrowed; NULL where any will do, also
   because that loop is destroyed. */
static inline LoopObject *
observer_loop(const green_observer *observer)
{
    return observer->loop == NULL || green_loop_destroyed(observer->loop) ? NULL : observer->loop;
}

void
green_linkable_init(green_linkable *linkable, const green_linkable_kind *kind)
{
    green_list_init(&linkable->links);
    green_ready_init(&linkable->notifier, kind->python ? &notifier_on_hub : &notifier_kind);
    linkable->kind = kind;
    linkable->usage = (green_usage){0};
    linkable->phase = IDLE;
    linkable->compared = false;
    linkable->turn = 0;
    green_pass *pass = green_linkable_pass(linkable);
    if (pass != NULL) {
        green_list_init(&pass->serving);
        green_list_init(&pass->behind);
    }
}

static int
links_traverse(const green_link *head, visitproc visit, void *arg)
{
    for (green_link *link = head->next; link != head; link = link->next) {
        green_callable *callback = link_callback(link);
        if (callback != NULL) {
            Py_VISIT(callback->callable);
            Py_VISIT(callback->observer.loop);
        }
    }
    return 0;
}

int
green_linkable_traverse(green_linkable *linkable, visitproc visit, void *arg)
{
    const green_link *lists[LISTS_MAX];
    int count = linkable_lists(linkable, lists);
    int result = 0;
    for (int i = 0; i < count && result == 0; i++) {
        result = links_traverse(lists[i], visit, arg);
    }
    return result;
}

/* Returns the first callback that is linked, or NULL. */
static green_callable *
linkable_first_callback(const green_linkable *linkable)
{
    const green_link *lists[LISTS_MAX];
    int count = linkable_lists(linkable, lists);
    for (int i = 0; i < count; i++) {
        for (green_link *link = lists[i]->next; link != lists[i]; link = link->next) {
            green_callable *callback = link_callback(link);
            if (callback != NULL) {
                return callback;
            }
        }
    }
    return NULL;
}

void
green_linkable_unlink_all(green_linkable *linkable)
{
    green_callable *callback;
    while ((callback = linkable_first_callback(linkable)) != NULL) {
        green_callable_free(callback);
    }
}

/* --- serving --- */

static GreenletObject *
linkable_call(green_observer *observer, PyObject *object)
{
    green_callable *callback = (green_callable *)observer;
    PyObject *result = PyObject_CallOneArg(callback->callable, object);
    if (result != NULL) {
        Py_DECREF(result);
    } else {
        LoopObject *loop = green_loop_here();
        PyObject *error = green_error_take();
        PyObject *context = PyTuple_Pack(2, callback->callable, object);
        PyErr_Clear();
        green_error_raise(error);
        if (loop != NULL) {
            green_loop_handle_error(loop, context);
        } else {
            PyErr_WriteUnraisable(callback->callable);
        }
        Py_XDECREF(context);
    }
    green_callable_free(callback);
    return NULL;
}

/* One pass calls a callable once: unlink the other callbacks of the pass that have the same one as
   `served`, and move them to `dropped`. They are freed when `served` is unlinked as well: a loop
   that goes with them may run Python code. */
static void
pass_drop_same(const green_pass *pass, const green_callable *served, green_link *dropped)
{
    green_callable *next;
    while (pass != NULL && (next = green_callable_next_same(served)) != NULL &&
           next->number <= pass->last) {
        green_callable_unlink(next);
        green_list_append(dropped, &next->observer.link);
    }
}

/* The callback's turn has come: unlink it, and those that the same pass is not to call again. */
static void
callback_take(const green_linkable *linkable, green_callable *callback)
{
    green_link dropped;
    green_list_init(&dropped);
    pass_drop_same(green_linkable_pass(linkable), callback, &dropped);
    green_callable_unlink(callback);
    while (!green_list_empty(&dropped)) {
        green_callable_free((green_callable *)dropped.next);
    }
}

/* The link's turn has come: what the client takes is its own from now on. */
static inline green_client *
linkable_take(green_linkable *linkable, green_link *link)
{
    linkable_client *client = GREEN_CONTAINER(link, linkable_client, client.waiter.link);
    if (client->take) {
        linkable->kind->take(linkable_object(linkable));
    }
    return &client->client;
}

/* Serve a client of another thread, or unlink it where it is gone. */
GREEN_COLD static void
linkable_serve_elsewhere(green_linkable *linkable, green_link *link)
{
    if (green_client_gone(green_client_from(link))) {
        green_list_remove(link);
    } else {
        green_client_serve(linkable_take(linkable, link));
    }
}

/* Queue the notifier in `loop`. The caller has taken the queue's reference to the object. */
static inline void
linkable_queue(green_linkable *linkable, LoopObject *loop)
{
    if (!linkable->kind->python) {
        linkable->notifier.kind = &notifier_kind;
    }
    assert(!green_ready_queued(&linkable->notifier));
    linkable->phase = QUEUED;
    green_ready_push(loop, &linkable->notifier);
}

/* Put the notifier at the head of the queue: the pass goes on when the greenlet that runs
   blocks. */
static inline void
linkable_queue_next(green_linkable *linkable, LoopObject *loop)
{
    if (!linkable->kind->python) {
        linkable->notifier.kind = &notifier_kind;
    }
    green_ready_push_front(loop, &linkable->notifier);
}

/* Somebody was linked while the last one served still runs, so the pass is not over: it goes on
   when that one blocks. */
GREEN_COLD static void
linkable_resume(green_linkable *linkable, LoopObject *loop)
{
    Py_INCREF(linkable_object(linkable));
    linkable->phase = FIRST;
    linkable_queue_next(linkable, loop);
}

GREEN_COLD static void
linkable_queue_on_hub(green_linkable *linkable, LoopObject *loop)
{
    linkable->notifier.kind = &notifier_on_hub;
    green_ready_push_front(loop, &linkable->notifier);
}

/* Put back what the pass has not served, ahead of those who came during it. */
GREEN_COLD static void
linkable_unserve(green_linkable *linkable)
{
    green_pass *pass = green_linkable_pass(linkable);
    if (pass != NULL) {
        green_list_splice(&pass->serving, &linkable->links);
        green_list_splice(&linkable->links, &pass->serving);
        green_list_splice(&linkable->links, &pass->behind);
    }
}

#ifdef GREEN_DEBUG
static void
linkable_check(const green_linkable *linkable)
{
    const green_pass *pass = green_linkable_pass(linkable);
    green_list_check(&linkable->links);
    if (pass != NULL) {
        green_list_check(&pass->serving);
        green_list_check(&pass->behind);
    }
}
#endif

/* Returns the next link of the pass, or NULL at its end. */
static green_link *
linkable_next(green_linkable *linkable)
{
    GREEN_CHECK(linkable_check(linkable));
    green_pass *pass = green_linkable_pass(linkable);
    if (pass == NULL) {
        linkable->phase = FIRST;
        return green_list_empty(&linkable->links) ? NULL : linkable->links.next;
    }
    if (linkable->phase == QUEUED) {
        if (!linkable->kind->all && !linkable_ready(linkable)) {
            return NULL; /* somebody else has taken what was given: all keep their places */
        }
        linkable->phase = FIRST;
        green_list_splice(&pass->serving, &linkable->links);
        pass->last = green_callable_last();
        if (!green_list_empty(&pass->serving)) {
            return pass->serving.next;
        }
    }
    if (green_list_empty(&pass->serving)) {
        if (linkable->phase != FIRST || green_list_empty(&pass->behind)) {
            return NULL;
        }
        linkable->phase = SECOND;
        green_list_splice(&pass->serving, &pass->behind);
    }
    if (!linkable->kind->all && !linkable_ready(linkable)) {
        linkable_unserve(linkable);
        return NULL;
    }
    return pass->serving.next;
}

/* The pass is over. If the object is ready again, another one is queued; else the queue's reference
   goes. */
static void
linkable_finish(green_linkable *linkable, LoopObject *loop, bool on_hub)
{
    PyObject *object = linkable_object(linkable);
    green_pass *pass = green_linkable_pass(linkable);
    if (pass != NULL) {
        green_list_splice(&linkable->links, &pass->behind);
    }
    if (loop != NULL && !green_list_empty(&linkable->links) && linkable_ready(linkable)) {
        linkable_queue(linkable, loop);
        return;
    }
    if (!on_hub && Py_REFCNT(object) == 1) { /* the object's end may run Python code */
        if (green_loop_has_trash(loop)) {
            linkable_queue_on_hub(linkable, loop);
            return;
        }
        linkable->phase = IDLE;
        green_loop_put_trash(loop, object);
        return;
    }
    linkable->phase = IDLE;
    Py_DECREF(object);
}

/* The pass goes on when the greenlet that it has just served, which has a reference to the object,
   blocks. Where that was the last one of a kind that is `once`, the turn is noted instead. */
static void
linkable_stay(green_linkable *linkable, LoopObject *loop)
{
    if (linkable->kind->once && green_linkable_alone(linkable)) {
        linkable->phase = IDLE;
        linkable->turn = (uint32_t)green_turns;
        Py_DECREF(linkable_object(linkable));
        return;
    }
    linkable_queue_next(linkable, loop);
}

/* Serve an observer. Returns true when this turn is over: *next (borrowed, or NULL) is to run
   then. */
static __attribute__((noinline)) bool
linkable_serve_observer(green_linkable *linkable, green_observer *observer, LoopObject *loop,
                        bool on_hub, GreenletObject **next)
{
    *next = NULL;
    LoopObject *there = observer_loop(observer);
    if (there != NULL && there != loop) {
        green_ready_push(there, &linkable->notifier);
        return true;
    }
    if (observer->ready.kind == &green_observer_on_hub && !on_hub) {
        linkable_queue_on_hub(linkable, loop);
        return true;
    }
    PyObject *object = Py_NewRef(linkable_object(linkable));
    green_list_remove(&observer->link);
    green_callable *callback = link_callback(&observer->link);
    if (callback != NULL) {
        callback_take(linkable, callback);
    }
    *next = observer->call(observer, object);
    bool forked = linkable->phase == IDLE; /* green_linkable_forked has dropped the reference */
    if (*next != NULL && !forked) {
        linkable_stay(linkable, loop);
    }
    Py_DECREF(object);
    return *next != NULL || forked;
}

/* Serve until a greenlet of this thread is to be switched to, which is returned (borrowed), or
   until the pass ends or goes on elsewhere: NULL. `loop` may be NULL: on_hub only means then that
   Python code may run here. */
static GreenletObject *
linkable_serve(green_linkable *linkable, LoopObject *loop, bool on_hub)
{
    green_link *link;
    GreenletObject *next;
    while ((link = linkable_next(linkable)) != NULL) {
        green_observer *observer = green_link_observer(link);
        if (observer != NULL) {
            if (linkable_serve_observer(linkable, observer, loop, on_hub, &next)) {
                return next;
            }
            continue;
        }
        green_client *client = green_client_from(link);
        if (!green_client_here(client, loop)) {
            linkable_serve_elsewhere(linkable, link);
            continue;
        }
        if (__builtin_expect(green_greenlet_stale(client->waiter.greenlet), 0)) {
            green_list_remove(link);
            continue;
        }
        linkable_take(linkable, link);
        next = green_client_turn(client);
        linkable_stay(linkable, loop);
        return next;
    }
    linkable_finish(linkable, loop, on_hub);
    return NULL;
}

static GreenletObject *
linkable_turn(green_ready *ready)
{
    green_linkable *linkable = GREEN_CONTAINER(ready, green_linkable, notifier);
    return linkable_serve(linkable, green_loop_here(), ready->kind->on_hub);
}

/* The loop in which the notifier was queued is destroyed. */
static void
linkable_drop(green_ready *ready)
{
    green_linkable *linkable = GREEN_CONTAINER(ready, green_linkable, notifier);
    linkable_unserve(linkable);
    linkable->phase = IDLE;
    Py_DECREF(linkable_object(linkable));
}

/* Serve those of other threads at once, since this thread may not come back to its loop for
   long. */
GREEN_COLD static void
linkable_serve_threads(green_linkable *linkable, LoopObject *here)
{
    for (green_link *link = linkable->links.next, *next; link != &linkable->links; link = next) {
        next = link->next;
        if (!linkable->kind->all && !linkable_ready(linkable)) {
            return;
        }
        if (green_link_observer(link) == NULL &&
            !green_client_here(green_client_from(link), here)) {
            linkable_serve_elsewhere(linkable, link);
        } else if (!linkable->kind->all) {
            return; /* those who follow must not overtake this one */
        }
    }
}

/* Notify where several threads use the object, an observer is linked first, no loop is here, or the
   last one served still runs. */
static __attribute__((noinline)) void
linkable_notify_otherwise(green_linkable *linkable, LoopObject *here)
{
    if (here != NULL && green_linkable_last_runs(linkable)) {
        linkable_resume(linkable, here);
        return;
    }
    if (green_usage_shared(&linkable->usage) && !linkable->kind->python) {
        linkable_serve_threads(linkable, here);
        if (green_list_empty(&linkable->links) ||
            (!linkable->kind->all && !linkable_ready(linkable))) {
            return;
        }
    }
    do {
        Py_INCREF(linkable_object(linkable));
        green_observer *observer = green_link_observer(linkable->links.next);
        LoopObject *loop = observer == NULL ? NULL : observer_loop(observer);
        loop = loop == NULL ? here : loop;
        if (loop != NULL) {
            linkable_queue(linkable, loop);
            return;
        }
        linkable->phase = QUEUED; /* there is no loop to queue it in */
        linkable_serve(linkable, NULL, true);
    } while (linkable->phase == IDLE && !green_list_empty(&linkable->links) &&
             linkable_ready(linkable));
}

void
green_linkable_notify_linked(green_linkable *linkable)
{
    green_usage_note(&linkable->usage);
    if (linkable->phase != IDLE) {
        return; /* the pass looks at its end whether the object is ready */
    }
    LoopObject *here = green_loop_here();
    if (here == NULL || green_usage_shared(&linkable->usage) ||
        green_linkable_last_runs(linkable) || green_link_observer(linkable->links.next) != NULL) {
        linkable_notify_otherwise(linkable, here);
        return;
    }
    Py_INCREF(linkable_object(linkable));
    linkable_queue(linkable, here);
}

/* Somebody has been unlinked. If nobody is linked any more, a pass that has not begun is called
   off. The caller owns a reference to the object. */
static void
linkable_unlinked(green_linkable *linkable)
{
    if (linkable->phase == QUEUED && green_linkable_alone(linkable)) {
        green_ready_cancel(&linkable->notifier);
        linkable->phase = IDLE;
        Py_DECREF(linkable_object(linkable));
    }
}

int
green_linkable_wait(green_linkable *linkable, double seconds, const char *verb, bool take)
{
    return green_linkable_wait_within(linkable, seconds, verb, linkable_object(linkable), take);
}

int
green_linkable_wait_within(green_linkable *linkable, double seconds, const char *verb,
                           PyObject *whole, bool take)
{
    linkable_client client; /* green_client_wait fills in the rest */
    client.take = take;
    int status =
        green_client_wait(&client.client, &linkable->links, &linkable->usage, seconds, verb, whole);
    if (status != GREEN_WOKEN && client.client.served && take) {
        PyObject *error = green_error_take();
        linkable->kind->give(linkable_object(linkable));
        green_error_raise(error);
    }
    if (status != GREEN_WOKEN) {
        linkable_unlinked(linkable);
    }
    return status;
}

int
green_linkable_wait_behind(green_linkable *linkable, const char *verb)
{
    LoopObject *here = green_loop_here();
    if (!green_linkable_notifying(linkable) || here == NULL || green_in_hub()) {
        return 0;
    }
    if (green_linkable_last_runs(linkable)) {
        linkable_resume(linkable, here);
    }
    linkable_client client;
    client.take = false;
    int status = green_client_wait(&client.client, &green_linkable_pass(linkable)->behind,
                                   &linkable->usage, -1, verb, linkable_object(linkable));
    return status < 0 ? -1 : 0;
}

/* --- links --- */

int
green_linkable_link(green_linkable *linkable, PyObject *callback)
{
    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "a callable is needed to link, not %.200s",
                     Py_TYPE(callback)->tp_name);
        return -1;
    }
    green_callable *link = green_callable_new(linkable, callback, linkable_call);
    if (link == NULL) {
        return -1;
    }
    linkable->compared = linkable->compared || !green_callable_is_plain(callback);
    green_list_append(&linkable->links, &link->observer.link);
    if (linkable_ready(linkable)) {
        green_linkable_notify_linked(linkable);
    }
    return 0;
}

/* Append to `list` what is linked: callables, and with `waiters` None and the greenlet for each
   that is parked. Runs no Python code, which may link and unlink. 0, or -1 with an exception. */
static int
links_list(const green_link *head, PyObject *list, bool waiters)
{
    for (green_link *link = head->next; link != head; link = link->next) {
        green_callable *callback = link_callback(link);
        PyObject *item = NULL; /* borrowed */
        if (callback != NULL) {
            item = callback->callable;
        } else if (waiters && green_link_observer(link) == NULL &&
                   !green_client_native(&((green_linked *)link)->ready)) {
            item = (PyObject *)green_client_from(link)->waiter.greenlet;
            if (PyList_Append(list, Py_None) < 0) {
                return -1;
            }
        }
        if (item != NULL && PyList_Append(list, item) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
linkable_list(green_linkable *linkable, bool waiters)
{
    const green_link *lists[LISTS_MAX];
    PyObject *list = PyList_New(0);
    int count = linkable_lists(linkable, lists);
    for (int i = 0; i < count && list != NULL; i++) {
        if (links_list(lists[i], list, waiters) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

PyObject *
green_linkable_list(green_linkable *linkable)
{
    PyObject *members = linkable_list(linkable, true);
    PyObject *list = members == NULL ? NULL : PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(members); i++) {
        PyObject *member = PyList_GET_ITEM(members, i); /* borrowed */
        PyObject *item = member == Py_None
                             ? PyObject_GetAttrString(PyList_GET_ITEM(members, ++i), "switch")
                             : Py_NewRef(member);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    Py_XDECREF(members);
    return list;
}

/* Set *equal to the first callable linked that equals `callback` (a new reference; NULL: none
   does), where Python code compares. That code may link and unlink, and so may the end of a
   callable, so a copy of the list is compared. 0, or -1 with an exception. */
static int
linkable_search_called(green_linkable *linkable, PyObject *callback, PyObject **equal)
{
    *equal = NULL;
    PyObject *callables = linkable_list(linkable, false);
    if (callables == NULL) {
        return -1;
    }
    int same = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(callables) && same == 0; i++) {
        PyObject *callable = PyList_GET_ITEM(callables, i); /* borrowed */
        same = PyObject_RichCompareBool(callable, callback, Py_EQ);
        *equal = same > 0 ? Py_NewRef(callable) : NULL;
    }
    Py_DECREF(callables);
    return same < 0 ? -1 : 0;
}

/* Returns the first callback that equals `callback`; NULL: none does, or with an exception. */
static green_callable *
linkable_find_called(green_linkable *linkable, PyObject *callback)
{
    PyObject *equal;
    if (linkable_search_called(linkable, callback, &equal) < 0 || equal == NULL) {
        return NULL;
    }
    green_callable *found = green_callable_find(linkable, equal);
    Py_DECREF(equal); /* runs no code where `found` has it, too */
    return found;
}

int
green_linkable_unlink(green_linkable *linkable, PyObject *callback)
{
    bool plain = !linkable->compared && green_callable_is_plain(callback);
    green_callable *found = plain ? green_callable_find_equal(linkable, callback)
                                  : linkable_find_called(linkable, callback);
    if (found != NULL) {
        green_callable_free(found);
    } else if (!plain && PyErr_Occurred()) {
        return -1;
    }
    linkable_unlinked(linkable);
    return 0;
}

static Py_ssize_t
links_count(const green_link *head)
{
    Py_ssize_t count = 0;
    for (const green_link *link = head->next; link != head; link = link->next) {
        count++;
    }
    return count;
}

Py_ssize_t
green_linkable_count(const green_linkable *linkable)
{
    const green_link *lists[LISTS_MAX];
    Py_ssize_t linked = 0;
    for (int i = linkable_lists(linkable, lists); i > 0; i--) {
        linked += links_count(lists[i - 1]);
    }
    return linked;
}

void
green_linkable_forked(green_linkable *linkable)
{
    bool owned = linkable->phase != IDLE;
    green_ready_cancel(&linkable->notifier);
    linkable->phase = IDLE;
    linkable_unserve(linkable);
    linkable->usage = (green_usage){0};
    LoopObject *here = green_loop_here();
    for (green_link *link = linkable->links.next, *next; link != &linkable->links; link = next) {
        next = link->next;
        if (green_link_observer(link) == NULL &&
            !green_client_here(green_client_from(link), here)) {
            green_list_remove(link);
        }
    }
    if (owned) {
        Py_DECREF(linkable_object(linkable)); /* not the last one: the caller owns another */
    }
}
