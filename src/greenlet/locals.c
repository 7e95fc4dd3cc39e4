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

static void
local_link(green_local *local)
{
    GreenletObject *greenlet = local->greenlet;
    local->at = &greenlet->locals;
    local->next = greenlet->locals;
    if (local->next != NULL) {
        local->next->at = &local->next;
    }
    greenlet->locals = local;
    green_list_prepend(&local->owner->locals, &local->link);
}

/* Take the value out of both lists. */
static void
local_unlink(green_local *local)
{
    *local->at = local->next;
    if (local->next != NULL) {
        local->next->at = local->at;
    }
    green_list_remove(&local->link);
}

/* Returns the owner's value for `greenlet`, or NULL where there is none. Looks through both lists
   at once, so that the shorter one ends the search. */
static green_local *
local_search(const green_local_owner *owner, const GreenletObject *greenlet)
{
    green_local *mine = greenlet->locals;
    green_link *link = owner->locals.next;
    while (mine != NULL && link != &owner->locals) {
        green_local *theirs = GREEN_CONTAINER(link, green_local, link);
        if (mine->owner == owner) {
            return mine;
        }
        if (theirs->greenlet == greenlet) {
            return theirs;
        }
        mine = mine->next;
        link = link->next;
    }
    return NULL;
}

PyObject *
green_local_find(green_local_owner *owner, GreenletObject *greenlet)
{
    green_local *local = local_search(owner, greenlet);
    if (local == NULL) {
        return NULL;
    }
    if (greenlet->locals != local || owner->locals.next != &local->link) {
        local_unlink(local); /* to the front of both lists, since it will be asked for again */
        local_link(local);
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
    local_link(local);
    owner_remember(owner, local);
    return 0;
}

static void
local_free(green_local *local)
{
    local_unlink(local);
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
    green_local *local = local_search(owner, greenlet);
    if (local != NULL) {
        local_free(local);
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
        local_free(GREEN_CONTAINER(owner->locals.next, green_local, link));
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
        local_free(greenlet->locals);
    }
}
