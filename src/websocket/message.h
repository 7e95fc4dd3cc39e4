/* The message that is arriving: the payloads of its frames, as far as they are here. */
#ifndef GREEN_WEBSOCKET_MESSAGE_H
#define GREEN_WEBSOCKET_MESSAGE_H

#include <Python.h>
#include <stdbool.h>
#include "websocket/frame.h"

typedef struct green_message {
    unsigned opcode; /* GREEN_OPCODE_TEXT or _BINARY; 0: none is arriving */
    bool compressed;
    char *bytes; /* owned; kept between messages while it is small */
    size_t count;
    size_t room;
    size_t checked; /* so many of `count` are known to be UTF-8 */
} green_message;

/* Add a piece of payload, taking the mask off where there is one (else NULL). -1: MemoryError. */
int green_message_add(green_message *message, const unsigned char *from, size_t count,
                      const unsigned char *mask, size_t phase);

/* Look at what has come of a text that is not complete: whether it can become UTF-8. 1: it can; 0:
   it can't; -1 with MemoryError. */
int green_message_check(green_message *message);

/* It is complete: a str or bytes, and nothing is arriving any more. Compressed: bytes. NULL with
   UnicodeDecodeError or MemoryError. */
PyObject *green_message_finish(green_message *message);

/* A message that arrives at once, masked unless `mask` is NULL: a str (the mask is taken off in
   place) or bytes. NULL as above. */
PyObject *green_message_whole(bool text, unsigned char *from, size_t count,
                              const unsigned char *mask);

void green_message_free(green_message *message);

#endif
