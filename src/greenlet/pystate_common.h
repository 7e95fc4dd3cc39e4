/* What the family headers share. */
#ifndef GREEN_GREENLET_PYSTATE_COMMON_H
#define GREEN_GREENLET_PYSTATE_COMMON_H

#include <Python.h>
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include "switch/hint.h"
#include "switch/stack.h"

/* Read and written one word at a time: a vector load over words that were just stored singly waits
   for them to reach the cache, which made a switch's share 11 ns instead of 4. */
typedef volatile PyThreadState green_tstate;

/* References that a state owns beside the context, in green_rare.owned. */
enum {
    GREEN_OWNED_FIRSTITER,
    GREEN_OWNED_FINALIZER,
    GREEN_OWNED_LOOP, /* of asyncio, from 3.13 on */
    GREEN_OWNED_TASK, /* from 3.14 on */
    GREEN_OWNED_COUNT,
};

#if PY_VERSION_HEX >= 0x030B0000
/* As the interpreter makes a thread's first chunk: no previous one, and the first slot is skipped
   so that no pop frees it. Not page-aligned: after fork, munmap of a lost thread's chunk refuses
   it. The first `skip` bytes of the data area are left out. */
static inline _PyStackChunk *
green_chunk_init(const green_stack *stack, size_t skip)
{
    _PyStackChunk *chunk = (_PyStackChunk *)(stack->data + skip);
    assert((uintptr_t)chunk % 4096 != 0);
    chunk->previous = NULL;
    chunk->size = stack->data_size - skip;
    chunk->top = 0;
    return chunk;
}
#endif

#endif
