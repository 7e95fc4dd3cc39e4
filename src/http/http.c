#include "http/http.h"

#include "http/body.h"
#include "http/environ.h"
#include "http/filewrapper.h"
#include "http/handler.h"
#include "http/input.h"
#include "http/service.h"

int
green_http_exec(PyObject *module)
{
    if (green_service_exec(module) < 0 || green_body_exec(module) < 0 ||
        green_input_exec(module) < 0 || green_filewrapper_exec(module) < 0 ||
        green_environ_exec(module) < 0) {
        return -1;
    }
    return green_handler_exec(module);
}
