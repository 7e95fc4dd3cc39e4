#include "greenlet/pystate_limits.h"

#if PY_VERSION_HEX >= 0x030E0000

size_t green_limits_offset;
size_t green_asyncio_offset;

/* Bytes from the start of the stack to the hard limit, and as many from there to the soft one. */
static uintptr_t limits_margin;

/* Compute what was set from the three words: the hard limit lies one margin above the start, the
   soft one two. */
static void
limits_of_words(green_limits *limits, const uintptr_t *words)
{
    uintptr_t start = words[2] - (words[1] - words[2]);
    limits->start = (char *)start;
    limits->size = words[0] - start;
}

/* Whether the interpreter changes `words` when limits are set: soft and hard limit move with the
   start, and all three words come back. */
static bool
limits_are_set(PyThreadState *ts, const uintptr_t *words, const green_limits *limits)
{
    uintptr_t top = words[0], soft = words[1], hard = words[2];
    /* The stack goes on so much further at least, or this import could not run. */
    uintptr_t shift = 4096;
    if (PyUnstable_ThreadState_SetStackProtection(ts, limits->start + shift,
                                                  limits->size - shift)) {
        PyErr_Clear();
        return false;
    }
    bool moved = words[0] == top && words[1] == soft + shift && words[2] == hard + shift;
    green_limits_apply(limits, ts);
    return moved && words[0] == top && words[1] == soft && words[2] == hard;
}

/* Whether the interpreter compares the stack pointer with the second word: it refuses a call while
   the word is above the stack pointer, and allows it when the word is put back. */
static bool
limits_are_obeyed(uintptr_t *words)
{
    volatile uintptr_t *soft = &words[1];
    uintptr_t before = *soft;
    *soft = words[0];
    bool refused = Py_EnterRecursiveCall(" in the import of greencore") != 0;
    *soft = before;
    if (!refused) {
        Py_LeaveRecursiveCall();
        return false;
    }
    refused = PyErr_ExceptionMatches(PyExc_RecursionError);
    PyErr_Clear();
    if (Py_EnterRecursiveCall(" in the import of greencore") != 0) {
        PyErr_Clear();
        return false;
    }
    Py_LeaveRecursiveCall();
    return refused;
}

/* Whether the three words at `words` are the limits: this very stack lies between them, and the
   interpreter goes by them. Notes the margin. */
static bool
limits_here(PyThreadState *ts, uintptr_t *words)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t top = words[0], soft = words[1], hard = words[2];
    if (!(here < top && soft < here && hard < soft && hard > soft - hard &&
          soft - hard <= ((uintptr_t)1 << 20))) {
        return false;
    }
    limits_margin = soft - hard;
    if (PyUnstable_ThreadState_SetStackProtection == NULL) {
        return limits_are_obeyed(words);
    }
    green_limits limits;
    limits_of_words(&limits, words);
    return limits_are_set(ts, words, &limits);
}

bool
green_limits_find(PyThreadState *ts)
{
    /* The limits are among the first private fields, but patch releases put one or two fields
       before them. */
    size_t from = sizeof(PyThreadState) - 4 * sizeof(void *);
    for (size_t offset = from; offset < from + 256; offset += sizeof(void *)) {
        uintptr_t *words = (uintptr_t *)((char *)ts + offset);
        if (!limits_here(ts, words)) {
            continue;
        }
        green_limits_offset = offset;
        /* 3.15 keeps the start and the top as they were set in two words behind the limits. */
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

void
green_limits_write(const green_limits *limits, PyThreadState *ts)
{
    volatile uintptr_t *words = (uintptr_t *)((char *)ts + green_limits_offset);
    uintptr_t start = (uintptr_t)limits->start;
    words[0] = start + limits->size;
    words[1] = start + 2 * limits_margin;
    words[2] = start + limits_margin;
}

#endif
