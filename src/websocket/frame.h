/* One WebSocket frame on the wire (RFC 6455, section 5): its head, and the mask. */
#ifndef GREEN_WEBSOCKET_FRAME_H
#define GREEN_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GREEN_FRAME_HEAD_MAX = 14, /* 2 bytes, 8 of length, 4 of mask */
    GREEN_FRAME_CONTROL_MAX = 125,
};

typedef enum {
    GREEN_OPCODE_CONTINUATION = 0,
    GREEN_OPCODE_TEXT = 1,
    GREEN_OPCODE_BINARY = 2,
    GREEN_OPCODE_CLOSE = 8,
    GREEN_OPCODE_PING = 9,
    GREEN_OPCODE_PONG = 10,
} green_opcode;

typedef struct green_frame_head {
    bool fin;
    bool compressed; /* the bit RSV1, which permessage-deflate uses */
    bool reserved;   /* RSV2 or RSV3 is set: nothing defines them */
    bool masked;
    bool wasteful; /* the length would have fitted into fewer bytes */
    uint8_t opcode;
    uint64_t length;
    unsigned char mask[4];
} green_frame_head;

/* Whether a frame is a control frame. Those may stand between the frames of a message. */
static inline bool
green_frame_is_control(unsigned opcode)
{
    return opcode >= GREEN_OPCODE_CLOSE;
}

/* Returns how many bytes the whole head has. Its first two bytes tell. */
static inline size_t
green_frame_head_size(const unsigned char bytes[2])
{
    unsigned length = bytes[1] & 0x7f;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + (bytes[1] & 0x80 ? 4 : 0);
}

/* Parse a head, all of whose bytes are there. */
void green_frame_head_read(green_frame_head *head, const unsigned char *bytes);

/* Write a head. Returns its size. */
size_t green_frame_head_write(const green_frame_head *head, unsigned char *into);

/* Write a head, and behind it the payload, masked if the head says so. Returns the size of both. */
size_t green_frame_write(const green_frame_head *head, const unsigned char *payload,
                         unsigned char *into);

/* Mask bytes, or take the mask off, which is the same; `into` may be `from`. `phase`: how many
   bytes of the payload came before. */
void green_frame_mask(unsigned char *into, const unsigned char *from, size_t count,
                      const unsigned char mask[4], size_t phase);

#endif
