/* What can be waited for: a list of those who wait, greenlets parked on it and callables alike, and
   one notifier, queued when the thing is ready, that serves them in the order they came. Embedded
   in Event, AsyncResult, Semaphore and Greenlet.

   A pass of the notifier begins when its turn comes, not when it is queued: until then links may
   come and go. A parked greenlet is switched to right away, and the notifier stays at the head of
   the ready queue meanwhile, so that the next is served when that one blocks. Callables are called
   on the hub's stack. */
#ifndef GREEN_SYNC_LINKABLE_H
#define GREEN_SYNC_LINKABLE_H

#include <Python.h>
#include <stdint.h>
#include "sync/client.h"
#include "sync/observer.h"

typedef struct green_linkable_kind {
    size_t offset; /* of the green_linkable in its object */
    size_t pass;   /* GREEN_PASS of its green_pass. 0: objects of this kind have none, so a pass
                      serves those who are linked during it, too, and calls a callable as often as
                      it is linked */
    /* Whether the object is ready. A pass asks before each link where `all` is false, else at its
       end. The function runs Python code only where `python` is set. */
    bool (*ready)(PyObject *object);
    /* `take` takes for a waiter what it waits for, at the waiter's turn; `give` puts that back when
       the waiter was killed before it could run. Both are NULL where nothing is taken. */
    void (*take)(PyObject *object);
    void (*give)(PyObject *object);
    bool all;    /* a pass serves all, even when the object is not ready any more; without this, it
                    ends then. Set for every kind without a green_pass */
    bool once;   /* the object stays ready for ever, so the queue owns no reference to it after it
                    has served the last waiter */
    bool python; /* `ready` runs Python code, so every turn needs the hub's stack */
} green_linkable_kind;

typedef struct green_linkable {
    green_link links; /* green_linked, in the order they came */
    green_ready notifier;
    const green_linkable_kind *kind;
    green_usage usage;
    /* The turn in which a kind that is `once` served its last waiter: green_linkable_last_runs.
       Only the low half of the turn's number is kept. When the same half comes again after the
       number has wrapped, a pass is made that was not needed. */
    uint32_t turn;
    uint8_t phase;
    bool compared; /* only Python code can compare one that was linked: unlink asks each */
} green_linkable;

/* The two lists of a pass that serves only who was linked when it began. */
typedef struct green_pass {
    green_link serving;
    green_link behind; /* those who wait, though the object is ready, so as to overtake nobody */
    uint64_t last;     /* green_callable.number of the newest callable in `serving` */
} green_pass;

/* green_linkable_kind.pass: how many bytes a type's green_pass lies behind its green_linkable. */
#define GREEN_PASS(type, linkable, pass) (offsetof(type, pass) - offsetof(type, linkable))

static inline green_pass *
green_linkable_pass(const green_linkable *linkable)
{
    size_t pass = linkable->kind->pass;
    return pass == 0 ? NULL : (green_pass *)((char *)linkable + pass);
}

/* Whether nobody is linked and nobody is being served. */
static inline bool
green_linkable_alone(const green_linkable *linkable)
{
    const green_pass *pass = green_linkable_pass(linkable);
    return green_list_empty(&linkable->links) &&
           (pass == NULL || (green_list_empty(&pass->serving) && green_list_empty(&pass->behind)));
}

void green_linkable_init(green_linkable *linkable, const green_linkable_kind *kind);

/* For the object's tp_traverse and tp_clear (or tp_dealloc): visit, or unlink, the callables that
   are linked. */
int green_linkable_traverse(green_linkable *linkable, visitproc visit, void *arg);

void green_linkable_unlink_all(green_linkable *linkable);

static inline void
green_linkable_clear(green_linkable *linkable)
{
    if (!green_linkable_alone(linkable)) {
        green_linkable_unlink_all(linkable);
    }
}

void green_linkable_notify_linked(green_linkable *linkable);

/* The object has become ready: queue its notifier, if somebody is linked and no pass is under way.
   The queue owns a reference to the object until the pass ends. Any thread may call this. */
static inline void
green_linkable_notify(green_linkable *linkable)
{
    if (!green_list_empty(&linkable->links)) {
        green_linkable_notify_linked(linkable);
    }
}

/* Whether a pass has served its last waiter in the turn that still runs. The pass ends when that
   waiter blocks; whoever is linked until then belongs to it. The queue has no node for the pass,
   and owns no reference to the object. */
static inline bool
green_linkable_last_runs(const green_linkable *linkable)
{
    return linkable->turn == (uint32_t)green_turns && linkable->phase == 0;
}

/* Whether a pass is queued or under way. */
static inline bool
green_linkable_notifying(const green_linkable *linkable)
{
    return linkable->phase != 0 || green_linkable_last_runs(linkable);
}

/* Park the running greenlet until it is served or `seconds` (negative: for ever) have passed.
   Returns GREEN_WOKEN, GREEN_TIMED_OUT, or -1 with an exception, as green_wait does. With `take`,
   GREEN_WOKEN means that the kind's take was called for it. The caller owns a reference to the
   object. A thread without a hub sleeps on a native lock where other threads use the object too. */
int green_linkable_wait(green_linkable *linkable, double seconds, const char *verb, bool take);

/* As green_linkable_wait, for an object that is a part of `whole` (borrowed): LoopExit names `verb`
   and `whole`. */
int green_linkable_wait_within(green_linkable *linkable, double seconds, const char *verb,
                               PyObject *whole, bool take);

/* Called by a greenlet that found the object ready. If a pass is queued or under way, the greenlet
   waits for the end of the pass, so that it overtakes nobody who waited before. 0, or -1 with an
   exception. */
int green_linkable_wait_behind(green_linkable *linkable, const char *verb);

/* Link a callable as rawlink() does, or unlink it as unlink() does. 0, or -1 with an exception
   (TypeError where it cannot be called). */
int green_linkable_link(green_linkable *linkable, PyObject *callback);
int green_linkable_unlink(green_linkable *linkable, PyObject *callback);

/* Returns how many are linked. */
Py_ssize_t green_linkable_count(const green_linkable *linkable);

/* Returns a new list of what is linked: callables, and for parked greenlets their switch method. */
PyObject *green_linkable_list(green_linkable *linkable);

/* In a forked child: take the notifier out of the queue, and unlink the greenlets of other threads,
   which do not exist there. */
void green_linkable_forked(green_linkable *linkable);

#endif
