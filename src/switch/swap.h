/* The contract of the assembly: one machine stack is left, another one entered. */
#ifndef GREEN_SWITCH_SWAP_H
#define GREEN_SWITCH_SWAP_H

#include <stddef.h>

/* Push what the ABI calls callee-saved (registers, floating-point control words) on the current
   stack, store the stack pointer in *from, continue on the stack `to`. Returns, there, `arg`. */
void *green_swap(void **from, void *to, void *arg);

/* Lay out a first frame below `base` (the end of a stack's memory, 16-byte aligned). A swap to the
   stack pointer returned calls entry(arg), which must never return. Callers unwind no further. The
   floating-point control words are those of the caller of this function. */
void *green_swap_prepare(void *base, void (*entry)(void *arg));

/* The resume address of every parked stack: with its stack pointer, all that an unwinder needs. */
extern const char green_swap_parked[];

/* 1 if the processor checks return addresses against a shadow stack (CET, GCS) in this thread: a
   swap would then be fatal. */
int green_swap_shadow_stack_active(void);

#endif
