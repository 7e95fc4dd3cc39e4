/* Names of addresses: what to ask for, and the packet that answers. */
#ifndef GREEN_NET_RESOLVER_POINTER_H
#define GREEN_NET_RESOLVER_POINTER_H

enum { GREEN_POINTER_NAME_SIZE = 80 };

/* The name to ask for: 4.3.2.1.in-addr.arpa for "1.2.3.4". -1: `text` is no numeric address. */
int green_pointer_name(const char *text, char name[GREEN_POINTER_NAME_SIZE]);

/* The first PTR of the answer, which CNAMEs may lead to. A c-ares status; with ARES_SUCCESS *host
   is the name, for ares_free_string. */
int green_pointer_parse(const unsigned char *packet, int size, char **host);

#endif
