#include "switch/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define MAPPINGS_DEFAULT 65530 /* the default of vm.max_map_count */

/* Stacks leave this much address space to the rest of the process, which needs some to report that
   there is no more. */
#define ROOM_BYTES ((size_t)32 << 20)

static struct {
    size_t page;
    green_guard_kind best;
    size_t mprotects_left;
    bool strict; /* the system promises no more memory than it has */
    long fail_after;
    char *last_around; /* what green_map_new_around returned last */
} map;

static bool
fault_injected(void)
{
    if (map.fail_after == 0 || --map.fail_after != 0) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void
green_map_fail_after(long n)
{
    map.fail_after = n;
}

size_t
green_map_page(void)
{
    if (map.page == 0) {
        map.page = (size_t)sysconf(_SC_PAGESIZE);
    }
    return map.page;
}

/* Maps pages by the system call itself: profilers of memory put themselves in the place of the C
   library's function, and would book a terabyte that nobody touches. */
static char *
pages_map(char *hint, size_t bytes, int protection)
{
    long address = syscall(SYS_mmap, hint, bytes, protection,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, (off_t)0);
    return address == -1 ? NULL : (char *)address;
}

static void
pages_unmap(char *address, size_t bytes)
{
    syscall(SYS_munmap, address, bytes);
}

static bool
room_left(void)
{
    char *room = pages_map(NULL, ROOM_BYTES, PROT_NONE);
    if (room == NULL) {
        return false;
    }
    pages_unmap(room, ROOM_BYTES);
    return true;
}

/* Returns the number behind `name` in a file of /proc, or `otherwise` where there is none. */
static size_t
proc_number(const char *path, const char *name, size_t otherwise)
{
    size_t number = otherwise;
    char line[128];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return otherwise;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0 &&
            sscanf(line + strlen(name), "%zu", &number) == 1) {
            break;
        }
    }
    fclose(file);
    return number;
}

/* Returns the mapping. Where it leaves too little address space, unmaps it and returns NULL. */
static char *
pages_accept(char *address, size_t bytes)
{
    if (!room_left()) {
        pages_unmap(address, bytes);
        errno = ENOMEM;
        return NULL;
    }
    madvise(address, bytes, MADV_NOHUGEPAGE); /* refused where there are no huge pages: fine */
    return address;
}

char *
green_map_new(size_t bytes)
{
    if (fault_injected()) {
        return NULL;
    }
    char *address = pages_map(NULL, bytes, PROT_READ | PROT_WRITE);
    return address == NULL ? NULL : pages_accept(address, bytes);
}

/* Maps `unit` bytes too many, so that the wanted place is among them, and unmaps the others. */
static char *
pages_map_around(size_t bytes, size_t unit, size_t before)
{
    char *wide = pages_map(NULL, bytes + unit, PROT_READ | PROT_WRITE);
    if (wide == NULL) {
        return NULL;
    }
    char *address = wide + (unit - ((uintptr_t)wide + before) % unit) % unit;
    char *end = address + bytes, *wide_end = wide + bytes + unit;
    if (address > wide) {
        pages_unmap(wide, (size_t)(address - wide));
    }
    if (end < wide_end) {
        pages_unmap(end, (size_t)(wide_end - end));
    }
    return address;
}

char *
green_map_new_around(size_t bytes, size_t unit, size_t before)
{
    if (fault_injected()) {
        return NULL;
    }
    char *address = NULL;
    if (map.last_around != NULL) {
        address = pages_map(map.last_around - bytes, bytes, PROT_READ | PROT_WRITE);
        if (address != NULL && ((uintptr_t)address + before) % unit != 0) {
            pages_unmap(address, bytes);
            address = NULL;
        }
    }
    if (address == NULL) {
        address = pages_map_around(bytes, unit, before);
    }
    if (address == NULL) {
        return NULL;
    }
    map.last_around = address;
    return pages_accept(address, bytes);
}

void
green_map_free(char *address, size_t bytes)
{
    pages_unmap(address, bytes);
}

void
green_map_drop(char *address, size_t bytes)
{
    madvise(address, bytes, MADV_DONTNEED);
}

/* Returns whether the kernel makes the page a guard. Emulators accept the advice and do nothing, so
   only a system call that is refused proves the guard. The C library's getrandom will not do: it
   may write to the page in the process itself, and the guard would kill the process. */
static bool
guard_works(char *page)
{
    return madvise(page, green_map_page(), MADV_GUARD_INSTALL) == 0 &&
           syscall(SYS_getrandom, page, (size_t)1, GRND_NONBLOCK) == -1 && errno == EFAULT;
}

