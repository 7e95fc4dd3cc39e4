#include "greenlet/pystate_free.h"

#ifdef Py_GIL_DISABLED

static PyCriticalSection *
section_of(uintptr_t tagged)
{
    return (PyCriticalSection *)(tagged & ~(GREEN_SECTION_SUSPENDED | GREEN_SECTION_OF_TWO));
}

static PyMutex **
section_second(uintptr_t tagged)
{
    return &((PyCriticalSection2 *)section_of(tagged))->_cs_mutex2;
}

void
green_free_suspend(PyThreadState *ts)
{
    uintptr_t *place = &ts->critical_section;
    while (*place != 0 && (*place & GREEN_SECTION_SUSPENDED) == 0) {
        PyCriticalSection *section = section_of(*place);
        if (section->_cs_mutex != NULL) {
            PyMutex_Unlock(section->_cs_mutex);
        }
        if ((*place & GREEN_SECTION_OF_TWO) != 0 && *section_second(*place) != NULL) {
            PyMutex_Unlock(*section_second(*place));
        }
        *place |= GREEN_SECTION_SUSPENDED;
        place = &section->_cs_prev;
    }
}

/* While this waits for the locks, the interpreter may let go of the interpreter lock. When it takes
   that back, it resumes the section itself, so it must find no locks in the section meanwhile. */
void
green_free_resume(PyThreadState *ts)
{
    uintptr_t tagged = ts->critical_section;
    PyCriticalSection *section = section_of(tagged);
    PyMutex *first = section->_cs_mutex;
    PyMutex *second = NULL;
    section->_cs_mutex = NULL;
    if ((tagged & GREEN_SECTION_OF_TWO) != 0) {
        second = *section_second(tagged);
        *section_second(tagged) = NULL;
    }
    if (first != NULL) {
        PyMutex_Lock(first);
    }
    if (second != NULL) {
        PyMutex_Lock(second);
        *section_second(tagged) = second;
    }
    section->_cs_mutex = first;
    ts->critical_section &= ~GREEN_SECTION_SUSPENDED;
}

#endif
