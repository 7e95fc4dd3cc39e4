#include "native.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "switch/map.h"

static int
recurses(volatile char *above)
{
    volatile char frame[40 * KIB];
    frame[0] = above[0];
    return frame[0] == 1 ? 0 : recurses(frame) + frame[1];
}

static void
runs_away(coro *self)
{
    char byte = 0;
    self->arg = (void *)(size_t)recurses(&byte);
}

static void
overflows(void *arg)
{
    coro self;
    (void)arg;
    CHECK(coro_new(&self, 256 * KIB, runs_away, NULL));
    coro_resume(&self, NULL);
}

/* The kinds with a real guard; what the machine has first, the other one after it. */
static const green_guard_kind kinds[] = {GREEN_GUARD_NONE, GREEN_GUARD_MPROTECT};

void
guard_is_hit_by_recursion(void)
{
    for (int i = 0; i < 2; i++) {
        green_map_guard_limit(kinds[i], 1000);
        CHECK(killed_by(in_child(overflows, NULL), SIGSEGV));
    }
}

static void
writes(void *arg)
{
    *(volatile char *)arg = 1;
}

static void
reads(void *arg)
{
    (void)*(volatile char *)arg;
}

/* Whether the system cannot write there. */
static bool
refused(char *address)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    ssize_t got = read(ends[0], address, 1);
    CHECK(got == 1 || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return got != 1;
}

void
guard_is_hit_everywhere(void)
{
    for (int i = 0; i < 2; i++) {
        green_map_guard_limit(kinds[i], 1000);
        green_stack *stacks[3];
        for (int j = 0; j < 3; j++) {
            stacks[j] = green_stack_acquire((size_t)256 * KIB << i); /* a slab of its own */
            CHECK(stacks[j] != NULL);
            CHECK(killed_by(in_child(writes, stacks[j]->limit - 1), SIGSEGV));
            CHECK(killed_by(in_child(writes, stacks[j]->limit - GUARD_SMALL), SIGSEGV));
            CHECK(killed_by(in_child(reads, stacks[j]->limit - GUARD_SMALL / 2), SIGSEGV));
            CHECK(in_child(writes, stacks[j]->limit) == 0);
        }
        CHECK(stacks[0]->data + stacks[0]->data_size <= stacks[1]->limit - GUARD_SMALL);
        CHECK(in_child(writes, stacks[0]->data + stacks[0]->data_size - 1) == 0);
        green_stack_counts now;
        green_stack_counts_get(&now);
        CHECK(now.guard_kind != GREEN_GUARD_NONE && now.guard_kind <= GREEN_GUARD_MPROTECT);
        CHECK(kinds[i] == GREEN_GUARD_NONE || now.guard_kind == GREEN_GUARD_MPROTECT);
    }
}

/* As wide as what the kernel leaves free below a thread's stack: every page of it, below the lowest
   stack of a slab and below others. */
void
guard_of_roomy_stacks_is_wide(void)
{
    for (int i = 0; i < 2; i++) {
        green_map_guard_limit(kinds[i], 1000);
        for (int j = 0; j < 3; j++) {
            green_stack *stack = green_stack_acquire(i == 0 ? 8 * MIB : 16 * MIB);
            CHECK(stack != NULL);
            for (size_t below = 1; below <= GUARD_ROOMY; below += green_map_page()) {
                CHECK(refused(stack->limit - below));
            }
            CHECK(refused(stack->limit - GUARD_ROOMY));
            CHECK(!refused(stack->limit));
        }
    }
}

/* What a probe of the advice must be proved by: the system itself cannot touch the guard. */
void
guard_refuses_system_calls(void)
{
    int ends[2];
    green_stack *stack = green_stack_acquire(0);
    CHECK(stack != NULL && pipe(ends) == 0);
    CHECK(write(ends[1], stack->limit - 1, 1) == -1 && errno == EFAULT);
    CHECK(write(ends[1], stack->limit, 1) == 1);
    CHECK(read(ends[0], stack->limit - GUARD_SMALL, 1) == -1 && errno == EFAULT);
}

/* By mprotect while mappings last, then by spacing; freed ones can be had again. */
void
guard_kinds_follow_each_other(void)
{
    enum { COUNT = 60, GUARDS = 40 };
    green_stack *stacks[COUNT];
    green_stack_counts now;
    green_map_guard_limit(GREEN_GUARD_MPROTECT, GUARDS);
    for (int round = 0; round < 2; round++) {
        size_t distance = 0;
        for (int i = 0; i < COUNT; i++) {
            stacks[i] = green_stack_acquire(64 * KIB);
            CHECK(stacks[i] != NULL);
            green_stack_counts_get(&now);
            CHECK(round > 0 || (now.guard_kind == GREEN_GUARD_SPACING) == (i >= GUARDS));
            if (now.guard_kind == GREEN_GUARD_MPROTECT) {
                CHECK(killed_by(in_child(writes, stacks[i]->limit - 1), SIGSEGV));
            }
            memset(stacks[i]->base - 100, i, 100);
        }
        for (int i = 0; i < COUNT; i++) {
            CHECK(stacks[i]->base[-1] == i);
            for (int j = 0; j < i; j++) {
                size_t gap = stacks[i] > stacks[j] ? (size_t)(stacks[i]->limit - stacks[j]->base)
                                                   : (size_t)(stacks[j]->limit - stacks[i]->base);
                CHECK(gap >= GUARD_SMALL);
                distance += gap >= 64 * MIB;
            }
        }
        CHECK(distance >= (COUNT - GUARDS) / 2);
        for (int i = 0; i < COUNT; i++) {
            green_stack_release(stacks[i]);
        }
        green_stack_trim();
        while (green_stack_trim() > 0) {
        }
        green_stack_counts_get(&now);
        CHECK(now.mapped == 0);
    }
}

