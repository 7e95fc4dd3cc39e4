#include "task/task.h"

#include "task/group.h"
#include "task/imap.h"
#include "task/join.h"
#include "task/kill.h"
#include "task/map.h"
#include "task/raw.h"
#include "task/start.h"

int
green_task_exec(PyObject *module)
{
    if (green_ancestry_exec(module) < 0 || green_start_event_exec(module) < 0 ||
        green_task_type_exec(module) < 0 || green_task_traits_exec() < 0) {
        return -1;
    }
    if (green_raw_exec(module) < 0 || green_kill_exec(module) < 0 || green_join_exec(module) < 0) {
        return -1;
    }
    if (green_task_map_exec(module) < 0 || green_imap_exec(module) < 0) {
        return -1;
    }
    return green_group_exec(module);
}
