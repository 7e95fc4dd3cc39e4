#include "switch/stack.h"
#include "switch/annotate.h"
#include "switch/check.h"
#include "switch/hint.h"
#include "switch/list.h"
#include "switch/map.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

#define ROOMY_SIZE (2 * MIB)   /* a stack of this size or more is for unknown code */
#define GUARD_ROOMY MIB        /* as the kernel's gap below a thread's stack: no frame jumps it */
#define GUARD_SMALL (64 * KIB) /* more than a page: C frames with large arrays jump over one */
#define SPACING (64 * MIB)     /* in place of a guard: ten times what Python's limits allow */
#define TABLE_SPAN (2 * MIB)   /* what one page table maps, where pages have 4 KiB */
#define DATA_BELOW 1536        /* bytes of the data area in the hot page */
#define DATA_ABOVE (16 * KIB)  /* bytes of it above the hot page; of a small stack, a sixteenth */

#define SLAB_SIZE_MAX (160 * MIB) /* small enough to be unmapped soon */
#define SLAB_SIZE_MAX_SPACED (16 * KIB * MIB)
#define SLAB_COUNT_FIRST 16

/* Where address space is limited, a stack of the default size takes at most one such part of what
   is left. */
#define SHARE 512

#define CLASS_SHIFT 14
#define CLASS_COUNT 31  /* two for each doubling of the size */
#define TRIM_BATCH 1024 /* stacks a trim, which takes some milliseconds at most */

_Static_assert(GREEN_STACK_SIZE_MIN == (size_t)1 << CLASS_SHIFT, "the smallest class");
_Static_assert(GREEN_STACK_SIZE_MAX == GREEN_STACK_SIZE_MIN << (CLASS_COUNT / 2),
               "the largest class");
_Static_assert(sizeof(green_stack) % 16 == 0 && DATA_BELOW % 16 == 0,
               "base and data are 16-byte aligned");

/* A slab is one mapping, which is cut into `count` stacks of one class, the lowest first. A cold
   stack is one whose memory was given back to the system: its header is gone, its guard is still
   there, and its bit in `cold` is set. */
typedef struct green_slab {
    green_link link;  /* in its class's `room`, while any of its stacks is cold or not cut yet */
    green_link every; /* in pool.slabs */
    char *memory;
    size_t bytes;
    size_t stride;
    size_t guard_size; /* or the size of the spacing */
    green_guard_kind guard_kind;
    uint32_t size_class;
    uint32_t count;
    uint32_t cut;
    uint32_t cold_count;
    uint32_t leaving; /* during a trim: the cached stacks that are about to become cold */
    uint64_t cold[];
} green_slab;

typedef struct {
    green_stack *cache; /* released since the last trim; last in, first out */
    green_stack *idle;  /* released before that: a list of lists */
    size_t live;
    size_t cached;
    size_t count;    /* stacks in all its slabs, cut or not */
    green_link room; /* slabs with a cold or uncut stack */
} stack_class;

static struct {
    uint32_t size_class;   /* the default now */
    uint32_t wanted_class; /* the default where there is room */
    uint32_t least_class;  /* the default where there is little room */
    void (*tell)(size_t size);
    green_guard_kind guard_kind; /* the weakest so far */
    size_t mapped;
    green_link slabs;      /* green_slab.every, oldest first */
    green_slab *walk_slab; /* where green_stack_walk goes on; NULL: at the first slab */
    uint32_t walk_index;
    stack_class classes[CLASS_COUNT];
} pool = {
    .size_class = 8,
    .wanted_class = 8,
    .least_class = 8,
    .slabs = {&pool.slabs, &pool.slabs},
};

static size_t
round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static size_t
whole_pages(size_t bytes)
{
    return round_up(bytes, green_map_page());
}

static size_t
class_size(uint32_t size_class)
{
    return whole_pages((size_t)(2 + size_class % 2) << (CLASS_SHIFT - 1 + size_class / 2));
}

/* Returns the class of a size, which is at most GREEN_STACK_SIZE_MAX. */
static inline uint32_t
class_of_size(size_t size)
{
    if (size <= GREEN_STACK_SIZE_MIN) {
        return 0;
    }
    uint32_t doublings = 64 - CLASS_SHIFT - (uint32_t)__builtin_clzll(size - 1);
    return 2 * doublings - (size <= (size_t)3 << (CLASS_SHIFT - 2 + doublings));
}

