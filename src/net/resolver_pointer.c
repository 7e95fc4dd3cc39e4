#include "net/resolver_pointer.h"

#include <ares.h>
#include <ares_nameser.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { HEADER_SIZE = 12, RECORD_SIZE = 10 };

int
green_pointer_name(const char *text, char name[GREEN_POINTER_NAME_SIZE])
{
    struct in6_addr address;
    const unsigned char *b = address.s6_addr;
    if (inet_pton(AF_INET6, text, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address)) {
        for (int i = 15; i >= 0; i--) {
            name += sprintf(name, "%x.%x.", b[i] & 15, b[i] >> 4);
        }
        strcpy(name, "ip6.arpa");
        return 0;
    }
    if (inet_pton(AF_INET, text, &address) != 1) {
        if (inet_pton(AF_INET6, text, &address) != 1) {
            return -1;
        }
        b += 12;
    }
    sprintf(name, "%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]);
    return 0;
}

static int
read16(const unsigned char *at)
{
    return at[0] << 8 | at[1];
}

/* Read a name in the packet, and move *at behind it. Returns a c-ares status; if that is
   ARES_SUCCESS, *name is for ares_free_string. */
static int
packet_name(const unsigned char *packet, int size, const unsigned char **at, char **name)
{
    long length;
    int status = ares_expand_name(*at, packet, size, name, &length);
    if (status == ARES_SUCCESS) {
        *at += length;
    }
    return status;
}

/* Read the record at *at, and move *at behind it. Where the record belongs to `wanted`, a CNAME's
   target takes the place of `wanted`, and the first PTR's goes to *host. Returns a c-ares
   status. */
static int
packet_record(const unsigned char *packet, int size, const unsigned char **at, char **wanted,
              char **host)
{
    char *owner, *target;
    int status = packet_name(packet, size, at, &owner);
    if (status != ARES_SUCCESS) {
        return status;
    }
    const unsigned char *end = packet + size;
    if (end - *at < RECORD_SIZE || end - *at - RECORD_SIZE < read16(*at + 8)) {
        ares_free_string(owner);
        return ARES_EBADRESP;
    }
    int type = read16(*at);
    const unsigned char *data = *at + RECORD_SIZE;
    *at = data + read16(*at + 8);
    bool is_wanted = read16(data - RECORD_SIZE + 2) == ns_c_in && strcasecmp(owner, *wanted) == 0 &&
                     (type == ns_t_cname || (type == ns_t_ptr && *host == NULL));
    ares_free_string(owner);
    if (!is_wanted) {
        return ARES_SUCCESS;
    }
    status = packet_name(packet, size, &data, &target);
    if (status == ARES_SUCCESS && type == ns_t_ptr) {
        *host = target;
    } else if (status == ARES_SUCCESS) {
        ares_free_string(*wanted);
        *wanted = target;
    }
    return status;
}

int
green_pointer_parse(const unsigned char *packet, int size, char **host)
{
    char *wanted;
    const unsigned char *at = packet + HEADER_SIZE;
    *host = NULL;
    if (size < HEADER_SIZE || read16(packet + 4) != 1) {
        return ARES_EBADRESP;
    }
    int answers = read16(packet + 6);
    int status = packet_name(packet, size, &at, &wanted);
    if (status != ARES_SUCCESS) {
        return status;
    }
    at += 4; /* the question's type and class */
    while (status == ARES_SUCCESS && answers-- > 0) {
        status =
            at < packet + size ? packet_record(packet, size, &at, &wanted, host) : ARES_EBADRESP;
    }
    ares_free_string(wanted);
    if (status == ARES_SUCCESS) {
        return *host == NULL ? ARES_ENODATA : ARES_SUCCESS;
    }
    if (*host != NULL) {
        ares_free_string(*host);
        *host = NULL;
    }
    return status;
}
