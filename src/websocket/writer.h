/* What is sent to a peer, from a payload to a frame. */
#ifndef GREEN_WEBSOCKET_WRITER_H
#define GREEN_WEBSOCKET_WRITER_H

#include <Python.h>
#include "websocket/frame.h"

/* Draw a mask that nobody can foretell. -1 with OSError. */
int green_writer_draw_mask(unsigned char mask[4]);

/* The frame as new bytes; draws its mask if it is to have one. NULL with an exception. */
PyObject *green_writer_frame(green_frame_head *head, const unsigned char *payload);

int green_writer_exec(PyObject *module);

#endif
