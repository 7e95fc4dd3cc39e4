/* The head of a request: llhttp parses it, and more is checked here than llhttp checks. */
#ifndef GREEN_HTTP_HEAD_H
#define GREEN_HTTP_HEAD_H

#include <Python.h>
#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>
#include "http/service.h"

/* Why a request is refused. */
typedef struct green_refusal {
    int status;      /* of the answer; 0: not refused */
    const char *why; /* for the log, a literal */
} green_refusal;

typedef struct green_field {
    uint32_t name; /* offsets are from the head's first byte */
    uint32_t name_length;
    uint32_t value;
    uint32_t value_length;
} green_field;

typedef enum { GREEN_HEAD_MORE, GREEN_HEAD_COMPLETE, GREEN_HEAD_REFUSED } green_head_state;

typedef enum { GREEN_BODY_NONE, GREEN_BODY_LENGTH, GREEN_BODY_CHUNKED } green_body_kind;

typedef struct green_head {
    llhttp_t parser;
    const char *base;    /* the head's first byte; borrowed, for the time of a call */
    green_field *fields; /* owned, until green_head_drop */
    uint32_t count;
    uint32_t room;
    uint32_t most; /* how many fields there may be */
    uint32_t fed;
    uint32_t line_length; /* with its CRLF; 0: not all here yet */
    uint32_t length;      /* with the empty line; 0: not all here yet */
    uint32_t target;
    uint32_t target_length;
    uint64_t content_length;
    green_refusal refusal;
    uint8_t body_kind; /* green_body_kind */
    bool in_name;      /* more of the last field's name may come */
    bool http_11;
    bool keep_alive;
    bool expects_continue;
    bool is_head;    /* the method is HEAD */
    bool is_upgrade; /* a GET that asks to switch to WebSocket, or to something unnamed */
    bool is_connect;
} green_head;

/* Prepare for another request. Returns 0, or -1 with MemoryError. */
int green_head_begin(green_head *head, const ServiceObject *service);

/* Parse what has come of a head: `count` bytes from its first one, `base`, on, those of earlier
   calls included. If the head is refused, head->refusal says why. The outcome is the same however
   the bytes were cut. */
green_head_state green_head_feed(green_head *head, const char *base, size_t count,
                                 const ServiceObject *service);

/* Give up the fields. What the parser needs for the body stays. */
void green_head_drop(green_head *head);

/* Make a head whose parser is at the first byte of a chunked body. */
void green_head_begin_chunked(green_head *head);

/* Whether a field's name is `lower`, a literal of the same length in lower case, but for the case
   of letters. */
bool green_field_is(const char *name, const char *lower, size_t length);

#endif
