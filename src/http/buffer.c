#include "http/buffer.h"

#include <Python.h>

enum { SPARES_MAX = 32 };

static char *spares[SPARES_MAX]; /* guarded by the interpreter lock */
static int spares_count;

static char *
block_new(size_t size)
{
    if (size == GREEN_BUFFER_BLOCK && spares_count > 0) {
        return spares[--spares_count];
    }
    return PyMem_RawMalloc(size);
}

static void
block_free(char *block, size_t size)
{
    if (size == GREEN_BUFFER_BLOCK && spares_count < SPARES_MAX) {
        spares[spares_count++] = block;
    } else {
        PyMem_RawFree(block);
    }
}

int
green_buffer_reserve(green_buffer *buffer, size_t count)
{
    size_t used = green_buffer_count(buffer);
    if (buffer->size - used >= count && buffer->data != NULL) {
        if (buffer->size - buffer->end < count) {
            memmove(buffer->data, buffer->data + buffer->begin, used);
            buffer->begin = 0;
            buffer->end = used;
        }
        return 0;
    }
    size_t size = buffer->size ? buffer->size : GREEN_BUFFER_BLOCK;
    while (size - used < count) {
        if (size > PY_SSIZE_T_MAX / 2) {
            PyErr_NoMemory();
            return -1;
        }
        size *= 2;
    }
    char *block = block_new(size);
    if (block == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (buffer->data != NULL) {
        memcpy(block, buffer->data + buffer->begin, used);
        block_free(buffer->data, buffer->size);
    }
    *buffer = (green_buffer){block, size, 0, used};
    return 0;
}

void
green_buffer_drop(green_buffer *buffer)
{
    if (buffer->data != NULL) {
        block_free(buffer->data, buffer->size);
        *buffer = (green_buffer){0};
    }
}
