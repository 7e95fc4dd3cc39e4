/* The family headers share this. */
#ifndef GREEN_GREENLET_PYSTATE_COMMON_H
#define GREEN_GREENLET_PYSTATE_COMMON_H

#include <Python.h>
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include "switch/hint.h"
#include "switch/stack.h"

/* The thread state is read and written one word at a time. A vector load over words that were just
   stored singly waits for them to reach the cache, which made a switch's share 11 ns instead of
   5. */
typedef volatile PyThreadState green_tstate;

/* Places in green_rare.owned, of references that a state owns. */
enum {
    GREEN_OWNED_FIRSTITER,
    GREEN_OWNED_FINALIZER,
    GREEN_OWNED_LOOP, /* asyncio's running loop, from 3.13 on */
    GREEN_OWNED_TASK, /* its running task, from 3.14 on */
    GREEN_OWNED_COUNT,
};

#if PY_VERSION_HEX >= 0x030B0000
/* Make the root chunk, in the data area of `stack` without its first `skip` bytes. It is like the
   first chunk that the interpreter makes for a thread: there is no previous one, and the caller
   skips its first slot, so that no pop frees it. It does not begin on a page: after a fork the
   interpreter unmaps the chunks of threads that are gone, and munmap refuses this one. */
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
