#include "native.h"
#include "switch/list.h"

typedef struct {
    int number;
    green_link link;
} item;

static void
items_append(green_link *head, item *items, int first, int count)
{
    for (int i = 0; i < count; i++) {
        items[i].number = first + i;
        green_list_append(head, &items[i].link);
    }
}

/* The digits of the numbers in order, checked both ways. */
static long
digits(green_link *head)
{
    long forward = 0, backward = 0, scale = 1;
    for (green_link *link = head->next; link != head; link = link->next) {
        forward = forward * 10 + GREEN_CONTAINER(link, item, link)->number;
    }
    for (green_link *link = head->prev; link != head; link = link->prev) {
        backward += GREEN_CONTAINER(link, item, link)->number * scale;
        scale *= 10;
    }
    CHECK(forward == backward);
    return forward;
}

void
list_is_first_in_first_out(void)
{
    green_link head;
    item items[3], front = {.number = 9};
    green_list_init(&head);
    CHECK(green_list_empty(&head));
    items_append(&head, items, 1, 3);
    CHECK(!green_list_empty(&head) && digits(&head) == 123);
    green_list_prepend(&head, &front.link);
    CHECK(digits(&head) == 9123);
    CHECK(green_list_pop(&head) == &front.link && !green_link_linked(&front.link));
    CHECK(green_list_pop(&head) == &items[0].link && digits(&head) == 23);
}

void
list_removes_and_splices(void)
{
    green_link one, two;
    item items[5];
    green_list_init(&one);
    green_list_init(&two);
    items_append(&one, items, 1, 2);
    items_append(&two, items + 2, 3, 3);
    green_list_remove(&items[3].link);
    CHECK(digits(&two) == 35 && !green_link_linked(&items[3].link));
    green_list_remove(&items[3].link);
    CHECK(digits(&two) == 35);
    green_list_splice(&one, &two);
    CHECK(digits(&one) == 1235 && green_list_empty(&two));
    green_list_splice(&one, &two);
    CHECK(digits(&one) == 1235);
    green_list_splice(&two, &one);
    CHECK(digits(&two) == 1235 && green_list_empty(&one));
}
