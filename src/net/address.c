#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

bool
green_address_known(int family)
{
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

static PyObject *
unix_path(const struct sockaddr_un *address, socklen_t length)
{
    size_t size = length - offsetof(struct sockaddr_un, sun_path);
    if (size > 0 && address->sun_path[0] == '\0') { /* an abstract name, which only Linux has */
        return PyBytes_FromStringAndSize(address->sun_path, (Py_ssize_t)size);
    }
    size = strnlen(address->sun_path, size);
    return PyUnicode_DecodeFSDefaultAndSize(address->sun_path, (Py_ssize_t)size);
}

PyObject *
green_address_new(const struct sockaddr *address, socklen_t length)
{
    char host[INET6_ADDRSTRLEN];
    if (length == 0) {
        Py_RETURN_NONE;
    }
    switch (address->sa_family) {
    case AF_INET: {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        return Py_BuildValue("(si)", host, ntohs(in->sin_port));
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        return Py_BuildValue("(siII)", host, ntohs(in6->sin6_port),
                             (unsigned)ntohl(in6->sin6_flowinfo), (unsigned)in6->sin6_scope_id);
    }
    case AF_UNIX:
        return unix_path((const struct sockaddr_un *)address, length);
    default:
        PyErr_Format(PyExc_ValueError, "unexpected address family %d", address->sa_family);
        return NULL;
    }
}