static bool
class_is_roomy(uint32_t size_class)
{
    return class_size(size_class) >= ROOMY_SIZE;
}

/* Returns how many bytes below a stack are a guard. In a slab with spacing, so many are a guard
   below the lowest stack, and the tripwire below the others. */
static size_t
class_guard(uint32_t size_class)
{
    return whole_pages(class_is_roomy(size_class) ? GUARD_ROOMY : GUARD_SMALL);
}

static size_t
class_data_above(uint32_t size_class)
{
    size_t sixteenth = class_size(size_class) / 16;
    return whole_pages(sixteenth < DATA_ABOVE ? sixteenth : DATA_ABOVE);
}

/* Returns the bytes from one stack of a slab to the next. */
static size_t
class_stride(uint32_t size_class, green_guard_kind kind)
{
    size_t guard = kind == GREEN_GUARD_SPACING ? SPACING : class_guard(size_class);
    size_t bytes = guard + class_size(size_class) + green_map_page() + class_data_above(size_class);
    return class_is_roomy(size_class) ? round_up(bytes, TABLE_SPAN) : bytes;
}

void
green_stack_set_default(size_t size, size_t least)
{
    pool.size_class = pool.wanted_class = class_of_size(size);
    pool.least_class = class_of_size(least < size ? least : size);
}

size_t
green_stack_get_default(void)
{
    return class_size(pool.wanted_class);
}

void
green_stack_on_shrink(void (*tell)(size_t size))
{
    pool.tell = tell;
}

/* Lays the slab out and maps it. Guards of roomy stacks end where the span of a page table ends, so
   that the hot page of a stack and the guard above it share a table. 0, or -1 if the system refuses
   so much. */
static int
slab_map(green_slab *slab, size_t count)
{
    bool roomy = class_is_roomy(slab->size_class);
    slab->guard_size =
        slab->guard_kind == GREEN_GUARD_SPACING ? SPACING : class_guard(slab->size_class);
    slab->stride = class_stride(slab->size_class, slab->guard_kind);
    slab->bytes = slab->stride * count;
    slab->count = (uint32_t)count;
    slab->memory = roomy ? green_map_new_around(slab->bytes, TABLE_SPAN, GUARD_ROOMY)
                         : green_map_new(slab->bytes);
    if (slab->memory == NULL) {
        return -1;
    }
    if (slab->guard_kind == GREEN_GUARD_SPACING &&
        green_map_guard(slab->memory, class_guard(slab->size_class), GREEN_GUARD_SPACING) < 0) {
        green_map_free(slab->memory, slab->bytes);
        return -1;
    }
    return 0;
}

/* Makes a slab for as many stacks as the class has already, within bounds, and for fewer where the
   system refuses so much. NULL: there is no memory. */
static green_slab *
slab_new(uint32_t size_class)
{
    stack_class *class = &pool.classes[size_class];
    size_t count = class->count < SLAB_COUNT_FIRST ? SLAB_COUNT_FIRST : class->count;
    green_guard_kind kind = green_map_guard_kind(&count);
    if (kind == GREEN_GUARD_NONE) {
        return NULL;
    }
    size_t bytes = kind == GREEN_GUARD_SPACING ? SLAB_SIZE_MAX_SPACED : SLAB_SIZE_MAX;
    size_t fair = green_map_left() / SHARE * SLAB_COUNT_FIRST;
    size_t most = (bytes < fair ? bytes : fair) / class_stride(size_class, kind);
    if (count > most) {
        count = most > 0 ? most : 1;
    }
    green_slab *slab = calloc(1, sizeof(green_slab) + (count + 63) / 64 * sizeof(uint64_t));
    if (slab == NULL) {
        return NULL;
    }
    slab->size_class = size_class;
    slab->guard_kind = kind;
    while (slab_map(slab, count) < 0) {
        count /= 2;
        if (count == 0) {
            free(slab);
            return NULL;
        }
    }
    pool.mapped += slab->bytes;
    pool.guard_kind = kind > pool.guard_kind ? kind : pool.guard_kind;
    class->count += slab->count;
    green_list_prepend(&class->room, &slab->link);
    green_list_append(&pool.slabs, &slab->every);
    return slab;
}

static void
slab_free(green_slab *slab)
{
    if (pool.walk_slab == slab) {
        pool.walk_slab = NULL;
    }
    green_list_remove(&slab->every);
    green_list_remove(&slab->link);
    pool.mapped -= slab->bytes;
    pool.classes[slab->size_class].count -= slab->count;
    green_map_free(slab->memory, slab->bytes);
    green_map_guards_freed(slab->cut, slab->guard_kind);
    free(slab);
}

