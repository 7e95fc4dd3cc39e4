#include "native.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "switch/check.h"
#include "switch/map.h"
#include "switch/swap.h"

static green_stack_counts
counts(void)
{
    green_stack_counts now;
    green_stack_counts_get(&now);
    return now;
}

/* Of a roomy stack there is more, so that one page table serves it. */
static size_t
most_more(size_t size)
{
    return size < 2 * MIB ? green_map_page() : 2 * MIB;
}

void
stack_is_laid_out_as_drawn(void)
{
    size_t page = green_map_page();
    for (size_t size = 16 * KIB; size <= 16 * MIB; size *= 2) {
        green_stack *stack = green_stack_acquire(size);
        CHECK(stack != NULL);
        CHECK((char *)stack == stack->base);
        CHECK((uintptr_t)stack->base % 16 == 0 && (uintptr_t)stack->data % 16 == 0);
        CHECK((size_t)(stack->base - stack->limit) >= size);
        CHECK((size_t)(stack->base - stack->limit) < (size > page ? size : page) + most_more(size));
        size_t least = size / 16 < 16 * KIB ? size / 16 : 16 * KIB;
        CHECK(stack->data >= (char *)(stack + 1) && stack->data_size >= least);
        uintptr_t base_page = (uintptr_t)stack->base / page;
        uintptr_t data_page = ((uintptr_t)stack->data + 1024) / page;
        CHECK(base_page == data_page && ((uintptr_t)stack->base - 2048) / page == base_page);
        memset(stack->limit, 1, (size_t)(stack->base - stack->limit));
        memset(stack->data, 1, stack->data_size);
        CHECK(stack->base == (char *)stack);
        green_stack_release(stack);
    }
}

static void
parks(coro *self)
{
    volatile char frame[1024];
    for (size_t i = 0; i < sizeof(frame); i++) {
        frame[i] = 1;
    }
    memset(self->stack->data, 1, 1024);
    coro_yield(self);
    CHECK(frame[sizeof(frame) - 1] == 1);
}

static size_t
stack_pages(const green_stack *stack)
{
    return pages_resident(stack->limit, stack->data + stack->data_size);
}

void
stack_parked_has_one_page(void)
{
    coro self;
    CHECK(coro_new(&self, 0, parks, NULL));
    CHECK(coro_resume(&self, NULL) == &self);
    CHECK(stack_pages(self.stack) == 1);
    coro_resume(&self, NULL);
    CHECK(self.done);
    coro_free(&self);
}

void
stack_cache_is_last_in_first_out(void)
{
    green_stack *one = green_stack_acquire(0), *two = green_stack_acquire(0);
    CHECK(one != NULL && two != NULL && one != two);
    CHECK(counts().live == 2 && counts().cached == 0);
    green_stack_release(one);
    green_stack_release(two);
    CHECK(counts().live == 0 && counts().cached == 2);
    size_t mapped = counts().mapped;
    for (int i = 0; i < 1000; i++) {
        green_stack *again = green_stack_acquire(0);
        CHECK(again == two);
        green_stack_release(again);
    }
    CHECK(green_stack_acquire(0) == two && green_stack_acquire(0) == one);
    CHECK(counts().mapped == mapped);
}

void
stack_sizes_are_rounded_up(void)
{
    size_t sizes[] = {1,       16 * KIB,  16 * KIB + 1, 100 * KIB, 128 * KIB, 128 * KIB + 1,
                      MIB - 1, 300 * MIB, 512 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        green_stack *stack = green_stack_acquire(sizes[i]);
        CHECK(stack != NULL);
        size_t usable = (size_t)(stack->base - stack->limit);
        size_t least = sizes[i] < green_map_page() ? green_map_page() : sizes[i];
        CHECK(usable >= sizes[i]);
        CHECK(least < 16 * KIB || usable < least / 2 * 3 + most_more(least) + green_map_page());
        stack->limit[0] = 1;
        green_stack_release(stack);
    }
    /* A class serves its sizes and no others. */
    green_stack *large = green_stack_acquire(128 * KIB);
    green_stack_release(large);
    green_stack *larger = green_stack_acquire(128 * KIB + 1);
    CHECK(larger != large && (size_t)(larger->base - larger->limit) > 128 * KIB);
    CHECK(green_stack_acquire(121 * KIB) == large);
}

