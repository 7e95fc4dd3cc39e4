#include "http/environ.h"

#include <strings.h>

/* Keys that never change, in the order of `key_names`. */
typedef enum {
    KEY_METHOD,
    KEY_PATH,
    KEY_QUERY,
    KEY_PROTOCOL,
    KEY_REMOTE_ADDR,
    KEY_REMOTE_PORT,
    KEY_INPUT,
    KEY_TERMINATED,
    KEY_HOST,
    KEY_CONTENT_TYPE,
    KEY_CONTENT_LENGTH,
    KEYS,
} environ_key;

static const char *const key_names[KEYS] = {
    "REQUEST_METHOD", "PATH_INFO",    "QUERY_STRING",   "SERVER_PROTOCOL",
    "REMOTE_ADDR",    "REMOTE_PORT",  "wsgi.input",     "wsgi.input_terminated",
    "HTTP_HOST",      "CONTENT_TYPE", "CONTENT_LENGTH",
};

static PyObject *keys[KEYS];
static PyObject *http_10, *http_11, *empty;
static PyObject *methods[HTTP_QUERY + 1];

/* ---- the key for a field's name ---- */

enum { CACHED = 256, CACHED_NAME = 40 };

/* Keys that were made lately. A field's name has its place by its hash. */
static struct {
    PyObject *key; /* owned, or NULL */
    uint8_t length;
    char name[CACHED_NAME];
} cache[CACHED];

static uint32_t
name_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static PyObject *
key_make(const char *name, size_t length)
{
    if (length == 12 && green_field_is(name, "content-type", 12)) {
        return Py_NewRef(keys[KEY_CONTENT_TYPE]);
    }
    if (length == 14 && green_field_is(name, "content-length", 14)) {
        return Py_NewRef(keys[KEY_CONTENT_LENGTH]);
    }
    if (length == 4 && green_field_is(name, "host", 4)) {
        return Py_NewRef(keys[KEY_HOST]);
    }
    PyObject *key = PyUnicode_New((Py_ssize_t)length + 5, 127);
    if (key == NULL) {
        return NULL;
    }
    Py_UCS1 *text = PyUnicode_1BYTE_DATA(key);
    memcpy(text, "HTTP_", 5);
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        text[5 + i] = (Py_UCS1)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
    return key;
}

/* Returns the environ's key for a field's name, or NULL with an exception. The key is borrowed,
   from the cache or from *made. *made, which the caller owns then, may be NULL. */
static PyObject *
key_get(const char *name, size_t length, PyObject **made)
{
    *made = NULL;
    if (length > CACHED_NAME) {
        return *made = key_make(name, length);
    }
    uint32_t place = name_hash(name, length) % CACHED;
    if (cache[place].length == length && memcmp(cache[place].name, name, length) == 0 &&
        cache[place].key != NULL) {
        return cache[place].key;
    }
    PyObject *key = key_make(name, length);
    if (key == NULL) {
        return NULL;
    }
    memcpy(cache[place].name, name, length);
    cache[place].length = (uint8_t)length;
    *made = cache[place].key; /* the key that had this place before */
    cache[place].key = key;
    return key;
}

/* ---- values ---- */

/* Returns the bytes as a str. They are ISO 8859-1, as PEP 3333 has it. New reference. */
static PyObject *
text_of(const char *bytes, size_t length)
{
    return length == 0 ? Py_NewRef(empty) : PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)length, NULL);
}

static int
environ_set(PyObject *environ, environ_key key, PyObject *stolen)
{
    int result = stolen == NULL ? -1 : PyDict_SetItem(environ, keys[key], stolen);
    Py_XDECREF(stolen);
    return result;
}

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Returns the bytes as a str, with %XX decoded. A "%" without two hexadecimal digits stays. New
   reference. */
static PyObject *
text_unquoted(const char *bytes, size_t length)
{
    if (memchr(bytes, '%', length) == NULL) {
        return text_of(bytes, length);
    }
    char *plain = PyMem_Malloc(length);
    if (plain == NULL) {
        return PyErr_NoMemory();
    }
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '%' && i + 2 < length && hex_digit(bytes[i + 1]) >= 0 &&
            hex_digit(bytes[i + 2]) >= 0) {
            plain[count++] = (char)(hex_digit(bytes[i + 1]) * 16 + hex_digit(bytes[i + 2]));
            i += 2;
        } else {
            plain[count++] = bytes[i];
        }
    }
    PyObject *text = text_of(plain, count);
    PyMem_Free(plain);
    return text;
}

/* ---- the target ---- */

/* Set the path and the query from the target. An absolute target also names the host, which goes
   before what a Host field says: *authority is that name (borrowed), or NULL. */
static int
fill_target(const green_head *head, PyObject *environ, const char *base, const char **authority,
            size_t *authority_length)
{
    const char *path = base + head->target;
    size_t length = head->target_length;
    *authority = NULL;
    *authority_length = 0;
    if (*path != '/' && !head->is_connect && *path != '*') {
        const char *start = memchr(path, ':', length);
        size_t skipped = (size_t)(start + 3 - path);
        *authority = path + skipped;
        path += skipped;
        length -= skipped;
        size_t name = 0;
        while (name < length && path[name] != '/' && path[name] != '?') {
            name++;
        }
        *authority_length = name;
        path += name;
        length -= name;
    }
    const char *query = memchr(path, '?', length);
    size_t path_length = query == NULL ? length : (size_t)(query - path);
    PyObject *info =
        path_length == 0 ? PyUnicode_FromString("/") : text_unquoted(path, path_length);
    if (environ_set(environ, KEY_PATH, info) < 0) {
        return -1;
    }
    return environ_set(environ, KEY_QUERY,
                       query == NULL ? Py_NewRef(empty)
                                     : text_of(query + 1, length - path_length - 1));
}

