#include "native.h"
#include "registers.h"

#include <fenv.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unwind.h>

#include "switch/swap.h"

static void
echo(coro *self)
{
    char *value = self->arg;
    for (;;) {
        value = (char *)coro_yield(value + 1) + 10;
    }
}

void
swap_passes_values_both_ways(void)
{
    coro one, two;
    char *zero = NULL;
    CHECK(coro_new(&one, 0, echo, zero + 100) && coro_new(&two, 0, echo, zero + 200));
    CHECK(coro_resume(&one, NULL) == zero + 101);
    CHECK(coro_resume(&two, NULL) == zero + 201);
    for (int i = 0; i < 1000; i++) {
        CHECK(coro_resume(&one, zero + i) == zero + i + 11);
        CHECK(coro_resume(&two, zero + 2 * i) == zero + 2 * i + 11);
    }
    coro_free(&one);
    coro_free(&two);
}

static void *spoiler_sp, *tester_sp;

static void
spoiler(void *arg)
{
    (void)arg;
    registers_spoil(&spoiler_sp, &tester_sp);
}

void
swap_keeps_callee_saved_registers(void)
{
    green_stack *stack = green_stack_acquire(0);
    CHECK(stack != NULL && registers_count >= 7);
    spoiler_sp = green_swap_prepare(stack->base, spoiler);
    for (int i = 0; i < 3; i++) {
        CHECK(registers_changed(&tester_sp, spoiler_sp) == 0);
    }
    green_stack_release(stack);
}

/* The words as the processor has them, without the flags of exceptions that happened. */
static uint64_t
control_words(void)
{
#if defined(__x86_64__)
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    return (uint64_t)(__builtin_ia32_stmxcsr() & ~0x3fu) << 32 | x87;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
#else
#error "an architecture without its control words"
#endif
}

/* In both units on x86. */
static void
rounds(coro *self)
{
    fesetround(FE_UPWARD);
    uint64_t mine = control_words();
    for (;;) {
        coro_yield(self);
        CHECK(control_words() == mine);
        CHECK(fegetround() == FE_UPWARD);
    }
}

#if defined(__x86_64__)
/* One unit's word alone, so that neither can stand in for the other. */
static void
differs_in_one_unit(coro *self)
{
    uint16_t x87 = 0x0f7f; /* rounds to zero, double extended */
    if (self->arg != NULL) {
        __asm__ volatile("fldcw %0" : : "m"(x87));
    } else {
        __builtin_ia32_ldmxcsr(0x7f80); /* rounds to zero */
    }
    uint64_t mine = control_words();
    for (;;) {
        coro_yield(self);
        CHECK(control_words() == mine);
    }
}
#endif

void
swap_keeps_control_words(void)
{
    uint64_t mine = control_words();
    coro up;
    CHECK(coro_new(&up, 0, rounds, NULL));
#if defined(__x86_64__)
    coro x87, sse;
    CHECK(coro_new(&x87, 0, differs_in_one_unit, &x87));
    CHECK(coro_new(&sse, 0, differs_in_one_unit, NULL));
#endif
    for (int i = 0; i < 3; i++) {
        coro_resume(&up, NULL);
        CHECK(control_words() == mine);
#if defined(__x86_64__)
        coro_resume(&x87, NULL);
        CHECK(control_words() == mine);
        coro_resume(&sse, NULL);
        CHECK(control_words() == mine);
#endif
    }
}

static void
tells_control_words(coro *self)
{
    *(uint64_t *)self->arg = control_words();
}

void
swap_starts_with_control_words_of_prepare(void)
{
    uint64_t started_with = 0;
    coro self;
    fesetround(FE_DOWNWARD);
    uint64_t prepared_with = control_words();
    CHECK(coro_new(&self, 0, tells_control_words, &started_with));
    fesetround(FE_TONEAREST);
    coro_resume(&self, NULL);
    CHECK(self.done && started_with == prepared_with && control_words() != prepared_with);
    coro_free(&self);
}

static void
checks_alignment(coro *self)
{
    _Alignas(16) char buffer[16];
    char *address = buffer;
    __asm__ volatile("" : "+r"(address) : : "memory"); /* the compiler takes it for granted */
    *(uintptr_t *)self->arg = (uintptr_t)address % 16;
}

void
swap_starts_with_an_aligned_stack(void)
{
    uintptr_t misaligned = 1;
    coro self;
    CHECK(coro_new(&self, 0, checks_alignment, &misaligned));
    CHECK((char *)self.sp >= self.stack->limit && (char *)self.sp < self.stack->base);
    coro_resume(&self, NULL);
    CHECK(misaligned == 0);
    coro_free(&self);
}

