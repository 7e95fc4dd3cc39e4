#include "http/head.h"

enum { FIELDS_FIRST = 32 };

/* ---- what llhttp calls ---- */

static inline green_head *
head_of(llhttp_t *parser)
{
    return parser->data;
}

static int
head_refuse(green_head *head, int status, const char *why)
{
    head->refusal = (green_refusal){status, why};
    return -1;
}

static int
head_on_url(llhttp_t *parser, const char *at, size_t length)
{
    green_head *head = head_of(parser);
    if (head->target_length == 0) {
        head->target = (uint32_t)(at - head->base);
    }
    head->target_length += (uint32_t)length;
    return 0;
}

/* Whether the head has ended. What llhttp finds after that is a trailer, which is dropped. */
static inline bool
head_is_past(const green_head *head)
{
    return head->length != 0;
}

static green_field *
head_add(green_head *head)
{
    if (head->count == head->most) {
        head_refuse(head, 431, "too many header fields");
        return NULL;
    }
    if (head->count == head->room) {
        uint32_t room = head->room * 2;
        green_field *fields = PyMem_RawRealloc(head->fields, room * sizeof(*fields));
        if (fields == NULL) {
            head_refuse(head, 503, "out of memory");
            return NULL;
        }
        head->fields = fields;
        head->room = room;
    }
    green_field *field = &head->fields[head->count++];
    *field = (green_field){0};
    return field;
}

static int
head_on_name(llhttp_t *parser, const char *at, size_t length)
{
    green_head *head = head_of(parser);
    if (head_is_past(head)) {
        return 0;
    }
    if (!head->in_name) {
        green_field *field = head_add(head);
        if (field == NULL) {
            return HPE_USER;
        }
        field->name = (uint32_t)(at - head->base);
        head->in_name = true;
    }
    head->fields[head->count - 1].name_length += (uint32_t)length;
    return 0;
}

/* llhttp tells of a folded value in parts, between which there are line ends. The field's value is
   all from the first part's first byte to the last part's last. */
static int
head_on_value(llhttp_t *parser, const char *at, size_t length)
{
    green_head *head = head_of(parser);
    if (head_is_past(head)) {
        return 0;
    }
    head->in_name = false;
    green_field *field = &head->fields[head->count - 1];
    uint32_t offset = (uint32_t)(at - head->base);
    if (field->value_length == 0) {
        field->value = offset;
    }
    field->value_length = offset + (uint32_t)length - field->value;
    return 0;
}

static int
head_on_value_complete(llhttp_t *parser)
{
    head_of(parser)->in_name = false;
    return 0;
}

static int
head_pause(llhttp_t *Py_UNUSED(parser))
{
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = head_on_url,
    .on_header_field = head_on_name,
    .on_header_value = head_on_value,
    .on_header_value_complete = head_on_value_complete,
    .on_headers_complete = head_pause,
    .on_chunk_header = head_pause,
    .on_message_complete = head_pause,
};

/* ---- beginning and end ---- */

/* The array of fields of the head that was dropped last. One is enough, since few heads are
   incomplete at a time. The interpreter lock guards it. */
static green_field *spare_fields;
static uint32_t spare_room;