/* ---- the fields ---- */

/* Join the value of another field of the same name to the value before. */
static int
fill_again(PyObject *environ, PyObject *key, PyObject *value)
{
    PyObject *before = PyDict_GetItemWithError(environ, key); /* borrowed */
    if (before == NULL) {
        return -1;
    }
    const char *name = PyUnicode_AsUTF8(key);
    if (name == NULL) {
        return -1;
    }
    const char *between = strncmp(name, "HTTP_COOKIE", 11) == 0 ? "; " : ",";
    PyObject *joined = PyUnicode_FromFormat("%U%s%U", before, between, value);
    int result = joined == NULL ? -1 : PyDict_SetItem(environ, key, joined);
    Py_XDECREF(joined);
    return result;
}

/* Make one line of a folded value. */
static void
value_unfold(char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '\r' || value[i] == '\n') {
            value[i] = ' ';
        }
    }
}

/* Whether a field before `field` has its name. */
static bool
field_is_again(const green_head *head, const green_field *field, const char *base)
{
    for (const green_field *other = head->fields; other < field; other++) {
        if (other->name_length == field->name_length &&
            strncasecmp(base + other->name, base + field->name, field->name_length) == 0) {
            return true;
        }
    }
    return false;
}

/* Add one field to the environ. `seen` has a bit for the hash of each name before, so that few
   names are compared with those. */
static int
fill_field(const green_head *head, PyObject *environ, const char *base, const green_field *field,
           uint64_t *seen)
{
    const char *name = base + field->name;
    /* A name with "_" is left out, since its key would be that of the name with "-" instead. */
    if (memchr(name, '_', field->name_length) != NULL) {
        return 0;
    }
    PyObject *made;
    PyObject *key = key_get(name, field->name_length, &made);
    if (key == NULL) {
        return -1;
    }
    PyObject *value = text_of(base + field->value, field->value_length);
    int result = -1;
    if (value != NULL) {
        uint64_t bit = (uint64_t)1 << ((size_t)PyObject_Hash(key) & 63);
        bool again = *seen & bit && field_is_again(head, field, base);
        *seen |= bit;
        result = again ? fill_again(environ, key, value) : PyDict_SetItem(environ, key, value);
        Py_DECREF(value);
    }
    Py_XDECREF(made);
    return result;
}

static int
fill_fields(const green_head *head, PyObject *environ, char *base, bool folded)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        const green_field *field = &head->fields[i];
        if (folded) {
            value_unfold(base + field->value, field->value_length);
        }
        if (fill_field(head, environ, base, field, &seen) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the whole ---- */

static PyObject *
method_of(const green_head *head)
{
    llhttp_method_t method = head->parser.method;
    if (methods[method] == NULL) {
        methods[method] = PyUnicode_InternFromString(llhttp_method_name(method));
    }
    return Py_XNewRef(methods[method]);
}

/* Set the client's address and port. A client of a Unix socket has neither. */
static int
fill_remote(HandlerObject *handler, PyObject *environ)
{
    PyObject *address = handler->client_address;
    if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) < 2) {
        return 0;
    }
    if (handler->remote_port == NULL) {
        handler->remote_port = PyObject_Str(PyTuple_GET_ITEM(address, 1));
    }
    if (handler->remote_port == NULL ||
        PyDict_SetItem(environ, keys[KEY_REMOTE_ADDR], PyTuple_GET_ITEM(address, 0)) < 0) {
        return -1;
    }
    return PyDict_SetItem(environ, keys[KEY_REMOTE_PORT], handler->remote_port);
}

static int
fill_input(HandlerObject *handler, PyObject *environ)
{
    bool is_upgrade = handler->head.is_upgrade;
    PyObject *input = is_upgrade ? PyObject_GetAttrString((PyObject *)handler, "rfile")
                                 : (PyObject *)green_input_new(handler);
    if (input == NULL) {
        return -1;
    }
    green_handler_set(&handler->wsgi_input, input);
    if (PyDict_SetItem(environ, keys[KEY_INPUT], input) < 0) {
        return -1;
    }
    return PyDict_SetItem(environ, keys[KEY_TERMINATED], is_upgrade ? Py_False : Py_True);
}

int
green_environ_fill(HandlerObject *handler, PyObject *environ, char *base, bool folded)
{
    const green_head *head = &handler->head;
    const char *authority;
    size_t authority_length;
    if (environ_set(environ, KEY_METHOD, method_of(head)) < 0 ||
        fill_target(head, environ, base, &authority, &authority_length) < 0 ||
        PyDict_SetItem(environ, keys[KEY_PROTOCOL], head->http_11 ? http_11 : http_10) < 0 ||
        fill_remote(handler, environ) < 0 || fill_fields(head, environ, base, folded) < 0) {
        return -1;
    }
    if (authority != NULL &&
        environ_set(environ, KEY_HOST, text_of(authority, authority_length)) < 0) {
        return -1;
    }
    return fill_input(handler, environ);
}

int
green_environ_exec(PyObject *Py_UNUSED(module))
{
    for (int i = 0; i < KEYS; i++) {
        keys[i] = PyUnicode_InternFromString(key_names[i]);
        if (keys[i] == NULL) {
            return -1;
        }
    }
    http_10 = PyUnicode_InternFromString("HTTP/1.0");
    http_11 = PyUnicode_InternFromString("HTTP/1.1");
    empty = PyUnicode_InternFromString("");
    return http_10 == NULL || http_11 == NULL || empty == NULL ? -1 : 0;
}
