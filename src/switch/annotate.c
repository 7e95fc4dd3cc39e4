#include "switch/annotate.h"

#ifdef GREEN_ASAN
#include <sanitizer/common_interface_defs.h>

static _Thread_local const green_stack *running, *entering; /* NULL: the thread's own stack */
static _Thread_local const void *own_bottom;
static _Thread_local size_t own_size;

void
green_stack_switch_begin(void **fake_stack_save, const green_stack *to)
{
    entering = to;
    __sanitizer_start_switch_fiber(fake_stack_save, to != NULL ? to->limit : own_bottom,
                                   to != NULL ? (size_t)(to->base - to->limit) : own_size);
}

void
green_stack_switch_end(void *fake_stack_saved)
{
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(fake_stack_saved, &bottom, &size);
    if (running == NULL) {
        own_bottom = bottom;
        own_size = size;
    }
    running = entering;
}
#else
void
green_stack_switch_begin(void **fake_stack_save, const green_stack *to)
{
    (void)fake_stack_save;
    (void)to;
}

void
green_stack_switch_end(void *fake_stack_saved)
{
    (void)fake_stack_saved;
}
#endif
