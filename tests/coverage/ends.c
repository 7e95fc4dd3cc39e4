/* Preloaded by run.py: gcov writes its counts at a process's usual end. Here they are written at
 * the others, too: _exit, exec, abort, and signals that a process sends to itself. */

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* Set by counts.c. */
void (*volatile green_counts_write)(void);

/* A child of vfork lives in the memory of its parent, and is none of these. */
static pid_t owner;

static void
owner_set(void)
{
    owner = getpid();
}

__attribute__((constructor)) static void
ends_watch(void)
{
    owner_set();
    pthread_atfork(NULL, NULL, owner_set);
}

static void
counts_write(void)
{
    if (green_counts_write != NULL && getpid() == owner)
        green_counts_write();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void
_exit(int status)
{
    counts_write();
    NEXT(_exit)(status);
    __builtin_unreachable();
}

void
_Exit(int status)
{
    _exit(status);
}

void
abort(void)
{
    counts_write();
    NEXT(abort)();
    __builtin_unreachable();
}

int
kill(pid_t pid, int number)
{
    if (pid == getpid() && number != 0)
        counts_write();
    return NEXT(kill)(pid, number);
}

int
raise(int number)
{
    counts_write();
    return NEXT(raise)(number);
}

int
execve(const char *path, char *const *arguments, char *const *environment)
{
    counts_write();
    return NEXT(execve)(path, arguments, environment);
}

int
execv(const char *path, char *const *arguments)
{
    counts_write();
    return NEXT(execv)(path, arguments);
}