/* The kernel puts no guard markers into locked memory: another kind must do. */
void
guard_is_hit_in_locked_memory(void)
{
    green_stack *before = green_stack_acquire(16 * KIB);
    CHECK(before != NULL && mlockall(MCL_FUTURE | MCL_ONFAULT) == 0);
    green_stack *after = green_stack_acquire(32 * KIB);
    CHECK(killed_by(in_child(writes, before->limit - 1), SIGSEGV));
    struct rlimit most;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &most) == 0);
    if (after == NULL) { /* nobody but root may lock more than that */
        CHECK(geteuid() != 0 && most.rlim_cur != RLIM_INFINITY);
        return;
    }
    CHECK(killed_by(in_child(writes, after->limit - 1), SIGSEGV));
}

/* Two stacks without guards. */
typedef struct {
    green_stack *below, *above;
    size_t reach; /* bytes above the lower one that the upper one has come down to */
} spaced;

static void
releases_after_overflow(void *arg)
{
    spaced *pair = arg;
    pair->below->data[pair->below->data_size + pair->reach] = 1;
    green_stack_release(pair->above);
}

static void
overflows_lowest(void *arg)
{
    spaced *pair = arg;
    pair->below->limit[-(long)(64 * MIB)] = 1;
}

static spaced
acquire_spaced(size_t size, size_t reach)
{
    green_stack *stacks[2];
    green_map_guard_limit(GREEN_GUARD_MPROTECT, 0);
    for (int i = 0; i < 2; i++) {
        CHECK((stacks[i] = green_stack_acquire(size)) != NULL);
        stacks[i]->limit[-1] = 1; /* harmless so far */
    }
    bool upwards = stacks[0] < stacks[1];
    return (spaced){stacks[!upwards], stacks[upwards], reach};
}

void
guard_spacing_notices_overflow(void)
{
    for (int roomy = 0; roomy < 2; roomy++) {
        spaced pair = acquire_spaced(roomy ? 8 * MIB : 64 * KIB, 1000);
        CHECK(killed_by(in_child(releases_after_overflow, &pair), SIGABRT));
        CHECK(killed_by(in_child(overflows_lowest, &pair), SIGSEGV));
        green_stack_release(pair.below);
        green_stack_release(pair.above);
    }
}

void
guard_tripwire_is_as_wide_as_a_guard(void)
{
    spaced small = acquire_spaced(64 * KIB, GUARD_SMALL - 1000);
    spaced roomy = acquire_spaced(8 * MIB, GUARD_ROOMY - 1000);
    CHECK(killed_by(in_child(releases_after_overflow, &small), SIGABRT));
    CHECK(killed_by(in_child(releases_after_overflow, &roomy), SIGABRT));
}

