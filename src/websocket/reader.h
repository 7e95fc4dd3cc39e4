/* Makes messages and control frames of the bytes that a peer sends. It does no input of its own. */
#ifndef GREEN_WEBSOCKET_READER_H
#define GREEN_WEBSOCKET_READER_H

#include <Python.h>
#include <stdbool.h>
#include "websocket/frame.h"
#include "websocket/message.h"

/* Stands in place of an opcode: what the peer sent breaks the protocol. */
enum { GREEN_ARRIVAL_FAILED = -1 };

/* A message, a control frame or a failure, which has arrived whole. */
typedef struct green_arrived {
    int opcode;        /* a frame's; of a message, its first frame's; or GREEN_ARRIVAL_FAILED */
    bool compressed;   /* the payload is still deflated */
    long code;         /* a close frame's, 1005 if it has none; a failure's, to close with */
    PyObject *payload; /* owned; str for a text, or the reason of a close or failure; else bytes */
} green_arrived;

typedef struct green_reader {
    bool masked;     /* the peer masks: it is a client */
    bool deflate;    /* permessage-deflate was agreed on */
    size_t limit;    /* bytes of a message, before it is inflated */
    bool ended;      /* a close frame or a failure has come: what follows is dropped */
    bool in_payload; /* `frame` is complete, `left` bytes of its payload are to come */
    uint64_t left;
    green_frame_head frame;
    unsigned char head[GREEN_FRAME_HEAD_MAX];
    size_t head_count;
    unsigned char control[GREEN_FRAME_CONTROL_MAX];
    size_t control_count;
    green_message message;
} green_reader;

/* Read until something has arrived whole. *taken is how many of the `count` bytes were used for it.
   The mask may be taken off in place, in `from`. Returns 1 with `arrived` filled in; 0 when all
   bytes are taken and more must come; -1 with MemoryError, after which nothing more can be read. */
int green_reader_next(green_reader *reader, unsigned char *from, size_t count, size_t *taken,
                      green_arrived *arrived);

void green_reader_free(green_reader *reader);

#endif
