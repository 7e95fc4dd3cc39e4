/* Checks in a build for debugging (GREENCORE_DEBUG=1). At each turn they assert what holds of a
   structure while nobody changes it. A check looks at some of the members only, since to look at
   all of many would make each turn slow. */
#ifndef GREEN_SWITCH_CHECK_H
#define GREEN_SWITCH_CHECK_H

/* Released memory is filled with this byte. */
enum { GREEN_POISON = 0xdb };

#ifdef GREEN_DEBUG

#include <assert.h>
#include <string.h>
#include "switch/list.h"

enum { GREEN_CHECK_REACH = 32 };

#define GREEN_CHECK(statement) statement

/* Asserts that the neighbours of the first and of the last members point back at them. */
static inline void
green_list_check(const green_link *head)
{
    const green_link *from_first = head, *from_last = head;
    for (int i = 0; i < GREEN_CHECK_REACH; i++) {
        assert(from_first->next->prev == from_first);
        assert(from_last->prev->next == from_last);
        from_first = from_first->next;
        from_last = from_last->prev;
        assert((from_first == head) == (from_last == head));
        if (from_first == head) {
            return;
        }
    }
}

static inline void
green_poison(char *from, const char *to)
{
    memset(from, GREEN_POISON, (size_t)(to - from));
}

/* Asserts that nobody has written to poisoned memory. */
static inline void
green_poison_check(const char *from, const char *to)
{
    for (; from < to; from++) {
        assert((unsigned char)*from == GREEN_POISON);
    }
}

#else
#define GREEN_CHECK(statement) ((void)0)
#endif

#endif