static char *
slab_limit(const green_slab *slab, uint32_t index)
{
    return slab->memory + slab->stride * index + slab->guard_size;
}

static char *
slab_end(const green_slab *slab, uint32_t index)
{
    return slab->memory + slab->stride * (index + 1);
}

static uint32_t
slab_index(const green_slab *slab, const green_stack *stack)
{
    return (uint32_t)((size_t)((const char *)stack - slab->memory) / slab->stride);
}

static green_stack *
slab_stack(const green_slab *slab, uint32_t index)
{
    char *boundary = slab_end(slab, index) - class_data_above(slab->size_class);
    return (green_stack *)(boundary - DATA_BELOW - sizeof(green_stack));
}

/* Makes the header of a cold or newly cut stack. */
static green_stack *
slab_stack_init(green_slab *slab, uint32_t index)
{
    green_stack *stack = slab_stack(slab, index);
    stack->limit = slab_limit(slab, index);
    stack->base = (char *)stack;
    stack->data = (char *)(stack + 1);
    stack->data_size = (size_t)(slab_end(slab, index) - stack->data);
    stack->slab = slab;
    stack->size_class = (uint16_t)slab->size_class;
    stack->in_use = false;
    green_annotate_begin(stack);
    return stack;
}

/* Cuts off the next stack. -1: no guard can be had, and the slab, which is freed if nothing was cut
   from it, gives no more. */
static int
slab_cut(green_slab *slab)
{
    char *guard = slab_limit(slab, slab->cut) - slab->guard_size;
    if (slab->guard_kind != GREEN_GUARD_SPACING &&
        green_map_guard(guard, slab->guard_size, slab->guard_kind) < 0) {
        pool.classes[slab->size_class].count -= slab->count - slab->cut;
        slab->count = slab->cut;
        if (slab->cut == 0) {
            slab_free(slab);
        } else {
            green_list_remove(&slab->link);
        }
        return -1;
    }
    slab->cut++;
    return 0;
}

static uint32_t
slab_warm(green_slab *slab)
{
    uint32_t word = 0;
    while (slab->cold[word] == 0) {
        word++;
    }
    uint32_t bit = (uint32_t)__builtin_ctzll(slab->cold[word]);
    slab->cold[word] &= slab->cold[word] - 1;
    slab->cold_count--;
    return word * 64 + bit;
}

/* Takes a stack off the idle lists. NULL: there is none. */
static green_stack *
class_pop_idle(stack_class *class)
{
    green_stack *stack = class->idle;
    if (stack == NULL) {
        return NULL;
    }
    if (stack->next != NULL) {
        stack->next->later = stack->later;
        class->idle = stack->next;
    } else {
        class->idle = stack->later;
    }
    class->cached--;
    return stack;
}

/* Returns a stack that no cache holds: a cold one, or one that is newly cut. */
static green_stack *
class_cut(uint32_t size_class)
{
    stack_class *class = &pool.classes[size_class];
    if (class->room.next == NULL) {
        green_list_init(&class->room);
    }
    green_slab *slab = green_list_empty(&class->room)
                           ? slab_new(size_class)
                           : GREEN_CONTAINER(class->room.next, green_slab, link);
    if (slab == NULL) {
        return NULL;
    }
    uint32_t index;
    if (slab->cold_count > 0) {
        index = slab_warm(slab);
    } else {
        index = slab->cut;
        if (slab_cut(slab) < 0) {
            return NULL;
        }
    }
    if (slab->cold_count == 0 && slab->cut == slab->count) {
        green_list_remove(&slab->link);
    }
    return slab_stack_init(slab, index);
}

#ifdef GREEN_DEBUG
/* Returns where the poisoned part of the C frames begins, in a released stack. */
static char *
stack_poisoned_from(const green_stack *stack)
{
    size_t size = (size_t)(stack->base - stack->limit);
    return stack->base - (size < GREEN_STACK_SIZE_MIN ? size : GREEN_STACK_SIZE_MIN);
}

static void
stack_poison(green_stack *stack)
{
    green_poison(stack_poisoned_from(stack), stack->base);
    green_poison(stack->data, stack->data + DATA_BELOW);
}

