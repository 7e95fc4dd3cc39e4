/* The harness: a test is a function `void name(void)` in the list of main.c. */
#ifndef GREEN_TESTS_NATIVE_H
#define GREEN_TESTS_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "switch/stack.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            _Exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GUARD_SMALL (64 * KIB) /* of stacks under 2 MiB */
#define GUARD_ROOMY MIB

/* Run in a forked child; its wait status, 0 if the function returned. */
int in_child(void (*run)(void *arg), void *arg);
bool killed_by(int status, int signal);

/* How many stacks a test of many takes: fewer where each step is slow. */
size_t many(size_t count);

/* Resident pages in [from, to). */
size_t pages_resident(const void *from, const void *to);

/* A number out of /proc/self/status, in bytes. */
size_t status_bytes(const char *field);

/* A coroutine on a stack of the pool, with all that a switch needs; `routine` may return. */
typedef struct coro {
    green_stack *stack;
    void *sp;
    void *fake;
    struct coro *back; /* who resumed it */
    void (*routine)(struct coro *self);
    void *arg;
    bool done;
} coro;

/* Start on a new stack of `size` bytes, or by default if 0; false if there is none. */
bool coro_new(coro *self, size_t size, void (*routine)(coro *self), void *arg);
void *coro_resume(coro *self, void *value); /* returns what it yields, NULL at its end */
void *coro_yield(void *value);              /* returns what it is resumed with */
void coro_free(coro *self);

#endif
