/* Makes a frame of a payload, to be sent to a peer. */
#ifndef GREEN_WEBSOCKET_WRITER_H
#define GREEN_WEBSOCKET_WRITER_H

#include <Python.h>
#include "websocket/frame.h"

/* Draw a mask that nobody can foretell. -1 with OSError. */
int green_writer_draw_mask(unsigned char mask[4]);

/* Returns the frame as new bytes. If it is to have a mask, this draws it. NULL with an
   exception. */
PyObject *green_writer_frame(green_frame_head *head, const unsigned char *payload);

int green_writer_exec(PyObject *module);

#endif
