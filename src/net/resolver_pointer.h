/* The names of addresses: what to ask DNS for, and what its answer says. */
#ifndef GREEN_NET_RESOLVER_POINTER_H
#define GREEN_NET_RESOLVER_POINTER_H

enum { GREEN_POINTER_NAME_SIZE = 80 };

/* Write the name to ask for: 4.3.2.1.in-addr.arpa for "1.2.3.4". 0, or -1 where `text` is no
   numeric address. */
int green_pointer_name(const char *text, char name[GREEN_POINTER_NAME_SIZE]);

/* Find the first PTR of the answer, which CNAMEs may lead to. Returns a c-ares status; with
   ARES_SUCCESS *host is the name, for ares_free_string. */
int green_pointer_parse(const unsigned char *packet, int size, char **host);

#endif
