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

/* Add a piece of payload, and take `mask` off it unless that is NULL. `phase`: how many bytes of
   the frame's payload came before. Returns 0, or -1 with MemoryError. */
int green_message_add(green_message *message, const unsigned char *from, size_t count,
                      const unsigned char *mask, size_t phase);

/* Check whether what has come of an incomplete text can become UTF-8. Returns 1 if it can, 0 if
   not, -1 with MemoryError. */
int green_message_check(green_message *message);

/* Returns the message, which is complete, as a str or, if it is compressed or binary, as bytes.
   After this none is arriving. NULL with UnicodeDecodeError or MemoryError. */
PyObject *green_message_finish(green_message *message);

/* Returns a message that has arrived at once, as a str or bytes. `mask` is taken off it (from a
   text in place, in `from`) unless it is NULL. NULL with UnicodeDecodeError or MemoryError. */
PyObject *green_message_whole(bool text, unsigned char *from, size_t count,
                              const unsigned char *mask);

void green_message_free(green_message *message);

#endif