void
stack_size_beyond_the_maximum_is_refused(void)
{
    errno = 0;
    CHECK(green_stack_acquire(GREEN_STACK_SIZE_MAX + 1) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(green_stack_acquire(SIZE_MAX) == NULL && errno == EINVAL);
    CHECK(green_stack_acquire(GREEN_STACK_SIZE_MAX) != NULL);
    green_stack_set_default(GREEN_STACK_SIZE_MAX, GREEN_STACK_SIZE_MAX);
    green_stack *stack = green_stack_acquire(0);
    CHECK(stack != NULL && (size_t)(stack->base - stack->limit) >= GREEN_STACK_SIZE_MAX);
}

void
stack_default_is_the_same_for_all(void)
{
    enum { COUNT = 2000 };
    static green_stack *stacks[COUNT];
    green_stack_set_default(8 * MIB, 64 * KIB);
    CHECK(green_stack_get_default() == 8 * MIB);
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = green_stack_acquire(0);
        CHECK(stacks[i] != NULL && stacks[i]->base - stacks[i]->limit >= (long)(8 * MIB));
        stacks[i]->limit[0] = 1;
    }
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < i; j++) {
            CHECK(stacks[j]->base + GUARD_ROOMY < stacks[i]->limit ||
                  stacks[i]->base + GUARD_ROOMY < stacks[j]->limit);
        }
    }
}

/* The hot page and the guard above lie in what one page table is for. */
void
stack_roomy_has_one_page_table(void)
{
    enum { COUNT = 1000 };
    static coro coros[COUNT];
    size_t page = green_map_page();
    green_stack_set_default(8 * MIB, 8 * MIB);
    size_t before = status_bytes("VmPTE");
    for (int i = 0; i < COUNT; i++) {
        CHECK(coro_new(&coros[i], 0, parks, NULL));
        CHECK(coro_resume(&coros[i], NULL) == &coros[i]);
    }
    size_t each = (status_bytes("VmPTE") - before) / COUNT;
    CHECK(page != 4096 || getenv("NATIVE_MEASURES") == NULL || each < page + 200);
}

void
stack_hundred_thousand(void)
{
    size_t count = many(100000);
    coro *coros = calloc(count, sizeof(coro));
    CHECK(coros != NULL);
    green_stack_set_default(64 * KIB, 64 * KIB);
    size_t before = status_bytes("VmRSS") + status_bytes("VmPTE");
    for (size_t i = 0; i < count; i++) {
        CHECK(coro_new(&coros[i], 0, parks, NULL));
        CHECK(coro_resume(&coros[i], NULL) == &coros[i]);
    }
    CHECK(counts().live == count);
    size_t each = (status_bytes("VmRSS") + status_bytes("VmPTE") - before) / count;
    if (getenv("NATIVE_MEASURES") != NULL) {
        /* A page, its part of the page tables, and the array of coros above. */
        CHECK(each > green_map_page() && each < green_map_page() + 512 + sizeof(coro));
    }
    for (size_t i = count; i-- > 0;) {
        CHECK(coro_resume(&coros[i], NULL) == NULL && coros[i].done);
        coro_free(&coros[i]);
    }
    while (green_stack_trim() + green_stack_trim() > 0) {
    }
    CHECK(counts().live == 0 && counts().cached == 0 && counts().mapped == 0);
    free(coros);
}

typedef struct {
    coro parked;
    green_stack *cached;
} family;

static void
writes_into_guard(void *arg)
{
    ((green_stack *)arg)->limit[-1] = 1;
}

static void
goes_on(void *arg)
{
    family *parent = arg;
    size_t live = counts().live;
    CHECK(coro_resume(&parent->parked, NULL) == NULL && parent->parked.done);
    CHECK(killed_by(in_child(writes_into_guard, parent->parked.stack), SIGSEGV));
    coro_free(&parent->parked);
    CHECK(counts().live == live - 1);
    CHECK(green_stack_acquire(0) != NULL && green_stack_acquire(0) == parent->cached);
    coro fresh;
    CHECK(coro_new(&fresh, 2 * MIB, parks, NULL));
    CHECK(coro_resume(&fresh, NULL) == &fresh && coro_resume(&fresh, NULL) == NULL);
    CHECK(killed_by(in_child(writes_into_guard, fresh.stack), SIGSEGV));
    coro_free(&fresh);
    green_stack_trim();
    green_stack_trim();
    CHECK(coro_new(&fresh, 2 * MIB, parks, NULL));
    CHECK(coro_resume(&fresh, NULL) == &fresh);
}

