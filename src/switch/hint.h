/* Hints to the compiler about what seldom happens. */
#ifndef GREEN_SWITCH_HINT_H
#define GREEN_SWITCH_HINT_H

#define GREEN_RARELY(condition) __builtin_expect((condition) != 0, 0)

/* Keeps a function out of line: inside a hot function, it would make that one save registers on
   every call. */
#define GREEN_COLD __attribute__((cold, noinline))

#endif
