#include "greenlet/locals.h"

#include "greenlet/greenlet.h"

void
green_local_owner_init(green_local_owner *owner)
{
    green_list_init(&owner->locals);
    owner->recent = NULL;
    owner->recent_value = NULL;
}

static void
owner_remember(green_local_owner *owner, const green_local *local)
{
    owner->recent = local->greenlet;
    owner->recent_value = local->value;
}

/* Where the greenlet's list points to the owner's value, or to its end. */
static green_local **
local_place(const green_local_owner *owner, GreenletObject *greenlet)
{
    green_local **place = &greenlet->locals;
    while (*place != NULL && (*place)->owner != owner) {
        place = &(*place)->next;
    }
    return place;
}

PyObject *
green_local_find(green_local_owner *owner, GreenletObject *greenlet)
{
    green_local **place = local_place(owner, greenlet);
    green_local *local = *place;
    if (local == NULL) {
        return NULL;
    }
    if (place != &greenlet->locals) { /* to the front: it will be asked for again */
        *place = local->next;
        local->next = greenlet->locals;
        greenlet->locals = local;
    }
    owner_remember(owner, local);
    return local->value;
}

int
green_local_set(green_local_owner *owner, GreenletObject *greenlet, PyObject *value)
{
    if (green_local_find(owner, greenlet) != NULL) {
        green_local *local = greenlet->locals;
        PyObject *old = local->value;
        local->value = Py_NewRef(value);
        owner_remember(owner, local);
        Py_DECREF(old);
        return 0;
    }
    green_local *local = PyMem_Malloc(sizeof(*local));
    if (local == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    local->owner = owner;
    local->greenlet = greenlet;
    local->value = Py_NewRef(value);
    local->next = greenlet->locals;
    greenlet->locals = local;
    green_list_append(&owner->locals, &local->link);
    owner_remember(owner, local);
    return 0;
}

/* Out of both lists, and free. */
static void
local_free(green_local **place)
{
    green_local *local = *place;
    *place = local->next;
    green_list_remove(&local->link);
    if (local->owner->recent == local->greenlet) {
        local->owner->recent = NULL;
        local->owner->recent_value = NULL;
    }
    PyObject *value = local->value;
    PyMem_Free(local);
    Py_DECREF(value);
}

void
green_local_drop(green_local_owner *owner, GreenletObject *greenlet)
{
    green_local **place = local_place(owner, greenlet);
    if (*place != NULL) {
        local_free(place);
    }
}

int
green_locals_traverse(green_local_owner *owner, visitproc visit, void *arg)
{
    for (green_link *link = owner->locals.next; link != &owner->locals; link = link->next) {
        Py_VISIT(GREEN_CONTAINER(link, green_local, link)->value);
    }
    return 0;
}

void
green_locals_drop_all(green_local_owner *owner)
{
    while (!green_list_empty(&owner->locals)) {
        green_local *local = GREEN_CONTAINER(owner->locals.next, green_local, link);
        green_local_drop(owner, local->greenlet);
    }
}

void
green_locals_end(GreenletObject *greenlet)
{
    size_t count = 0;
    for (green_local *local = greenlet->locals; local != NULL; local = local->next) {
        count++;
    }
    while (greenlet->locals != NULL && count-- > 0) {
        local_free(&greenlet->locals);
    }
}