/* Asserts that the first stack of the cache is as it was when it was released. */
static void
class_check(const stack_class *class)
{
    const green_stack *stack = class->cache;
    assert(class->live + class->cached <= class->count);
    if (stack != NULL) {
        assert(!stack->in_use && stack->base == (const char *)stack);
        assert(class == &pool.classes[stack->size_class]);
        assert(slab_stack(stack->slab, slab_index(stack->slab, stack)) == stack);
        green_poison_check(stack_poisoned_from(stack), stack->base);
        green_poison_check(stack->data, stack->data + DATA_BELOW);
    }
    if (class->room.next != NULL) {
        green_list_check(&class->room);
    }
    green_list_check(&pool.slabs);
}
#endif

static size_t pool_chill(size_t budget);

/* Makes all stacks in the caches idle. */
static void
pool_age(void)
{
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        stack_class *class = &pool.classes[i];
        if (class->cache != NULL) {
            class->cache->later = class->idle;
            class->idle = class->cache;
            class->cache = NULL;
        }
    }
}

static inline green_stack *
class_lend(stack_class *class, green_stack *stack)
{
    stack->owner = NULL;
    stack->in_use = true;
    class->live++;
    return stack;
}

/* Takes an idle stack, or cuts one. Where that is refused, all that the caches hold goes back to
   the system, and the next try finds that memory, or another kind of guard. */
static green_stack *
acquire_of_class(stack_class *class, uint32_t size_class)
{
    green_stack *stack = class_pop_idle(class);
    for (int tries = 0; stack == NULL && tries < 3; tries++) {
        if (tries > 0) {
            pool_age();
            pool_chill(SIZE_MAX);
        }
        stack = class_cut(size_class);
    }
    return stack == NULL ? NULL : class_lend(class, stack);
}

/* Returns whether one more stack needs no new slab, or takes no more than its share of the address
   space that is left. */
static bool
class_fits(const stack_class *class, uint32_t size_class)
{
    return class->cached > 0 || (class->room.next != NULL && !green_list_empty(&class->room)) ||
           class_stride(size_class, GREEN_GUARD_MADVISE) <= green_map_left() / SHARE;
}

/* Finds a stack though none was released lately. Where nobody has asked for a size, a smaller stack
   will do. */
GREEN_COLD static green_stack *
acquire_slowly(uint32_t size_class, bool by_default)
{
    stack_class *class = &pool.classes[size_class];
    bool may_shrink = by_default && size_class > pool.least_class;
    green_stack *stack = NULL;
    if (!may_shrink || class_fits(class, size_class)) {
        stack = acquire_of_class(class, size_class);
    }
    if (stack == NULL && may_shrink) {
        pool.size_class = size_class - 1;
        stack = green_stack_acquire(0);
        bool told = pool.size_class < size_class - 1; /* by the call for the next smaller class */
        if (stack != NULL && pool.tell != NULL && !told) {
            pool.tell((size_t)(stack->base - stack->limit));
        }
    } else if (stack == NULL) {
        errno = ENOMEM;
    }
    return stack;
}

green_stack *
green_stack_acquire(size_t size)
{
    if (size > GREEN_STACK_SIZE_MAX) {
        errno = EINVAL;
        return NULL;
    }
    bool by_default = size == 0;
    uint32_t size_class = by_default ? pool.size_class : class_of_size(size);
    stack_class *class = &pool.classes[size_class];
    GREEN_CHECK(class_check(class));
    green_stack *stack = class->cache;
    if (stack == NULL) {
        return acquire_slowly(size_class, by_default);
    }
    class->cache = stack->next;
    class->cached--;
    return class_lend(class, stack);
}

/* Aborts the process if frames of this stack have gone beyond its spacing. No fault stopped them,
   but they have left traces above the stack below. */
GREEN_COLD static void
spacing_check(const green_stack *stack)
{
    const green_slab *slab = stack->slab;
    if (slab->guard_kind == GREEN_GUARD_SPACING && slab_index(slab, stack) > 0 &&
        green_map_touched(stack->limit - SPACING, class_guard(slab->size_class))) {
        fputs("greencore: a stack has overflowed into another one\n", stderr);
        abort();
    }
}