int
green_head_begin(green_head *head, const ServiceObject *service)
{
    green_head_drop(head);
    green_field *fields = spare_fields;
    uint32_t room = spare_room;
    spare_fields = NULL;
    if (fields == NULL) {
        room = FIELDS_FIRST;
        fields = PyMem_RawMalloc(room * sizeof(*fields));
        if (fields == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    *head = (green_head){.fields = fields, .room = room};
    head->most = service->max_headers > UINT32_MAX ? UINT32_MAX : (uint32_t)service->max_headers;
    llhttp_init(&head->parser, HTTP_REQUEST, &settings);
    head->parser.data = head;
    if (service->lenient_folding) {
        llhttp_set_lenient_headers(&head->parser, 1);
    }
    if (service->lenient_length_beside_chunked) {
        llhttp_set_lenient_chunked_length(&head->parser, 1);
    }
    return 0;
}

void
green_head_drop(green_head *head)
{
    if (head->fields == NULL) {
        return;
    }
    if (spare_fields == NULL) {
        spare_fields = head->fields;
        spare_room = head->room;
    } else {
        PyMem_RawFree(head->fields);
    }
    head->fields = NULL;
}

void
green_head_begin_chunked(green_head *head)
{
    static const char text[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    *head = (green_head){.length = sizeof(text) - 1};
    llhttp_init(&head->parser, HTTP_REQUEST, &settings);
    head->parser.data = head;
    llhttp_execute(&head->parser, text, sizeof(text) - 1);
}

/* ---- the request line ---- */

/* Whether a Host is visible ASCII, without the characters that end an authority, would make two of
   it, or are in no URI. */
static bool
host_is_valid(const char *host, size_t length)
{
    static const uint32_t valid[8] = {
        0, 0x2fff6ff2, 0xaffffffe, 0x47fffffe, 0, 0, 0, 0,
    };
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)host[i];
        if (!(valid[c >> 5] >> (c & 31) & 1)) {
            return false;
        }
    }
    return true;
}

/* Whether an absolute target has a host, which can't be read as another one. */
static bool
target_has_host(const char *target, size_t length)
{
    const char *end = target + length, *host = (const char *)memchr(target, ':', length) + 3;
    const char *stop = host;
    while (stop < end && *stop != '/' && *stop != '?') {
        stop++;
    }
    return stop > host && host_is_valid(host, (size_t)(stop - host));
}

static bool
target_is_absolute(const char *target, size_t length)
{
    return ((length > 7 && green_field_is(target, "http://", 7)) ||
            (length > 8 && green_field_is(target, "https://", 8))) &&
           target_has_host(target, length);
}

/* Refuse a request line that is not "METHOD target HTTP/1.x" with single spaces and CRLF, with a
   method of HTTP and a target of one of the forms that RFC 9112 has. */
static int
head_check_line(green_head *head, const char *line)
{
    llhttp_method_t method = llhttp_get_method(&head->parser);
    const char *name = llhttp_method_name(method);
    size_t name_length = strlen(name);
    size_t end = head->target + head->target_length;
    if (head->target_length == 0 || head->target != name_length + 1 ||
        memcmp(line, name, name_length) != 0 || line[name_length] != ' ' ||
        head->line_length != end + sizeof(" HTTP/1.1\r\n") - 1 ||
        memcmp(line + end, " HTTP/", 6) != 0 || line[end + 7] != '.' ||
        memcmp(line + end + 9, "\r\n", 2) != 0) {
        return head_refuse(head, 400, "Invalid HTTP request line");
    }
    if (line[end + 6] != '1' || (line[end + 8] != '0' && line[end + 8] != '1')) {
        return head_refuse(head, 505, "Invalid HTTP version");
    }
    if (method > HTTP_UNLINK && method != HTTP_QUERY) {
        return head_refuse(head, 400, "Invalid HTTP method");
    }
    const char *target = line + head->target;
    if (memchr(target, '#', head->target_length) != NULL) {
        return head_refuse(head, 400, "Invalid request target");
    }
    head->http_11 = line[end + 8] == '1';
    head->is_head = method == HTTP_HEAD;
    head->is_connect = method == HTTP_CONNECT;
    bool is_star = head->target_length == 1 && *target == '*';
    if (*target != '/' && !head->is_connect && !(is_star && method == HTTP_OPTIONS) &&
        !target_is_absolute(target, head->target_length)) {
        return head_refuse(head, 400, "Invalid request target");
    }
    return 0;
}

/* ---- the fields ---- */

bool
green_field_is(const char *name, const char *lower, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i]) {
            return false;
        }
    }
    return true;
}

#define IS(string, length, literal)                                                                \
    ((length) == sizeof(literal) - 1 && green_field_is((string), (literal), sizeof(literal) - 1))

static void
field_strip(green_field *field, const char *base)
{
    while (field->value_length > 0) {
        char c = base[field->value + field->value_length - 1];
        if (c != ' ' && c != '\t') {
            break;
        }
        field->value_length--;
    }
}

/* Which fields there were that decide how the request is read. */
typedef struct fields_seen {
    int hosts;
    int encodings;
    int upgrades;
    bool websocket;
} fields_seen;

static int
field_check(green_head *head, const green_field *field, fields_seen *seen)
{
    const char *name = head->base + field->name, *value = head->base + field->value;
    size_t length = field->value_length;
    switch (field->name_length) {
    case 4:
        if (green_field_is(name, "host", 4)) {
            seen->hosts++;
            if (!host_is_valid(value, length)) {
                return head_refuse(head, 400, "Invalid Host");
            }
        }
        break;
    case 6:
        if (green_field_is(name, "expect", 6) && head->http_11) {
            if (!IS(value, length, "100-continue")) {
                return head_refuse(head, 417, "Unknown expectation");
            }
            head->expects_continue = true;
        }
        break;
    case 7:
        if (green_field_is(name, "upgrade", 7)) {
            seen->upgrades++;
            seen->websocket = seen->websocket || IS(value, length, "websocket");
        }
        break;
    case 17:
        if (green_field_is(name, "transfer-encoding", 17)) {
            if (seen->encodings++ > 0 || !head->http_11) {
                return head_refuse(head, 400, "Invalid Transfer-Encoding");
            }
            if (!IS(value, length, "chunked")) {
                return head_refuse(head, 501, "Unknown Transfer-Encoding");
            }
        }
        break;
    default:
        break;
    }
    return 0;
}

