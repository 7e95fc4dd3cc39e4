/* Hints to the compiler about ways that are seldom taken. */
#ifndef GREEN_SWITCH_HINT_H
#define GREEN_SWITCH_HINT_H

#define GREEN_RARELY(condition) __builtin_expect((condition) != 0, 0)

/* A function of its own: compiled into a hot one, its registers would be saved on every call. */
#define GREEN_COLD __attribute__((cold, noinline))

#endif
