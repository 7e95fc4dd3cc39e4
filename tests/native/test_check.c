#include "native.h"

#include <signal.h>

#include "switch/check.h"
#include "switch/list.h"

/* A build for debugging stops at the damage; another one does not look. */
static bool
is_noticed(int status)
{
#ifdef GREEN_DEBUG
    return killed_by(status, SIGABRT);
#else
    return status == 0;
#endif
}

static void
breaks_list(void *arg)
{
    static green_link head, links[3];
    (void)arg;
    green_list_init(&head);
    for (int i = 0; i < 3; i++) {
        green_list_append(&head, &links[i]);
    }
    GREEN_CHECK(green_list_check(&head));
    links[1].prev = &links[2];
    GREEN_CHECK(green_list_check(&head));
}

static void
writes_after_release(void *arg)
{
    green_stack *stack = green_stack_acquire(0);
    char *left = (char *)arg == NULL ? stack->base - 100 : stack->data + 100;
    green_stack_release(stack);
    *(volatile char *)left = 1;
    CHECK(green_stack_acquire(0) == stack);
}

static void
releases_twice(void *arg)
{
    green_stack *stack = green_stack_acquire(0), *other = green_stack_acquire(0);
    (void)arg;
    green_stack_release(stack);
    green_stack_release(other);
    GREEN_CHECK(green_stack_release(stack));
}

void
check_notices_damage(void)
{
    CHECK(is_noticed(in_child(breaks_list, NULL)));
    CHECK(is_noticed(in_child(writes_after_release, NULL)));
    CHECK(is_noticed(in_child(writes_after_release, "data")));
    CHECK(is_noticed(in_child(releases_twice, NULL)));
}
