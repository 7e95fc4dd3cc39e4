/* Without arguments the tests' names, a line each; else the tests named run, in this process. */
#include "native.h"

#include <string.h>

#define TESTS(X)                                                                                   \
    X(list_is_first_in_first_out)                                                                  \
    X(list_removes_and_splices)                                                                    \
    X(check_notices_damage)                                                                        \
    X(swap_passes_values_both_ways)                                                                \
    X(swap_keeps_callee_saved_registers)                                                           \
    X(swap_keeps_control_words)                                                                    \
    X(swap_starts_with_control_words_of_prepare)                                                   \
    X(swap_starts_with_an_aligned_stack)                                                           \
    X(swap_ends_the_chain_of_frame_pointers)                                                       \
    X(swap_nests_deeply)                                                                           \
    X(swap_moves_to_another_thread)                                                                \
    X(swap_unwinds_to_the_entry_and_no_further)                                                    \
    X(swap_lets_a_thread_exit)                                                                     \
    X(swap_sees_no_shadow_stack)                                                                   \
    X(stack_is_laid_out_as_drawn)                                                                  \
    X(stack_parked_has_one_page)                                                                   \
    X(stack_cache_is_last_in_first_out)                                                            \
    X(stack_sizes_are_rounded_up)                                                                  \
    X(stack_size_beyond_the_maximum_is_refused)                                                    \
    X(stack_default_is_the_same_for_all)                                                           \
    X(stack_roomy_has_one_page_table)                                                              \
    X(stack_hundred_thousand)                                                                      \
    X(stack_fork_goes_on)                                                                          \
    X(trim_leaves_what_was_used_since)                                                             \
    X(trim_frees_what_was_not)                                                                     \
    X(trim_keeps_guards_and_neighbours)                                                            \
    X(trim_is_bounded)                                                                             \
    X(shed_keeps_live_frames_and_data)                                                             \
    X(walk_visits_each_in_use_once)                                                                \
    X(walk_goes_on_when_slabs_come_and_go)                                                         \
    X(guard_is_hit_by_recursion)                                                                   \
    X(guard_is_hit_everywhere)                                                                     \
    X(guard_of_roomy_stacks_is_wide)                                                               \
    X(guard_refuses_system_calls)                                                                  \
    X(guard_is_hit_in_locked_memory)                                                               \
    X(guard_kinds_follow_each_other)                                                               \
    X(guard_spacing_notices_overflow)                                                              \
    X(guard_tripwire_is_as_wide_as_a_guard)                                                        \
    X(guard_mappings_leave_room)                                                                   \
    X(failure_of_any_call_is_survived)                                                             \
    X(failure_by_address_space_limit)                                                              \
    X(failure_takes_what_caches_hold)                                                              \
    X(limit_of_address_space_makes_stacks_smaller)                                                 \
    X(limit_is_told_once_for_a_stack)                                                              \
    X(limit_far_away_changes_nothing)                                                              \
    X(limit_leaves_a_chosen_size_alone)

#define DECLARE(name) void name(void);
TESTS(DECLARE)

#define ENTRY(name) {#name, name},
static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {TESTS(ENTRY)};

#define COUNT (sizeof(tests) / sizeof(tests[0]))

int
main(int argc, char **argv)
{
    if (argc == 1) {
        for (size_t i = 0; i < COUNT; i++) {
            puts(tests[i].name);
        }
        return 0;
    }
    for (int arg = 1; arg < argc; arg++) {
        size_t i = 0;
        while (i < COUNT && strcmp(tests[i].name, argv[arg]) != 0) {
            i++;
        }
        CHECK(i < COUNT);
        tests[i].run();
    }
    return 0;
}