static int
head_check_fields(green_head *head, const ServiceObject *service)
{
    fields_seen seen = {0};
    for (uint32_t i = 0; i < head->count; i++) {
        field_strip(&head->fields[i], head->base);
        if (field_check(head, &head->fields[i], &seen) < 0) {
            return -1;
        }
    }
    if (seen.hosts != 1 && (seen.hosts > 1 || (head->http_11 && !service->lenient_missing_host))) {
        return head_refuse(head, 400, seen.hosts ? "More than one Host" : "Missing Host");
    }
    const llhttp_t *parser = &head->parser;
    head->keep_alive = !(parser->flags & F_CONNECTION_CLOSE) && !head->is_connect &&
                       (head->http_11 || parser->flags & F_CONNECTION_KEEP_ALIVE);
    if (seen.encodings) {
        head->body_kind = GREEN_BODY_CHUNKED;
    } else if (parser->flags & F_CONTENT_LENGTH && parser->content_length > 0) {
        if (parser->content_length > (uint64_t)service->max_body ||
            parser->content_length > PY_SSIZE_T_MAX) {
            return head_refuse(head, 413, "Body too large");
        }
        head->body_kind = GREEN_BODY_LENGTH;
        head->content_length = parser->content_length;
    }
    head->is_upgrade =
        llhttp_get_method(&head->parser) == HTTP_GET && head->http_11 &&
        head->body_kind == GREEN_BODY_NONE &&
        (seen.websocket || (parser->flags & F_CONNECTION_UPGRADE && seen.upgrades == 0));
    return 0;
}

/* ---- feeding ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether the request line has a version, but none that is known. */
static bool
head_has_version(const green_head *head)
{
    size_t end = head->target + head->target_length;
    const char *version = head->base + end;
    return head->fed >= end + 9 && memcmp(version, " HTTP/", 6) == 0 && is_digit(version[6]) &&
           version[7] == '.' && is_digit(version[8]) && memcmp(version + 6, "1.0", 3) != 0 &&
           memcmp(version + 6, "1.1", 3) != 0;
}

static green_head_state
head_failed(green_head *head, llhttp_errno_t code)
{
    if (head->refusal.status == 0) {
        int status = 400;
        const char *why = "Invalid HTTP header";
        switch (code) {
        case HPE_INVALID_METHOD:
            why = "Invalid HTTP method";
            break;
        case HPE_INVALID_URL:
            why = "Invalid request target";
            break;
        case HPE_INVALID_VERSION:
            status = head_has_version(head) ? 505 : 400;
            why = "Invalid HTTP version";
            break;
        case HPE_INVALID_CONSTANT:
            why = "Invalid HTTP version";
            break;
        case HPE_INVALID_CONTENT_LENGTH:
        case HPE_UNEXPECTED_CONTENT_LENGTH:
            why = "Invalid Content-Length";
            break;
        case HPE_INVALID_TRANSFER_ENCODING:
            why = "Invalid Transfer-Encoding";
            break;
        default:
            break;
        }
        head->refusal = (green_refusal){status, why};
    }
    return GREEN_HEAD_REFUSED;
}

/* Feed llhttp what it has not had yet, up to the offset `until`. Returns its code. */
static llhttp_errno_t
head_run(green_head *head, size_t until)
{
    llhttp_errno_t code = llhttp_execute(&head->parser, head->base + head->fed, until - head->fed);
    head->fed = (uint32_t)until;
    return code;
}

static green_head_state
head_feed_line(green_head *head, size_t count, const ServiceObject *service)
{
    size_t most = (size_t)service->max_request_line + 2;
    size_t until = count;
    const char *end = memchr(head->base + head->fed, '\n', count - head->fed);
    if (end != NULL) {
        until = (size_t)(end - head->base) + 1;
    }
    bool too_long = until > most || (end == NULL && until == most);
    if (until > most) {
        until = most;
    }
    llhttp_errno_t code = head_run(head, until);
    if (code != HPE_OK) {
        return head_failed(head, code);
    }
    if (too_long) {
        head_refuse(head, 414, "Request line too long");
        return GREEN_HEAD_REFUSED;
    }
    if (end == NULL) {
        return GREEN_HEAD_MORE;
    }
    head->line_length = (uint32_t)until;
    return head_check_line(head, head->base) < 0 ? GREEN_HEAD_REFUSED : GREEN_HEAD_COMPLETE;
}

green_head_state
green_head_feed(green_head *head, const char *base, size_t count, const ServiceObject *service)
{
    head->base = base;
    if (head->line_length == 0) {
        green_head_state state = head_feed_line(head, count, service);
        if (state != GREEN_HEAD_COMPLETE) {
            return state;
        }
    }
    size_t most = head->line_length + (size_t)service->max_header_bytes + 2;
    if (most > UINT32_MAX || most < head->line_length) {
        most = UINT32_MAX;
    }
    llhttp_errno_t code = head_run(head, count < most ? count : most);
    if (code == HPE_PAUSED) {
        head->length = (uint32_t)(llhttp_get_error_pos(&head->parser) - base);
        return head_check_fields(head, service) < 0 ? GREEN_HEAD_REFUSED : GREEN_HEAD_COMPLETE;
    }
    if (code != HPE_OK) {
        return head_failed(head, code);
    }
    if (count >= most) {
        head_refuse(head, 431, "Header too large");
        return GREEN_HEAD_REFUSED;
    }
    return GREEN_HEAD_MORE;
}
