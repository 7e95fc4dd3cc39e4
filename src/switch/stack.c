#define _GNU_SOURCE
#include "switch/stack.h"
#include "switch/list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define GREEN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GREEN_ASAN 1
#endif
#endif

#ifdef GREEN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef GREEN_VALGRIND
#include <valgrind/valgrind.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { GUARD_UNKNOWN, GUARD_MADVISE, GUARD_MPROTECT };

#define PAGE ((size_t)4096)
#define GUARD_SIZE ((size_t)64 << 10)
#define DATA_PAGES ((size_t)4 * PAGE)
#define DATA_BELOW ((size_t)1536) /* of the data area, in the hot page */
#define SLAB_SIZE ((size_t)64 << 20)
#define SLAB_COUNT_FIRST 16
#define CLASS_SHIFT 14
#define CLASS_COUNT 16
#define TRIM_BATCH 1024

/* One mapping of `count` stacks of one class. A stack never handed out since it was cut, or since
   its memory was given back, is cold: its header is gone, only its bit in `cold` tells. */
typedef struct green_slab {
    green_link link; /* in the class's list of slabs with room, if it has any */
    char *memory;
    size_t bytes;
    uint32_t size_class;
    uint32_t count;
    uint32_t carved; /* stacks that have their guard */
    uint32_t cold_count;
    uint32_t idle; /* scratch of trim */
    uint64_t cold[];
} green_slab;

typedef struct {
    green_stack *cache;
    size_t live;
    size_t cached;
    size_t mapped_count; /* stacks in its slabs */
    green_link room;     /* slabs with cold or uncut stacks */
} stack_class;

static struct {
    green_stack_policy policy;
    uint32_t size_class;
    uint32_t roomy_class;
    uint32_t epoch;
    int guard_kind;
    size_t mapped;
    long fail_after;
    stack_class classes[CLASS_COUNT];
} pool = {
    .policy = {(size_t)256 << 10, (size_t)256 << 10, 0},
    .size_class = 4,
    .roomy_class = 4,
};

static bool
fault_injected(void)
{
    if (pool.fail_after == 0 || --pool.fail_after != 0) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void
green_stack_fail_after(long n)
{
    pool.fail_after = n;
}

static size_t
class_size(uint32_t size_class)
{
    return (size_t)1 << (CLASS_SHIFT + size_class);
}

/* An odd number of pages: a power of two would put all hot pages into a few sets of the TLB, and
   their page-table entries into a few sets of the caches. */
static size_t
class_stride(uint32_t size_class)
{
    return GUARD_SIZE + class_size(size_class) + PAGE + DATA_PAGES;
}

static uint32_t
class_of_size(size_t size)
{
    uint32_t size_class = 0;
    while (class_size(size_class) < size) {
        size_class++;
    }
    return size_class;
}

static size_t
size_clamped(size_t size)
{
    return size < GREEN_STACK_SIZE_MIN   ? GREEN_STACK_SIZE_MIN
           : size > GREEN_STACK_SIZE_MAX ? GREEN_STACK_SIZE_MAX
                                         : size;
}

void
green_stack_set_policy(const green_stack_policy *policy)
{
    pool.policy.size = size_clamped(policy->size);
    pool.policy.roomy_size = size_clamped(policy->roomy_size);
    pool.policy.roomy_count = policy->roomy_count;
    pool.size_class = class_of_size(pool.policy.size);
    pool.roomy_class = class_of_size(pool.policy.roomy_size);
}

const green_stack_policy *
green_stack_get_policy(void)
{
    return &pool.policy;
}

/* Emulators accept the advice and do nothing: only a refused system call proves a guard. */
static int
guard_probe(void)
{
    int kind = GUARD_MPROTECT;
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page == MAP_FAILED) {
        return GUARD_UNKNOWN;
    }
    if (madvise(page, PAGE, MADV_GUARD_INSTALL) == 0 && getrandom(page, 1, GRND_NONBLOCK) == -1 &&
        errno == EFAULT) {
        kind = GUARD_MADVISE;
    }
    munmap(page, PAGE);
    return kind;
}

static int
guard_install(char *address)
{
    if (fault_injected()) {
        return -1;
    }
    if (pool.guard_kind == GUARD_MADVISE) {
        return madvise(address, GUARD_SIZE, MADV_GUARD_INSTALL);
    }
    return mprotect(address, GUARD_SIZE, PROT_NONE);
}