static int
map_probe(void)
{
    char *page = green_map_new(green_map_page());
    if (page == NULL) {
        return -1;
    }
    map.best = guard_works(page) ? GREEN_GUARD_MADVISE : GREEN_GUARD_MPROTECT;
    green_map_free(page, green_map_page());
    /* An eighth of the mappings is left to the rest of the process. A guard takes two. */
    size_t allowed = proc_number("/proc/sys/vm/max_map_count", "", MAPPINGS_DEFAULT);
    map.mprotects_left = (allowed - allowed / 8) / 2;
    map.strict = proc_number("/proc/sys/vm/overcommit_memory", "", 0) == 2;
    return 0;
}

/* Returns how much of a limit in bytes is not used yet, in KiB. SIZE_MAX: there is no limit. */
static size_t
limit_left(int resource, const char *used)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) {
        return SIZE_MAX;
    }
    size_t allowed = limit.rlim_cur >> 10;
    size_t taken = proc_number("/proc/self/status", used, 0);
    return allowed > taken ? allowed - taken : 0;
}

/* Returns how much a strict system would still grant, in KiB. SIZE_MAX: it is not strict. */
static size_t
commitment_left(void)
{
    if (!map.strict) {
        return SIZE_MAX;
    }
    size_t allowed = proc_number("/proc/meminfo", "CommitLimit:", SIZE_MAX);
    size_t taken = proc_number("/proc/meminfo", "Committed_AS:", 0);
    return allowed > taken ? allowed - taken : 0;
}

size_t
green_map_left(void)
{
    if (map.best == GREEN_GUARD_NONE && map_probe() < 0) {
        return 0;
    }
    size_t kib = limit_left(RLIMIT_AS, "VmSize:");
    size_t data = limit_left(RLIMIT_DATA, "VmData:");
    size_t committed = commitment_left();
    kib = data < kib ? data : kib;
    kib = committed < kib ? committed : kib;
    return kib > SIZE_MAX >> 10 ? SIZE_MAX : kib << 10;
}

void
green_map_guard_limit(green_guard_kind best, size_t mprotects)
{
    if (map.best == GREEN_GUARD_NONE && map_probe() < 0) {
        return;
    }
    map.best = best > map.best ? best : map.best;
    map.mprotects_left = mprotects < map.mprotects_left ? mprotects : map.mprotects_left;
}

green_guard_kind
green_map_guard_kind(size_t *count)
{
    if (map.best == GREEN_GUARD_NONE && map_probe() < 0) {
        return GREEN_GUARD_NONE;
    }
    if (map.best != GREEN_GUARD_MPROTECT) {
        return map.best;
    }
    if (map.mprotects_left == 0) {
        return GREEN_GUARD_SPACING;
    }
    if (*count > map.mprotects_left) {
        *count = map.mprotects_left;
    }
    return GREEN_GUARD_MPROTECT;
}

/* When madvise stops working, since memory is locked, it is not tried again. When mprotect does,
   since others use up the mappings, it is tried again once guards have been freed. */
int
green_map_guard(char *address, size_t bytes, green_guard_kind kind)
{
    if (fault_injected()) {
        return -1;
    }
    if (kind == GREEN_GUARD_MADVISE) {
        if (madvise(address, bytes, MADV_GUARD_INSTALL) == 0) {
            return 0;
        }
        if (errno == EINVAL) {
            map.best = GREEN_GUARD_MPROTECT;
        }
        return -1;
    }
    if (kind == GREEN_GUARD_MPROTECT && map.mprotects_left == 0) {
        errno = ENOMEM;
        return -1;
    }
    if (mprotect(address, bytes, PROT_NONE) < 0) {
        map.mprotects_left = 0;
        return -1;
    }
    if (kind == GREEN_GUARD_MPROTECT) {
        map.mprotects_left--;
    }
    return 0;
}

void
green_map_guards_freed(size_t count, green_guard_kind kind)
{
    if (kind == GREEN_GUARD_MPROTECT) {
        map.mprotects_left += count;
    }
}

bool
green_map_touched(char *address, size_t bytes)
{
    unsigned char resident[256];
    size_t pages = bytes / green_map_page();
    if (pages > sizeof(resident) || mincore(address, bytes, resident) < 0) {
        return false;
    }
    for (size_t i = 0; i < pages; i++) {
        if (resident[i] & 1) {
            return true;
        }
    }
    return false;
}
