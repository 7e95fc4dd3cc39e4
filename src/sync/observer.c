#include "sync/observer.h"

const green_ready_kind green_observer_anywhere = {.turn = NULL};
const green_ready_kind green_observer_on_hub = {.on_hub = true};

_Static_assert(offsetof(green_client, waiter.link) == offsetof(green_linked, link) &&
                   offsetof(green_client, waiter.ready) == offsetof(green_linked, ready) &&
                   offsetof(green_observer, ready) == offsetof(green_linked, ready),
               "members of the list begin alike");

void
green_observer_init(green_observer *observer, GreenletObject *(*call)(green_observer *, PyObject *),
                    bool on_hub, LoopObject *loop)
{
    green_list_init(&observer->link);
    green_ready_init(&observer->ready, on_hub ? &green_observer_on_hub : &green_observer_anywhere);
    observer->call = call;
    observer->loop = loop;
}