static green_slab *
slab_map(uint32_t size_class, uint32_t count)
{
    size_t words = (count + 63) / 64;
    green_slab *slab = calloc(1, sizeof(green_slab) + words * sizeof(uint64_t));
    if (slab == NULL) {
        return NULL;
    }
    slab->bytes = class_stride(size_class) * count;
    slab->memory = fault_injected()
                       ? MAP_FAILED
                       : mmap(NULL, slab->bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->memory == MAP_FAILED) {
        free(slab);
        return NULL;
    }
    madvise(slab->memory, slab->bytes, MADV_NOHUGEPAGE); /* refused where there are none: fine */
    slab->size_class = size_class;
    slab->count = count;
    return slab;
}

/* A slab as large as the class is already, within bounds; less where the system refuses. */
static green_slab *
slab_new(uint32_t size_class)
{
    stack_class *class = &pool.classes[size_class];
    size_t most = SLAB_SIZE / class_stride(size_class);
    size_t count = class->mapped_count < SLAB_COUNT_FIRST ? SLAB_COUNT_FIRST : class->mapped_count;
    if (count > most) {
        count = most > 0 ? most : 1;
    }
    green_slab *slab = slab_map(size_class, (uint32_t)count);
    while (slab == NULL && count > 1) {
        count /= 2;
        slab = slab_map(size_class, (uint32_t)count);
    }
    if (slab == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    pool.mapped += slab->bytes;
    class->mapped_count += slab->count;
    if (class->room.next == NULL) {
        green_list_init(&class->room);
    }
    green_list_prepend(&class->room, &slab->link);
    return slab;
}

static void
slab_free(green_slab *slab)
{
    green_list_remove(&slab->link);
    pool.mapped -= slab->bytes;
    pool.classes[slab->size_class].mapped_count -= slab->count;
    munmap(slab->memory, slab->bytes);
    free(slab);
}

static char *
slab_stack_address(const green_slab *slab, uint32_t index)
{
    return slab->memory + class_stride(slab->size_class) * index;
}

static green_stack *
slab_stack(const green_slab *slab, uint32_t index)
{
    char *limit = slab_stack_address(slab, index) + GUARD_SIZE;
    char *boundary = limit + class_size(slab->size_class) + PAGE;
    return (green_stack *)(boundary - DATA_BELOW - sizeof(green_stack));
}

static green_stack *
slab_stack_init(green_slab *slab, uint32_t index)
{
    green_stack *stack = slab_stack(slab, index);
    char *address = slab_stack_address(slab, index);
    stack->limit = address + GUARD_SIZE;
    stack->base = (char *)stack;
    stack->data = (char *)(stack + 1);
    stack->data_size = (size_t)(address + class_stride(slab->size_class) - stack->data);
    stack->slab = slab;
    stack->size_class = slab->size_class;
    stack->index = index;
#ifdef GREEN_VALGRIND
    stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->limit, stack->base);
#endif
    return stack;
}

_Static_assert(sizeof(green_stack) % 16 == 0, "base and data are 16-byte aligned");

/* A cold stack of the class, or a newly cut one. */
static green_stack *
class_carve(uint32_t size_class)
{
    stack_class *class = &pool.classes[size_class];
    green_slab *slab;
    uint32_t index;
    if (class->room.next == NULL || green_list_empty(&class->room)) {
        slab = slab_new(size_class);
        if (slab == NULL) {
            return NULL;
        }
    } else {
        slab = GREEN_CONTAINER(class->room.next, green_slab, link);
    }
    if (slab->cold_count > 0) {
        uint32_t word = 0;
        while (slab->cold[word] == 0) {
            word++;
        }
        index = word * 64 + (uint32_t)__builtin_ctzll(slab->cold[word]);
        slab->cold[word] &= slab->cold[word] - 1;
        slab->cold_count--;
    } else {
        index = slab->carved;
        if (guard_install(slab_stack_address(slab, index)) < 0) {
            if (slab->carved == 0) {
                slab_free(slab);
            }
            errno = ENOMEM;
            return NULL;
        }
        slab->carved++;
    }
    if (slab->cold_count == 0 && slab->carved == slab->count) {
        green_list_remove(&slab->link);
    }
    return slab_stack_init(slab, index);
}

static green_stack *
acquire_slowly(uint32_t size_class)
{
    if (pool.guard_kind == GUARD_UNKNOWN) {
        pool.guard_kind = guard_probe();
        if (pool.guard_kind == GUARD_UNKNOWN) {
            errno = ENOMEM;
            return NULL;
        }
    }
    green_stack *stack = class_carve(size_class);
    if (stack != NULL) {
        pool.classes[size_class].live++;
    }
    return stack;
}