void
stack_fork_goes_on(void)
{
    family self;
    CHECK(coro_new(&self.parked, 0, parks, NULL));
    CHECK(coro_resume(&self.parked, NULL) == &self.parked);
    self.cached = green_stack_acquire(0);
    green_stack_release(self.cached);
    CHECK(in_child(goes_on, &self) == 0);
    goes_on(&self);
}

void
trim_leaves_what_was_used_since(void)
{
    green_stack *kept = green_stack_acquire(0), *stack = green_stack_acquire(0);
    CHECK(kept != NULL && stack != NULL);
    for (int i = 0; i < 5; i++) {
        green_stack_release(stack);
        CHECK(green_stack_trim() == 0);
        CHECK(counts().cached == 1 && green_stack_acquire(0) == stack);
    }
}

void
trim_frees_what_was_not(void)
{
    green_stack *stacks[4];
    for (int i = 0; i < 4; i++) {
        stacks[i] = green_stack_acquire(0);
        memset(stacks[i]->limit, 1, (size_t)(stacks[i]->base - stacks[i]->limit));
    }
    for (int i = 1; i < 4; i++) {
        green_stack_release(stacks[i]);
    }
    const char *low = stacks[2]->limit, *high = stacks[2]->data + stacks[2]->data_size;
    CHECK(green_stack_trim() == 0 && pages_resident(low, high) > 1);
    CHECK(green_stack_acquire(0) == stacks[3]);
    green_stack_release(stacks[3]);
    CHECK(green_stack_trim() > 0);
    CHECK(pages_resident(low, high) == 0 && counts().cached == 1);
    CHECK(green_stack_trim() > 0 && counts().cached == 0 && counts().mapped > 0);
    CHECK(green_stack_trim() == 0);
    /* Cold stacks come back, zeroed, before new ones are cut. */
    for (int i = 1; i < 4; i++) {
        green_stack *again = green_stack_acquire(0);
        CHECK(again == stacks[1] || again == stacks[2] || again == stacks[3]);
        CHECK(again->limit[0] == 0 && again->base == (char *)again);
        CHECK(again->data_size == stacks[0]->data_size);
        green_stack_release(again);
        stacks[i] = green_stack_acquire(0);
    }
    CHECK(stacks[1] != stacks[2] && stacks[2] != stacks[3] && stacks[1] != stacks[3]);
    for (int i = 0; i < 4; i++) {
        green_stack_release(stacks[i]);
    }
    green_stack_trim();
    CHECK(green_stack_trim() > 0 && counts().mapped == 0 && counts().cached == 0);
}

void
trim_keeps_guards_and_neighbours(void)
{
    green_stack *below = green_stack_acquire(0), *middle = green_stack_acquire(0),
                *above = green_stack_acquire(0);
    CHECK(below < middle && middle < above);
    memset(below->data, 7, below->data_size);
    memset(above->limit, 7, (size_t)(above->base - above->limit));
    green_stack_release(middle);
    green_stack_trim();
    CHECK(green_stack_trim() > 0);
    CHECK(below->data[0] == 7 && below->data[below->data_size - 1] == 7);
    CHECK(above->limit[0] == 7 && above->base[-1] == 7);
    CHECK(green_stack_acquire(0) == middle);
    CHECK(killed_by(in_child(writes_into_guard, middle), SIGSEGV));
    CHECK(killed_by(in_child(writes_into_guard, above), SIGSEGV));
}

/* All of them different, and no one else's: each is marked while it is held. */
static void
acquire_marked(green_stack **stacks, int count, char mark)
{
    for (int i = 0; i < count; i++) {
        CHECK((stacks[i] = green_stack_acquire(0)) != NULL);
        CHECK(stacks[i]->base == (char *)stacks[i]);
        CHECK(stacks[i]->data[0] == 0 || stacks[i]->data[0] == (char)GREEN_POISON);
        stacks[i]->data[0] = mark;
    }
}

static void
release_marked(green_stack **stacks, int count, char mark)
{
    for (int i = 0; i < count; i++) {
        CHECK(stacks[i]->data[0] == mark);
        stacks[i]->data[0] = 0;
        green_stack_release(stacks[i]);
    }
}

