#include "loop/timer.h"
#include "switch/check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_SECOND 1000000000.0

uint64_t
green_time_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
green_time_after(double seconds)
{
    if (seconds <= 0) {
        return green_time_now();
    }
    /* Some 146 years are as good as for ever, and less leaves the sum room. */
    double ns = ceil(seconds * NS_PER_SECOND);
    if (ns >= (double)(INT64_MAX / 2)) {
        return INT64_MAX;
    }
    return green_time_now() + (uint64_t)ns;
}

void
green_timers_init(green_timers *timers)
{
    green_list_init(&timers->fresh);
    timers->heap = NULL;
    timers->count = timers->room = timers->refs = 0;
    timers->sequence = 0;
}

/* Returns one of the timers, which it has stopped; NULL when there is none. */
static green_timer *
timers_pop(green_timers *timers)
{
    green_timer *timer;
    if (!green_list_empty(&timers->fresh)) {
        timer = GREEN_CONTAINER(timers->fresh.next, green_timer, link);
    } else if (timers->count > 0) {
        timer = timers->heap[timers->count];
    } else {
        return NULL;
    }
    green_timer_stop(timers, timer);
    return timer;
}

void
green_timers_free(green_timers *timers)
{
    green_timer *timer;
    while ((timer = timers_pop(timers)) != NULL) {
        if (timer->dropped != NULL) {
            timer->dropped(timer);
        }
    }
    free(timers->heap);
    green_timers_init(timers);
}

static bool
timer_before(const green_timer *a, const green_timer *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->sequence < b->sequence);
}

static void
timers_place(green_timers *timers, green_timer *timer, size_t position)
{
    timers->heap[position] = timer;
    timer->position = position;
}

static void
timers_sift_up(green_timers *timers, green_timer *timer, size_t position)
{
    while (position > 1 && timer_before(timer, timers->heap[position / 2])) {
        timers_place(timers, timers->heap[position / 2], position);
        position /= 2;
    }
    timers_place(timers, timer, position);
}

static void
timers_sift_down(green_timers *timers, green_timer *timer, size_t position)
{
    for (;;) {
        size_t child = position * 2;
        if (child > timers->count) {
            break;
        }
        if (child < timers->count && timer_before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (!timer_before(timers->heap[child], timer)) {
            break;
        }
        timers_place(timers, timers->heap[child], position);
        position = child;
    }
    timers_place(timers, timer, position);
}

void
green_timers_unheap(green_timers *timers, green_timer *timer)
{
    size_t position = timer->position;
    green_timer *last = timers->heap[timers->count--];
    timer->position = 0;
    if (last == timer) {
        return;
    }
    if (position > 1 && timer_before(last, timers->heap[position / 2])) {
        timers_sift_up(timers, last, position);
    } else {
        timers_sift_down(timers, last, position);
    }
}

int
green_timers_settle(green_timers *timers)
{
    while (!green_list_empty(&timers->fresh)) {
        if (timers->count + 1 >= timers->room) {
            size_t room = timers->room ? timers->room * 2 : 64;
            green_timer **heap = realloc(timers->heap, room * sizeof(*heap));
            if (heap == NULL) {
                errno = ENOMEM;
                return -1;
            }
            timers->heap = heap;
            timers->room = room;
        }
        green_link *link = green_list_pop(&timers->fresh);
        timers_sift_up(timers, GREEN_CONTAINER(link, green_timer, link), ++timers->count);
    }
    return 0;
}

/* All timers become new ones, so that those to be stopped are found in one list. */
void
green_timers_prune(green_timers *timers, bool (*stale)(const struct GreenletObject *))
{
    for (size_t i = 1; i <= timers->count; i++) {
        timers->heap[i]->position = 0;
        green_list_append(&timers->fresh, &timers->heap[i]->link);
    }
    timers->count = 0;
    for (green_link *link = timers->fresh.next, *next; link != &timers->fresh; link = next) {
        next = link->next;
        green_timer *timer = GREEN_CONTAINER(link, green_timer, link);
        if (timer->greenlet != NULL && stale(timer->greenlet)) {
            green_timer_stop(timers, timer);
        }
    }
}

#ifdef GREEN_DEBUG
void
green_timers_check(const green_timers *timers)
{
    green_list_check(&timers->fresh);
    assert(timers->count < timers->room || timers->room == 0);
    for (size_t i = 1; i <= timers->count && i <= GREEN_CHECK_REACH; i++) {
        /* One timer near the root, and one near the leaves. */
        size_t places[] = {i, timers->count + 1 - i};
        for (int j = 0; j < 2; j++) {
            const green_timer *timer = timers->heap[places[j]];
            assert(timer->position == places[j] && !green_link_linked(&timer->link));
            assert(places[j] == 1 || !timer_before(timer, timers->heap[places[j] / 2]));
        }
    }
}
#endif

uint64_t
green_timers_deadline(const green_timers *timers)
{
    return timers->count ? timers->heap[1]->deadline : UINT64_MAX;
}

/* Timers with the other `late` are taken out in due order and put back. An iteration finds few. */
void
green_timers_expire(green_timers *timers, uint64_t now, bool late)
{
    green_link skipped;
    green_list_init(&skipped);
    while (timers->count && timers->heap[1]->deadline <= now) {
        green_timer *timer = timers->heap[1];
        green_timers_unheap(timers, timer);
        if (timer->late == late) {
            timers->refs -= timer->ref;
            timer->expired(timer);
        } else {
            green_list_append(&skipped, &timer->link);
        }
    }
    while (!green_list_empty(&skipped)) {
        green_link *link = green_list_pop(&skipped);
        timers_sift_up(timers, GREEN_CONTAINER(link, green_timer, link), ++timers->count);
    }
}
