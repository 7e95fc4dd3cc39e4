/* An intrusive doubly linked list: a circle of links through a head. */
#ifndef GREEN_SWITCH_LIST_H
#define GREEN_SWITCH_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct green_link {
    struct green_link *next;
    struct green_link *prev;
} green_link;

#define GREEN_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Makes a circle of one, which is an empty head as well as an unlinked node. */
static inline void
green_list_init(green_link *head)
{
    head->next = head->prev = head;
}

static inline bool
green_list_empty(const green_link *head)
{
    return head->next == head;
}

static inline bool
green_link_linked(const green_link *link)
{
    return link->next != link;
}

static inline void
green_list_append(green_link *head, green_link *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static inline void
green_list_prepend(green_link *head, green_link *link)
{
    green_list_append(head->next, link);
}

/* Does nothing to an unlinked node. */
static inline void
green_list_remove(green_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

/* Removes the first node and returns it. The head must not be empty. */
static inline green_link *
green_list_pop(green_link *head)
{
    green_link *first = head->next;
    green_list_remove(first);
    return first;
}

/* Moves all of `from` behind the last of `to`, in order. `from` is empty afterwards. */
static inline void
green_list_splice(green_link *to, green_link *from)
{
    if (green_list_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    green_list_init(from);
}

#endif
