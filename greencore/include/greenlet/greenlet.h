/* Greenlets for other extensions in C: call PyGreenlet_Import() once, with the interpreter lock held, as
   with everything here. It sets an exception where it fails, and _PyGreenlet_API stays NULL then.
   The names and the layout are greenlet's: code written for its greenlet.h compiles with this one. */
#ifndef Py_GREENLETOBJECT_H
#define Py_GREENLETOBJECT_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GREENLET_VERSION "1.0.0"

/* The beginning of a greenlet object; its size is the type's tp_basicsize. */
typedef struct _greenlet {
    PyObject_HEAD
    PyObject *weakreflist;
    PyObject *dict;
    void *pimpl; /* private */
} PyGreenlet;

#define PyGreenlet_Type_NUM 0
#define PyExc_GreenletError_NUM 1
#define PyExc_GreenletExit_NUM 2
#define PyGreenlet_New_NUM 3
#define PyGreenlet_GetCurrent_NUM 4
#define PyGreenlet_Throw_NUM 5
#define PyGreenlet_Switch_NUM 6
#define PyGreenlet_SetParent_NUM 7
#define PyGreenlet_MAIN_NUM 8
#define PyGreenlet_STARTED_NUM 9
#define PyGreenlet_ACTIVE_NUM 10
#define PyGreenlet_GET_PARENT_NUM 11
#define PyGreenlet_API_pointers 12

static void **_PyGreenlet_API = NULL;

#define PyGreenlet_Import() \
    do { \
        _PyGreenlet_API = (void **)PyCapsule_Import("greenlet._C_API", 0); \
    } while (0)

#define PyGreenlet_Type (*(PyTypeObject *)_PyGreenlet_API[PyGreenlet_Type_NUM])
#define PyExc_GreenletError ((PyObject *)_PyGreenlet_API[PyExc_GreenletError_NUM])
#define PyExc_GreenletExit ((PyObject *)_PyGreenlet_API[PyExc_GreenletExit_NUM])

#define PyGreenlet_Check(op) ((op) != NULL && PyObject_TypeCheck((op), &PyGreenlet_Type))

/* A new greenlet that will call `run`; parent NULL: the current one. New reference, or NULL. */
#define PyGreenlet_New \
    (*(PyGreenlet * (*)(PyObject * run, PyGreenlet * parent)) _PyGreenlet_API[PyGreenlet_New_NUM])

/* New reference. */
#define PyGreenlet_GetCurrent \
    (*(PyGreenlet * (*)(void)) _PyGreenlet_API[PyGreenlet_GetCurrent_NUM])

/* g.throw(type, value, traceback); the last two may be NULL. New reference, or NULL. */
#define PyGreenlet_Throw \
    (*(PyObject * (*)(PyGreenlet * g, PyObject * type, PyObject * value, PyObject * traceback)) \
         _PyGreenlet_API[PyGreenlet_Throw_NUM])

/* g.switch(*args, **kwargs); each may be NULL. New reference, or NULL. */
#define PyGreenlet_Switch \
    (*(PyObject * (*)(PyGreenlet * g, PyObject * args, PyObject * kwargs)) \
         _PyGreenlet_API[PyGreenlet_Switch_NUM])

/* g.parent = parent. 0, or -1. */
#define PyGreenlet_SetParent \
    (*(int (*)(PyGreenlet * g, PyGreenlet * parent)) _PyGreenlet_API[PyGreenlet_SetParent_NUM])

/* New reference; NULL without an exception for a main greenlet. */
#define PyGreenlet_GetParent \
    (*(PyGreenlet * (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_GET_PARENT_NUM])
#define PyGreenlet_GET_PARENT PyGreenlet_GetParent

/* Whether it is a thread's main greenlet; whether it ever began; whether it began and has not
   ended. 1 or 0, or -1 where g is no greenlet. */
#define PyGreenlet_MAIN (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_MAIN_NUM])
#define PyGreenlet_STARTED (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_STARTED_NUM])
#define PyGreenlet_ACTIVE (*(int (*)(PyGreenlet * g)) _PyGreenlet_API[PyGreenlet_ACTIVE_NUM])

#ifdef __cplusplus
}
#endif
#endif