/* More stacks without the cheap guards than there are mappings: others still get theirs. */
void
guard_mappings_leave_room(void)
{
    enum { OTHERS = 4000 };
    size_t count = many(36000);
    green_map_guard_limit(GREEN_GUARD_MPROTECT, SIZE_MAX);
    green_stack_set_default(16 * KIB, 16 * KIB);
    for (size_t i = 0; i < count; i++) {
        CHECK(green_stack_acquire(0) != NULL);
    }
    char *other = mmap(NULL, 2 * OTHERS * green_map_page(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(other != MAP_FAILED);
    for (size_t i = 0; i < OTHERS / 2; i++) {
        CHECK(mprotect(other + 2 * i * green_map_page(), green_map_page(), PROT_NONE) == 0);
    }
    CHECK(killed_by(in_child(overflows, NULL), SIGSEGV));
}

/* In a process of its own for each n, until n is beyond all calls. */
static void
survives_failure(void *arg)
{
    enum { COUNT = 50 };
    green_stack *stacks[COUNT];
    size_t failures = 0;
    green_stack_counts now;
    green_stack_set_default(64 * KIB, 16 * KIB);
    green_stack_fail_after(*(long *)arg);
    for (int i = 0; i < COUNT; i++) {
        errno = 0;
        stacks[i] = green_stack_acquire(0);
        if (stacks[i] == NULL) {
            CHECK(errno == ENOMEM);
            failures++;
        } else {
            CHECK(stacks[i]->base == (char *)stacks[i]);
            stacks[i]->limit[0] = stacks[i]->base[-1] = 1;
            green_stack_counts_get(&now);
            if (i % 10 == 0 && now.guard_kind != GREEN_GUARD_SPACING) {
                CHECK(killed_by(in_child(writes, stacks[i]->limit - 1), SIGSEGV));
            }
        }
    }
    CHECK(failures == 0); /* a single failure has a way out */
    green_stack_counts_get(&now);
    CHECK(now.live == COUNT - failures);
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < i; j++) {
            CHECK(stacks[i] != stacks[j]);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        green_stack_release(stacks[i]);
    }
    green_stack_trim();
    green_stack_trim();
    green_stack_counts_get(&now);
    CHECK(now.live == 0 && now.cached == 0 && now.mapped == 0);
}

void
failure_of_any_call_is_survived(void)
{
    for (int kind = 0; kind < 3; kind++) {
        if (kind > 0) { /* in the first round the probe is among the calls that fail */
            green_map_guard_limit(GREEN_GUARD_MPROTECT, kind == 1 ? 1000 : 0);
        }
        for (long n = 0; n < (long)many(60); n++) {
            CHECK(in_child(survives_failure, &n) == 0);
        }
    }
}

/* As much address space as now and `bytes` more. */
static void
limit_address_space(size_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = status_bytes("VmSize") + bytes;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static size_t
acquire_all(size_t size, green_stack **stacks, size_t most)
{
    size_t count = 0;
    errno = 0;
    while (count < most && (stacks[count] = green_stack_acquire(size)) != NULL) {
        stacks[count]->limit[0] = 1;
        count++;
    }
    return count;
}

enum { MANY = 3000, ROOM_MIB = 32 }; /* what map.c leaves to the rest of the process */
static green_stack *stacks[MANY];

void
failure_by_address_space_limit(void)
{
    limit_address_space((40 + ROOM_MIB) * MIB);
    size_t count = acquire_all(256 * KIB, stacks, MANY);
    CHECK(errno == ENOMEM && count > 60 && count < 160);
    CHECK(green_stack_acquire(256 * KIB) == NULL && errno == ENOMEM);
    for (size_t i = 0; i < count; i++) {
        green_stack_release(stacks[i]);
    }
    CHECK(acquire_all(256 * KIB, stacks, MANY) == count);
}

void
failure_takes_what_caches_hold(void)
{
    limit_address_space((40 + ROOM_MIB) * MIB);
    size_t count = acquire_all(256 * KIB, stacks, MANY);
    for (size_t i = 0; i < count; i++) {
        green_stack_release(stacks[i]);
    }
    CHECK(acquire_all(MIB, stacks, MANY) >= 24);
}

static size_t told;
static int times_told;

static void
tell(size_t size)
{
    told = size;
    times_told++;
}

static size_t
room(const green_stack *stack)
{
    return (size_t)(stack->base - stack->limit);
}

/* Each takes its share of what is left, so that there are many, and the first are not small. */
void
limit_of_address_space_makes_stacks_smaller(void)
{
    limit_address_space(1024 * MIB);
    green_stack_set_default(8 * MIB, 64 * KIB);
    green_stack_on_shrink(tell);
    CHECK(acquire_all(0, stacks, 200) == 200);
    CHECK(room(stacks[0]) >= MIB && room(stacks[0]) < 8 * MIB && told == room(stacks[199]));
    CHECK(room(stacks[199]) >= MIB / 2);
    size_t count = 200 + acquire_all(0, stacks + 200, MANY - 200);
    CHECK(errno == ENOMEM && count > 1500);
    CHECK(room(stacks[count - 1]) >= 64 * KIB && told == room(stacks[count - 1]));
    /* What was asked for by size is given so or not at all. */
    CHECK(green_stack_acquire(256 * KIB) == NULL && errno == ENOMEM);
    for (size_t i = 0; i < count; i++) {
        green_stack_release(stacks[i]);
    }
    while (green_stack_trim() + green_stack_trim() > 0) {
    }
    CHECK(room(stacks[0] = green_stack_acquire(0)) >= MIB);
    green_stack_release(stacks[0]);
    CHECK(green_stack_get_default() == 8 * MIB);
}

void
limit_is_told_once_for_a_stack(void)
{
    limit_address_space(1024 * MIB);
    green_stack_set_default(64 * MIB, 64 * KIB);
    green_stack_on_shrink(tell);
    CHECK(acquire_all(0, stacks, 1) == 1 && room(stacks[0]) < 8 * MIB);
    CHECK(times_told == 1 && told == room(stacks[0]));
}

void
limit_far_away_changes_nothing(void)
{
    limit_address_space(64 * KIB * MIB);
    green_stack_set_default(8 * MIB, 64 * KIB);
    green_stack_on_shrink(tell);
    CHECK(acquire_all(0, stacks, 200) == 200 && told == 0 && room(stacks[199]) >= 8 * MIB);
}

/* A choice is no default to be bent. */
void
limit_leaves_a_chosen_size_alone(void)
{
    limit_address_space((40 + ROOM_MIB) * MIB);
    green_stack_set_default(2 * MIB, 2 * MIB);
    size_t count = acquire_all(0, stacks, MANY);
    CHECK(errno == ENOMEM && count > 5 && room(stacks[count - 1]) >= 2 * MIB);
}