void
trim_is_bounded(void)
{
    enum { COUNT = 6000, HELD = 2000, BATCH = 1024 };
    static green_stack *stacks[COUNT], *held[HELD], *again[COUNT];
    green_stack_set_default(16 * KIB, 16 * KIB);
    acquire_marked(stacks, COUNT, 1);
    /* Every third stays: no slab can go as a whole. */
    int kept = 0;
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0) {
            held[kept++] = stacks[i];
        } else {
            release_marked(&stacks[i], 1, 1);
        }
    }
    CHECK(green_stack_trim() == 0 && counts().cached == COUNT - HELD);
    CHECK(green_stack_trim() > 0 && counts().cached == COUNT - HELD - BATCH);
    release_marked(held + HELD - 500, 500, 1);
    CHECK(green_stack_trim() > 0 && counts().cached == COUNT - HELD - 2 * BATCH + 500);
    /* Those of several trims, those that were given back, and new ones. */
    acquire_marked(again, COUNT, 2);
    CHECK(counts().cached == 0 && counts().live == COUNT + HELD - 500);
    release_marked(again, COUNT, 2);
    release_marked(held, HELD - 500, 1);
    green_stack_trim();
    while (green_stack_trim() > 0) {
    }
    CHECK(counts().live == 0 && counts().cached == 0 && counts().mapped == 0);
}

static int
goes_deep(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth == 0 ? 0 : goes_deep(depth - 1) + frame[0];
}

static void
was_deep(coro *self)
{
    goes_deep(20);
    memset(self->stack->data, 5, self->stack->data_size);
    volatile int local = 42;
    coro_yield(self->stack->data + 100);
    CHECK(local == 42);
    goes_deep(20);
}

void
shed_keeps_live_frames_and_data(void)
{
    coro self;
    CHECK(coro_new(&self, 128 * KIB, was_deep, NULL));
    char *top = coro_resume(&self, NULL);
    green_stack *stack = self.stack;
    CHECK(stack_pages(stack) > 1);
    CHECK(green_stack_shed(stack, self.sp, top) > 0);
    CHECK(stack_pages(stack) <= 2);
    CHECK(stack->base == (char *)stack && stack->data[99] == 5);
    CHECK(stack->data[stack->data_size - 1] == 0);
    CHECK(coro_resume(&self, NULL) == NULL && self.done);
    coro_free(&self);
}

static size_t visits;

static void
count_visit(green_stack *stack)
{
    CHECK(stack->in_use);
    (*(size_t *)stack->owner)++;
    visits++;
}

void
walk_visits_each_in_use_once(void)
{
    enum { COUNT = 100, STEP = 7 };
    static green_stack *stacks[COUNT];
    static size_t seen[COUNT];
    while (!green_stack_walk(STEP, count_visit)) {
    }
    CHECK(visits == 0);
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = green_stack_acquire(i % 2 ? 0 : 64 * KIB);
        CHECK(stacks[i]->owner == NULL);
        stacks[i]->owner = &seen[i];
    }
    /* Every third is cached; of those a first trim leaves all, the second makes them cold. */
    for (int i = 0; i < COUNT; i += 3) {
        green_stack_release(stacks[i]);
    }
    for (int round = 1; round <= 3; round++) {
        while (!green_stack_walk(STEP, count_visit)) {
        }
        for (int i = 0; i < COUNT; i++) {
            CHECK(seen[i] == (i % 3 == 0 ? 0 : (size_t)round));
        }
        green_stack_trim();
    }
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 != 0) {
            green_stack_release(stacks[i]);
        }
    }
}

void
walk_goes_on_when_slabs_come_and_go(void)
{
    enum { COUNT = 200 };
    static green_stack *stacks[COUNT];
    static size_t seen;
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = green_stack_acquire(0);
        stacks[i]->owner = &seen;
    }
    CHECK(!green_stack_walk(COUNT / 2, count_visit) && seen == COUNT / 2);
    /* The slab that it stopped in is unmapped, with all others. */
    for (int i = 0; i < COUNT; i++) {
        green_stack_release(stacks[i]);
    }
    while (green_stack_trim() + green_stack_trim() > 0) {
    }
    CHECK(counts().mapped == 0);
    stacks[0] = green_stack_acquire(0);
    stacks[0]->owner = &seen;
    visits = 0;
    CHECK(green_stack_walk(COUNT, count_visit) && visits == 1);
    green_stack_release(stacks[0]);
}
