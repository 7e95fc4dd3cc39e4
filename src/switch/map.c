#include "switch/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define MAPPINGS_DEFAULT 65530 /* of vm.max_map_count */

/* Address space that stacks leave to the rest of the process, which has to say that there is no
 * more. */
#define ROOM_BYTES ((size_t)32 << 20)

static struct {
    size_t page;
    green_guard_kind best;
    size_t mprotects_left;
    long fail_after;
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

static bool
room_left(void)
{
    void *room =
        mmap(NULL, ROOM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return false;
    }
    munmap(room, ROOM_BYTES);
    return true;
}

char *
green_map_new(size_t bytes)
{
    if (fault_injected()) {
        return NULL;
    }
    char *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (address == MAP_FAILED) {
        return NULL;
    }
    if (!room_left()) {
        munmap(address, bytes);
        errno = ENOMEM;
        return NULL;
    }
    madvise(address, bytes, MADV_NOHUGEPAGE); /* refused by a kernel that has none: fine */
    return address;
}

void
green_map_free(char *address, size_t bytes)
{
    munmap(address, bytes);
}

void
green_map_drop(char *address, size_t bytes)
{
    madvise(address, bytes, MADV_DONTNEED);
}

/* Emulators accept the advice and do nothing: only a refused system call proves a guard. Not the C
   library's getrandom, which may write in the process itself and die of the guard. */
static bool
guard_works(char *page)
{
    return madvise(page, green_map_page(), MADV_GUARD_INSTALL) == 0 &&
           syscall(SYS_getrandom, page, (size_t)1, GRND_NONBLOCK) == -1 && errno == EFAULT;
}

static size_t
mappings_allowed(void)
{
    size_t allowed = MAPPINGS_DEFAULT;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file != NULL) {
        if (fscanf(file, "%zu", &allowed) != 1) {
            allowed = MAPPINGS_DEFAULT;
        }
        fclose(file);
    }
    return allowed;
}

static int
guards_probe(void)
{
    char *page = green_map_new(green_map_page());
    if (page == NULL) {
        return -1;
    }
    map.best = guard_works(page) ? GREEN_GUARD_MADVISE : GREEN_GUARD_MPROTECT;
    green_map_free(page, green_map_page());
    /* An eighth is for the rest of the process. */
    size_t allowed = mappings_allowed();
    map.mprotects_left = (allowed - allowed / 8) / 2;
    return 0;
}

void
green_map_guard_limit(green_guard_kind best, size_t mprotects)
{
    if (map.best == GREEN_GUARD_NONE && guards_probe() < 0) {
        return;
    }
    map.best = best > map.best ? best : map.best;
    map.mprotects_left = mprotects < map.mprotects_left ? mprotects : map.mprotects_left;
}

green_guard_kind
green_map_guard_kind(size_t *count)
{
    if (map.best == GREEN_GUARD_NONE && guards_probe() < 0) {
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

/* A kind that stops working (memory is locked, others use up the mappings) is not tried again. */
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
    unsigned char resident[64];
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