green_stack *
green_stack_acquire(size_t size)
{
    uint32_t size_class;
    if (size == 0) {
        size_class = pool.classes[pool.roomy_class].live < pool.policy.roomy_count
                         ? pool.roomy_class
                         : pool.size_class;
    } else if (size <= GREEN_STACK_SIZE_MAX) {
        size_class = class_of_size(size);
    } else {
        errno = EINVAL;
        return NULL;
    }
    stack_class *class = &pool.classes[size_class];
    green_stack *stack = class->cache;
    if (__builtin_expect(stack == NULL, 0)) {
        return acquire_slowly(size_class);
    }
    class->cache = stack->next;
    class->cached--;
    class->live++;
    return stack;
}

void
green_stack_release(green_stack *stack)
{
    stack_class *class = &pool.classes[stack->size_class];
#ifdef GREEN_ASAN
    __asan_unpoison_memory_region(stack->limit, (size_t)(stack->base - stack->limit));
#endif
    stack->epoch = pool.epoch;
    stack->next = class->cache;
    class->cache = stack;
    class->cached++;
    class->live--;
}

static size_t
slab_chill(green_slab *slab, uint32_t index)
{
    stack_class *class = &pool.classes[slab->size_class];
    green_stack *stack = slab_stack(slab, index);
    char *limit = stack->limit;
    size_t bytes = (size_t)(stack->data + stack->data_size - limit);
#ifdef GREEN_VALGRIND
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
    madvise(limit, bytes, MADV_DONTNEED);
    slab->cold[index / 64] |= (uint64_t)1 << (index % 64);
    slab->cold_count++;
    if (!green_link_linked(&slab->link)) {
        green_list_append(&class->room, &slab->link);
    }
    return bytes;
}

static size_t
class_trim(stack_class *class, size_t *budget)
{
    green_stack **from = &class->cache;
    while (*from != NULL && (*from)->epoch == pool.epoch) {
        from = &(*from)->next;
    }
    green_stack *idle = *from;
    size_t bytes = 0;
    while (idle != NULL && *budget > 0) {
        green_stack *next = idle->next;
        green_slab *slab = idle->slab;
        bytes += slab_chill(slab, idle->index);
        if (slab->cold_count == slab->carved) {
            slab_free(slab);
        }
        class->cached--;
        --*budget;
        idle = next;
    }
    *from = idle;
    return bytes;
}

size_t
green_stack_trim(void)
{
    size_t bytes = 0;
    size_t budget = TRIM_BATCH;
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        if (pool.classes[i].cached > 0) {
            bytes += class_trim(&pool.classes[i], &budget);
        }
    }
    pool.epoch++;
    return bytes;
}

static size_t
pages_advise(const char *from, const char *to)
{
    uintptr_t low = ((uintptr_t)from + PAGE - 1) & ~(PAGE - 1);
    uintptr_t high = (uintptr_t)to & ~(PAGE - 1);
    if (low >= high || madvise((void *)low, high - low, MADV_DONTNEED) < 0) {
        return 0;
    }
    return high - low;
}

size_t
green_stack_shed(green_stack *stack, const void *sp, const void *data_top)
{
    /* The ABI lets a function use 128 bytes below its stack pointer. */
    return pages_advise(stack->limit, (const char *)sp - 128) +
           pages_advise(data_top, stack->data + stack->data_size);
}

void
green_stack_counts_get(green_stack_counts *counts)
{
    *counts = (green_stack_counts){.mapped = pool.mapped, .guard_kind = pool.guard_kind};
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        counts->live += pool.classes[i].live;
        counts->cached += pool.classes[i].cached;
    }
}

#ifdef GREEN_ASAN
static _Thread_local const green_stack *entering, *running;
static _Thread_local const void *own_bottom;
static _Thread_local size_t own_size;

void
green_stack_switch_begin(void **fake_stack_save, const green_stack *to)
{
    entering = to;
    if (to != NULL) {
        __sanitizer_start_switch_fiber(fake_stack_save, to->limit, (size_t)(to->base - to->limit));
    } else {
        __sanitizer_start_switch_fiber(fake_stack_save, own_bottom, own_size);
    }
}

void
green_stack_switch_end(void *fake_stack_saved)
{
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(fake_stack_saved, &bottom, &size);
    if (running == NULL) { /* the stack left was the thread's own */
        own_bottom = bottom;
        own_size = size;
    }
    running = entering;
}
#else
void
green_stack_switch_begin(void **fake_stack_save, const green_stack *to)
{
    (void)fake_stack_save;
    (void)to;
}

void
green_stack_switch_end(void *fake_stack_saved)
{
    (void)fake_stack_saved;
}
#endif
