/* A buffer of bytes that come in or go out. They are in a block, from `begin` to `end`. Blocks of
   the usual size are kept for reuse, so a connection has one only while there is something in
   it. */
#ifndef GREEN_HTTP_BUFFER_H
#define GREEN_HTTP_BUFFER_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { GREEN_BUFFER_BLOCK = 16 * 1024 };

typedef struct green_buffer {
    char *data;
    size_t size;
    size_t begin;
    size_t end;
} green_buffer;

static inline size_t
green_buffer_count(const green_buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline char *
green_buffer_start(const green_buffer *buffer)
{
    return buffer->data + buffer->begin;
}

/* Make room for `count` more bytes behind the end. The bytes in the buffer may move. Returns 0, or
   -1 with MemoryError. */
int green_buffer_reserve(green_buffer *buffer, size_t count);

/* Give the block back. The bytes in it are lost. */
void green_buffer_drop(green_buffer *buffer);

/* Append bytes. Returns 0, or -1 with MemoryError. */
static inline int
green_buffer_append(green_buffer *buffer, const void *bytes, size_t count)
{
    if (count == 0) {
        return 0; /* the buffer may have no block */
    }
    if (buffer->size - buffer->end < count && green_buffer_reserve(buffer, count) < 0) {
        return -1;
    }
    assert(buffer->data != NULL);
    memcpy(buffer->data + buffer->end, bytes, count);
    buffer->end += count;
    return 0;
}

#endif
