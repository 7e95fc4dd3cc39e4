#include "greenlet/tidy.h"

#include "greenlet/greenlet.h"

/* In one call: some milliseconds at most. */
#define TIDY_LOOKS 8192
#define TIDY_SHEDS 1024

enum { JUST_RAN, RESTED, SHED }; /* GreenletObject.rest */

static int sheds; /* in this call */

static void
tidy_look(green_stack *stack)
{
    GreenletObject *g = stack->owner;
    if (g == NULL || g->status != GREEN_ACTIVE || g->thread->current == g) {
        return;
    }
    if (g->rest == JUST_RAN) {
        g->rest = RESTED;
    } else if (g->rest == RESTED && sheds < TIDY_SHEDS) {
        green_stack_shed(stack, g->flow->sp, green_pystate_data_top(&g->flow->state, stack));
        g->rest = SHED;
        sheds++;
    }
}

bool
green_tidy(void)
{
    sheds = 0;
    bool freed = green_stack_trim() > 0;
    bool whole = green_stack_walk(TIDY_LOOKS, tidy_look);
    return freed || !whole || sheds == TIDY_SHEDS;
}