static void *home_sp, *guest_sp, *caller_frame;

static void
tells_home(void *arg)
{
    (void)arg;
    /* Where there is a frame pointer, it points to the caller's. */
    caller_frame = *(void **)__builtin_frame_address(0);
    green_swap(&guest_sp, home_sp, NULL);
}

void
swap_ends_the_chain_of_frame_pointers(void)
{
    green_stack *stack = green_stack_acquire(0);
    CHECK(stack != NULL);
    caller_frame = stack;
    memset(stack->base - 512, 0xff, 512);
    green_swap(&home_sp, green_swap_prepare(stack->base, tells_home), NULL);
    CHECK(caller_frame == NULL);
    green_stack_release(stack);
}

#define DEPTH 1000

static void
nests(coro *self)
{
    size_t depth = (size_t)self->arg;
    if (depth < many(DEPTH)) {
        coro inner;
        CHECK(coro_new(&inner, 0, nests, (void *)(depth + 1)));
        size_t sum = 0, value;
        while ((value = (size_t)coro_resume(&inner, NULL)) != 0) {
            sum += value;
            coro_yield((void *)value);
        }
        CHECK(sum == (many(DEPTH) + depth + 1) * (many(DEPTH) - depth) / 2);
        coro_free(&inner);
    }
    if (depth > 0) {
        coro_yield((void *)depth);
    }
}

void
swap_nests_deeply(void)
{
    coro outer;
    size_t count = 0, value, last = many(DEPTH) + 1;
    CHECK(coro_new(&outer, 0, nests, NULL));
    while ((value = (size_t)coro_resume(&outer, NULL)) != 0) {
        CHECK(value == last - 1);
        last = value;
        count++;
    }
    CHECK(count == many(DEPTH));
    coro_free(&outer);
}

static void *
resumes_in_thread(void *arg)
{
    return coro_resume(arg, (char *)NULL + 5);
}

void
swap_moves_to_another_thread(void)
{
    coro self;
    pthread_t thread;
    void *result;
    CHECK(coro_new(&self, 0, echo, NULL));
    CHECK(coro_resume(&self, NULL) == (char *)NULL + 1);
    CHECK(pthread_create(&thread, NULL, resumes_in_thread, &self) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == (char *)NULL + 16);
    CHECK(coro_resume(&self, NULL) == (char *)NULL + 11);
    coro_free(&self);
}

typedef struct {
    const green_stack *stack;
    int frames;
    bool outside;
} trace;

static _Unwind_Reason_Code
trace_frame(struct _Unwind_Context *context, void *arg)
{
    trace *self = arg;
    char *frame = (char *)_Unwind_GetCFA(context);
    self->frames++;
    self->outside |= frame < self->stack->limit || frame > self->stack->base + 16;
    return self->frames < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static void
unwinds(coro *self)
{
    trace found = {.stack = self->stack};
    _Unwind_Reason_Code reason = _Unwind_Backtrace(trace_frame, &found);
    CHECK(reason == _URC_END_OF_STACK);
    CHECK(!found.outside);
    /* This function, coro_entry (one of them may be inlined) and the outermost. */
    CHECK(found.frames >= 2 && found.frames <= 5);
    coro_yield(NULL);
    found.frames = 0;
    CHECK(_Unwind_Backtrace(trace_frame, &found) == _URC_END_OF_STACK && !found.outside);
}

void
swap_unwinds_to_the_entry_and_no_further(void)
{
    coro self;
    CHECK(coro_new(&self, 0, unwinds, NULL));
    while (!self.done) {
        coro_resume(&self, NULL);
    }
    coro_free(&self);
}

static int cleanups;

static void
cleanup(void *arg)
{
    cleanups += arg != NULL;
}

static void
exits_thread(coro *self)
{
    pthread_cleanup_push(cleanup, self);
    pthread_exit(self);
    pthread_cleanup_pop(0);
}

static void *
runs_coro_to_its_end(void *arg)
{
    return coro_resume(arg, NULL);
}

/* pthread_exit unwinds the stack that it is called on, to its end. */
void
swap_lets_a_thread_exit(void)
{
    coro self;
    pthread_t thread;
    void *result;
    CHECK(coro_new(&self, 0, exits_thread, NULL));
    CHECK(pthread_create(&thread, NULL, runs_coro_to_its_end, &self) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == &self && cleanups == 1);
}

void
swap_sees_no_shadow_stack(void)
{
    CHECK(green_swap_shadow_stack_active() == 0);
}
