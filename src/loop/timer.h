/* Timers of a loop: nanosecond deadlines on the monotonic clock. A timer that is stopped before the
   loop polls costs two list operations: only polling sorts new timers into the heap. */
#ifndef GREEN_LOOP_TIMER_H
#define GREEN_LOOP_TIMER_H

#include <assert.h>
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include "switch/list.h"

struct GreenletObject;

typedef struct green_timer {
    green_link link;   /* among the new ones; a circle of one otherwise */
    uint64_t deadline; /* ns */
    uint64_t sequence; /* order among equal deadlines */
    size_t position;   /* in the heap, from 1; 0: not in it */
    /* Called by the loop with the interpreter lock held, the timer already stopped. Runs no Python
       code: it pushes a ready node. */
    void (*expired)(struct green_timer *timer);
    /* Called where the loop is destroyed before, the timer already stopped: it drops what the timer
       has owned, and may run Python code. NULL: nothing. */
    void (*dropped)(struct green_timer *timer);
    bool late; /* a time-out: its turn comes after those of the I/O that the same iteration found */
    bool ref;  /* keeps the loop running */
    /* The greenlet whose wait or start the timer ends, borrowed. The timer is stopped in a forked
       child where this greenlet is stale. NULL: it serves none. */
    struct GreenletObject *greenlet;
} green_timer;

typedef struct green_timers {
    green_link fresh;
    green_timer **heap; /* heap[1..count] */
    size_t count;
    size_t room;
    size_t refs; /* started timers with ref */
    uint64_t sequence;
} green_timers;

static inline void
green_timer_init(green_timer *timer, void (*expired)(green_timer *), bool late)
{
    green_list_init(&timer->link);
    timer->position = 0;
    timer->expired = expired;
    timer->dropped = NULL;
    timer->late = late;
    timer->ref = true;
    timer->greenlet = NULL;
}

static inline bool
green_timer_active(const green_timer *timer)
{
    return timer->position != 0 || green_link_linked(&timer->link);
}

/* Monotonic clock, ns. */
uint64_t green_time_now(void);

/* now + seconds, saturating; seconds is not NaN, and may be negative (at once) or infinite. */
uint64_t green_time_after(double seconds);

void green_timers_init(green_timers *timers);

/* Stop all, and have each drop what it has owned. */
void green_timers_free(green_timers *timers);

/* Start a stopped timer. */
static inline void
green_timer_start(green_timers *timers, green_timer *timer, uint64_t deadline)
{
    assert(!green_timer_active(timer));
    timer->deadline = deadline;
    timer->sequence = timers->sequence++;
    timers->refs += timer->ref;
    green_list_append(&timers->fresh, &timer->link);
}

#ifdef GREEN_DEBUG
/* Each timer knows its place, and none is due before its parent in the heap. */
void green_timers_check(const green_timers *timers);
#endif

void green_timers_unheap(green_timers *timers, green_timer *timer);

/* Harmless on a stopped one. */
static inline void
green_timer_stop(green_timers *timers, green_timer *timer)
{
    if (green_link_linked(&timer->link)) {
        timers->refs -= timer->ref;
        green_list_remove(&timer->link);
    } else if (timer->position != 0) {
        timers->refs -= timer->ref;
        green_timers_unheap(timers, timer);
    }
}

/* Sort the new ones in. -1: no memory for the heap (errno), those left stay new. */
int green_timers_settle(green_timers *timers);

/* Stop those that `stale(greenlet)` is true for, of all that are some greenlet's. */
void green_timers_prune(green_timers *timers, bool (*stale)(const struct GreenletObject *));

/* The earliest deadline of settled timers, UINT64_MAX for none. */
uint64_t green_timers_deadline(const green_timers *timers);

/* Stop and call all that are due at `now` and whose `late` is as given. Settled ones only. */
void green_timers_expire(green_timers *timers, uint64_t now, bool late);

#endif
