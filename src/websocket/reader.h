/* What a peer sends, from bytes to messages and control frames: does no input of its own. */
#ifndef GREEN_WEBSOCKET_READER_H
#define GREEN_WEBSOCKET_READER_H

#include <Python.h>
#include <stdbool.h>
#include "websocket/frame.h"
#include "websocket/message.h"

/* In place of an opcode: what the peer sent breaks the protocol. */
enum { GREEN_ARRIVAL_FAILED = -1 };

/* What has arrived whole. */
typedef struct green_arrived {
    int opcode;        /* of a message its first frame's; GREEN_ARRIVAL_FAILED */
    bool compressed;   /* the payload is as it came: bytes to inflate */
    long code;         /* of a close frame, 1005 where it has none; that says what failed */
    PyObject *payload; /* owned: a text, the reason of a close, why it failed: str; else bytes */
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

/* Read up to the end of the first thing that arrives whole; *taken: how many of the `count` bytes
   that took. The mask may be taken off in place. 1: `arrived` is filled in; 0: all is taken, and
   more must come; -1: MemoryError, and nothing more can be read. */
int green_reader_next(green_reader *reader, unsigned char *from, size_t count, size_t *taken,
                      green_arrived *arrived);

void green_reader_free(green_reader *reader);

#endif
