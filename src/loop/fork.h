/* Fork: the one place that is told of it, and what the child does, in its order. */
#ifndef GREEN_LOOP_FORK_H
#define GREEN_LOOP_FORK_H

#include <Python.h>

/* How many forks lie between the process that loaded this and the running one, whoever forked. What
   was noted with another number is the parent's. */
extern unsigned green_forks;

int green_fork_exec(PyObject *module);

#endif
