#include "native.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/swap.h"

int
in_child(void (*run)(void *arg), void *arg)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        run(arg);
        _Exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

bool
killed_by(int status, int signal)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

size_t
many(size_t count)
{
    const char *divisor = getenv("NATIVE_DIVISOR");
    return divisor != NULL ? count / strtoul(divisor, NULL, 10) : count;
}

size_t
pages_resident(const void *from, const void *to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *low = (char *)((size_t)from / page * page);
    size_t count = ((size_t)((const char *)to - low) + page - 1) / page;
    unsigned char *resident = malloc(count);
    CHECK(resident != NULL && mincore(low, count * page, resident) == 0);
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += resident[i] & 1;
    }
    free(resident);
    return sum;
}

size_t
status_bytes(const char *field)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':') {
            kib = strtoul(line + strlen(field) + 1, NULL, 10);
        }
    }
    fclose(file);
    return kib * KIB;
}

static _Thread_local coro thread_coro; /* the thread's own stack */
static _Thread_local coro *current;

static coro *
current_get(void)
{
    if (current == NULL) {
        current = &thread_coro;
    }
    return current;
}

/* Another thread may resume us: thread-local addresses must not be kept across the swap. */
static __attribute__((noinline)) void
current_set(coro *self)
{
    current = self;
}

static void *
coro_swap(coro *from, coro *to, void *value)
{
    green_stack_switch_begin(from->done ? NULL : &from->fake, to->stack);
    value = green_swap(&from->sp, to->sp, value);
    current_set(from);
    green_stack_switch_end(from->fake);
    return value;
}

static void
coro_entry(void *arg)
{
    coro *self = arg;
    green_stack_switch_end(NULL);
    current_set(self);
    self->routine(self);
    self->done = true;
    coro_swap(self, self->back, NULL);
    abort();
}

bool
coro_new(coro *self, size_t size, void (*routine)(coro *self), void *arg)
{
    green_stack *stack = green_stack_acquire(size);
    if (stack == NULL) {
        return false;
    }
    *self = (coro){.stack = stack, .routine = routine, .arg = arg};
    self->sp = green_swap_prepare(stack->base, coro_entry);
    return true;
}

void *
coro_resume(coro *self, void *value)
{
    bool first = self->back == NULL;
    CHECK(!self->done);
    self->back = current_get();
    return coro_swap(self->back, self, first ? self : value);
}

void *
coro_yield(void *value)
{
    coro *self = current_get();
    return coro_swap(self, self->back, value);
}

void
coro_free(coro *self)
{
    green_stack_release(self->stack);
    self->stack = NULL;
}
