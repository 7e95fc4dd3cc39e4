#include "websocket/frame.h"
#include <string.h>

void
green_frame_head_read(green_frame_head *head, const unsigned char *bytes)
{
    head->fin = bytes[0] & 0x80;
    head->compressed = bytes[0] & 0x40;
    head->reserved = bytes[0] & 0x30;
    head->opcode = bytes[0] & 0x0f;
    head->masked = bytes[1] & 0x80;
    head->length = bytes[1] & 0x7f;
    size_t wide = head->length == 126 ? 2 : head->length == 127 ? 8 : 0;
    const unsigned char *at = bytes + 2;
    if (wide > 0) {
        head->length = 0;
        for (size_t i = 0; i < wide; i++) {
            head->length = head->length << 8 | *at++;
        }
    }
    head->wasteful = (wide == 2 && head->length < 126) || (wide == 8 && head->length <= UINT16_MAX);
    if (head->masked) {
        memcpy(head->mask, at, 4);
    }
}

size_t
green_frame_head_write(const green_frame_head *head, unsigned char *into)
{
    size_t wide = head->length < 126 ? 0 : head->length <= UINT16_MAX ? 2 : 8;
    unsigned char *at = into;
    *at++ = (unsigned char)(head->fin << 7 | head->compressed << 6 | head->opcode);
    *at++ = (unsigned char)(head->masked << 7 | (wide == 0 ? head->length : wide == 2 ? 126 : 127));
    for (size_t i = wide; i > 0; i--) {
        *at++ = (unsigned char)(head->length >> (8 * (i - 1)));
    }
    if (head->masked) {
        memcpy(at, head->mask, 4);
        at += 4;
    }
    return (size_t)(at - into);
}

size_t
green_frame_write(const green_frame_head *head, const unsigned char *payload, unsigned char *into)
{
    size_t size = green_frame_head_write(head, into), length = (size_t)head->length;
    if (head->masked) {
        green_frame_mask(into + size, payload, length, head->mask, 0);
    } else if (length > 0) {
        memcpy(into + size, payload, length);
    }
    return size + length;
}

void
green_frame_mask(unsigned char *into, const unsigned char *from, size_t count,
                 const unsigned char mask[4], size_t phase)
{
    unsigned char turned[8];
    for (size_t i = 0; i < sizeof(turned); i++) {
        turned[i] = mask[(phase + i) % 4];
    }
    uint64_t wide;
    memcpy(&wide, turned, sizeof(wide));
    size_t i = 0;
    for (; i + sizeof(wide) <= count; i += sizeof(wide)) {
        uint64_t word;
        memcpy(&word, from + i, sizeof(word));
        word ^= wide;
        memcpy(into + i, &word, sizeof(word));
    }
    for (; i < count; i++) {
        into[i] = from[i] ^ turned[i % 4];
    }
}
