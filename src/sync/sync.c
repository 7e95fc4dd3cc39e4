#include "sync/sync.h"

#include "sync/asyncresult.h"
#include "sync/channel.h"
#include "sync/event.h"
#include "sync/local.h"
#include "sync/mutex.h"
#include "sync/queue.h"
#include "sync/rlock.h"
#include "sync/semaphore.h"
#include "sync/timeout.h"
#include "sync/waiter.h"

/* Subtypes come after their bases. */
static int (*const parts[])(PyObject *module) = {
    green_timeout_exec,   green_waiter_exec, green_event_exec, green_asyncresult_exec,
    green_semaphore_exec, green_mutex_exec,  green_rlock_exec, green_queue_exec,
    green_channel_exec,   green_local_exec,
};

int
green_sync_exec(PyObject *module)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i](module) < 0) {
            return -1;
        }
    }
    return 0;
}
