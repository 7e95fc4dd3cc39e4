/* The contract of the assembly: one machine stack is left, another one entered. */
#ifndef GREEN_SWITCH_SWAP_H
#define GREEN_SWITCH_SWAP_H

#include <stddef.h>

/* Push what the ABI calls callee-saved (registers, floating-point control words) on the current
   stack, store the stack pointer in *from, continue on the stack `to`. Returns, there, `arg`. */
void *green_swap(void **from, void *to, void *arg);

/* Lay out a first frame below `base` (the end of a stack's memory, 16-byte aligned). A swap to the
   stack pointer returned calls entry(arg), which must never return. Callers unwind no further. */
void *green_swap_prepare(void *base, void (*entry)(void *arg));

#endif