void
green_stack_release(green_stack *stack)
{
    stack_class *class = &pool.classes[stack->size_class];
    assert(stack->base == (char *)stack && stack->in_use && class->live > 0);
    if (pool.guard_kind == GREEN_GUARD_SPACING) {
        spacing_check(stack);
    }
    green_annotate_vacant(stack);
    GREEN_CHECK(stack_poison(stack));
    stack->in_use = false;
    stack->next = class->cache;
    class->cache = stack;
    class->cached++;
    class->live--;
    GREEN_CHECK(class_check(class));
}

/* Makes `count` stacks of a list cold. A slab that has no others is unmapped, which takes one
   system call. Returns how many bytes were given back. */
static size_t
class_chill(stack_class *class, green_stack *stack, size_t count)
{
    size_t bytes = 0;
    while (count-- > 0) {
        green_stack *next = stack->next;
        green_slab *slab = stack->slab;
        uint32_t index = slab_index(slab, stack);
        bool last = slab->cold_count + slab->leaving == slab->cut;
        bytes += slab->stride - slab->guard_size;
        green_annotate_end(stack);
        slab->cold[index / 64] |= (uint64_t)1 << (index % 64);
        slab->cold_count++;
        slab->leaving--;
        if (!last) {
            green_map_drop(stack->limit, slab->stride - slab->guard_size);
            if (!green_link_linked(&slab->link)) {
                green_list_append(&class->room, &slab->link);
            }
        } else if (slab->leaving == 0) {
            slab_free(slab);
        }
        stack = next;
    }
    return bytes;
}

/* Makes idle stacks cold, at most `budget` of them. Returns how many bytes were given back. */
static size_t
pool_chill(size_t budget)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        green_stack *leaving = NULL, *stack;
        size_t count = 0;
        while (count < budget && (stack = class_pop_idle(&pool.classes[i])) != NULL) {
            stack->next = leaving;
            leaving = stack;
            stack->slab->leaving++;
            count++;
        }
        budget -= count;
        bytes += class_chill(&pool.classes[i], leaving, count);
    }
    return bytes;
}

size_t
green_stack_trim(void)
{
    size_t bytes = pool_chill(TRIM_BATCH);
    pool_age();
    pool.size_class = pool.wanted_class; /* there may be room again */
    return bytes;
}

static bool
slab_is_cold(const green_slab *slab, uint32_t index)
{
    return slab->cold[index / 64] >> (index % 64) & 1;
}

bool
green_stack_walk(size_t count, void (*visit)(green_stack *stack))
{
    while (count > 0) {
        green_slab *slab = pool.walk_slab;
        if (slab == NULL) {
            if (green_list_empty(&pool.slabs)) {
                return true;
            }
            slab = GREEN_CONTAINER(pool.slabs.next, green_slab, every);
            pool.walk_slab = slab;
            pool.walk_index = 0;
        }
        for (; count > 0 && pool.walk_index < slab->cut; pool.walk_index++, count--) {
            green_stack *stack = slab_stack(slab, pool.walk_index);
            if (!slab_is_cold(slab, pool.walk_index) && stack->in_use) {
                visit(stack);
            }
        }
        if (pool.walk_index < slab->cut) {
            return false;
        }
        bool last = slab->every.next == &pool.slabs;
        pool.walk_slab = last ? NULL : GREEN_CONTAINER(slab->every.next, green_slab, every);
        pool.walk_index = 0;
        if (last) {
            return true;
        }
    }
    return false;
}

/* Gives the pages wholly inside back to the system. Returns how many bytes these are. */
static size_t
pages_drop(const char *from, const char *to)
{
    uintptr_t page = green_map_page();
    uintptr_t low = ((uintptr_t)from + page - 1) & ~(page - 1);
    uintptr_t high = (uintptr_t)to & ~(page - 1);
    if (low >= high) {
        return 0;
    }
    green_map_drop((char *)low, high - low);
    return high - low;
}

size_t
green_stack_shed(green_stack *stack, const void *sp, const void *data_top)
{
    /* On x86-64 a function may use 128 bytes below its stack pointer. */
    return pages_drop(stack->limit, (const char *)sp - 128) +
           pages_drop(data_top, stack->data + stack->data_size);
}

void
green_stack_fail_after(long n)
{
    green_map_fail_after(n);
}

void
green_stack_counts_get(green_stack_counts *counts)
{
    *counts = (green_stack_counts){.mapped = pool.mapped, .guard_kind = (int)pool.guard_kind};
    for (uint32_t i = 0; i < CLASS_COUNT; i++) {
        counts->live += pool.classes[i].live;
        counts->cached += pool.classes[i].cached;
    }
}
