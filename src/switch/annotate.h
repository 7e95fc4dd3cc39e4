/* Tells AddressSanitizer and valgrind what they need to know of stacks. In a plain build nothing of
   this is compiled in. -DGREEN_VALGRIND compiles in the requests to valgrind. */
#ifndef GREEN_SWITCH_ANNOTATE_H
#define GREEN_SWITCH_ANNOTATE_H

#include "switch/stack.h"

#if defined(__SANITIZE_ADDRESS__)
#define GREEN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GREEN_ASAN 1
#endif
#endif

#ifdef GREEN_ASAN
#include <sanitizer/asan_interface.h>
#endif

#ifdef GREEN_VALGRIND
#include <valgrind/memcheck.h>
#endif

/* From now on the stack's memory is in use as a stack. */
static inline void
green_annotate_begin(green_stack *stack)
{
#ifdef GREEN_VALGRIND
    stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->limit, stack->base);
#else
    (void)stack;
#endif
}

/* The frames on the stack are gone, though they never returned. */
static inline void
green_annotate_vacant(green_stack *stack)
{
#ifdef GREEN_ASAN
    __asan_unpoison_memory_region(stack->limit, (size_t)(stack->base - stack->limit));
#elif defined(GREEN_VALGRIND)
    VALGRIND_MAKE_MEM_DEFINED(stack->limit, stack->base - stack->limit);
#else
    (void)stack;
#endif
}

static inline void
green_annotate_end(green_stack *stack)
{
#ifdef GREEN_VALGRIND
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#else
    (void)stack;
#endif
}

#endif
