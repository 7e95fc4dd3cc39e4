/* Forks. Only fork.c is told of one, and it does what the child has to, in its order. */
#ifndef GREEN_LOOP_FORK_H
#define GREEN_LOOP_FORK_H

#include <Python.h>

/* The number of forks between the process that loaded this module and the running one, whoever
   forked. What was noted with another number is the parent's. */
extern unsigned green_forks;

int green_fork_exec(PyObject *module);

#endif
