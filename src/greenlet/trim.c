#include "greenlet/trim.h"

#include "greenlet/greenlet.h"

/* How many stacks one call looks at, and sheds, at most, so that it takes some milliseconds. */
#define TRIM_LOOKS 8192
#define TRIM_SHEDS 1024

enum { JUST_RAN, RESTED, SHED }; /* the values of GreenletObject.rest */

static int sheds; /* how many stacks this call has shed */

static void
trim_look(green_stack *stack)
{
    GreenletObject *g = stack->owner;
    if (g == NULL || g->status != GREEN_ACTIVE || g->thread->current == g) {
        return;
    }
    if (g->rest == JUST_RAN) {
        g->rest = RESTED;
    } else if (g->rest == RESTED && sheds < TRIM_SHEDS) {
        green_stack_shed(stack, g->flow->sp, green_pystate_data_top(&g->flow->state, stack));
        g->rest = SHED;
        sheds++;
    }
}

bool
green_trim(void)
{
    sheds = 0;
    bool freed = green_stack_trim() > 0;
    bool whole = green_stack_walk(TRIM_LOOKS, trim_look);
    return freed || !whole || sheds == TRIM_SHEDS;
}
