#include "greenlet/pystate_limits.h"

#if PY_VERSION_HEX >= 0x030E0000

size_t green_limits_offset;
size_t green_asyncio_offset;

/* Soft and hard limit lie two margins and one above the start. */
static void
limits_of_words(green_limits *limits, const uintptr_t *words)
{
    uintptr_t start = words[2] - (words[1] - words[2]);
    limits->start = (char *)start;
    limits->size = words[0] - start;
}

/* Whether the three words at `words` are the limits: they hold this very stack, follow other limits
   when those are set, and what was read from them sets them back. */
static bool
limits_here(PyThreadState *ts, uintptr_t *words)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t top = words[0], soft = words[1], hard = words[2];
    if (!(here < top && soft < here && hard < soft && hard > soft - hard &&
          soft - hard <= ((uintptr_t)1 << 20))) {
        return false;
    }
    green_limits limits;
    limits_of_words(&limits, words);
    uintptr_t shift = 4096; /* the stack goes on a little beyond here, or nothing would be left */
    if (PyUnstable_ThreadState_SetStackProtection(ts, limits.start + shift, limits.size - shift)) {
        PyErr_Clear();
        return false;
    }
    bool moved = words[0] == top && words[1] == soft + shift && words[2] == hard + shift;
    green_limits_apply(&limits, ts);
    return moved && words[0] == top && words[1] == soft && words[2] == hard;
}

bool
green_limits_find(PyThreadState *ts)
{
    if (PyUnstable_ThreadState_SetStackProtection == NULL) {
        return false;
    }
    /* They are among the first private fields; patch releases put one or two before them. */
    size_t from = sizeof(PyThreadState) - 4 * sizeof(void *);
    for (size_t offset = from; offset < from + 256; offset += sizeof(void *)) {
        uintptr_t *words = (uintptr_t *)((char *)ts + offset);
        if (!limits_here(ts, words)) {
            continue;
        }
        green_limits_offset = offset;
        /* 3.15 keeps what was set behind them. */
        green_limits limits;
        limits_of_words(&limits, words);
        size_t next = 3;
        if (words[3] == (uintptr_t)limits.start && words[4] == words[0]) {
            next = 5;
        }
        green_asyncio_offset = offset + next * sizeof(void *);
        return true;
    }
    return false;
}

void
green_limits_read(green_limits *limits, PyThreadState *ts)
{
    limits_of_words(limits, (uintptr_t *)((char *)ts + green_limits_offset));
}

#endif
