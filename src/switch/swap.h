/* What the assembly does: it leaves one machine stack and enters another. */
#ifndef GREEN_SWITCH_SWAP_H
#define GREEN_SWITCH_SWAP_H

#include <stddef.h>

/* Pushes what the ABI makes the callee keep (registers, floating-point control words) on the
   current stack, stores the stack pointer in *from, and goes on, on the stack `to`. The call that
   has left that stack returns `arg` there. */
void *green_swap(void **from, void *to, void *arg);

/* Lays out a first frame below `base`, which is the end of a stack's memory, 16-byte aligned, and
   returns the stack pointer. A swap to it calls entry(arg), which must never return. Unwinders stop
   at this frame. Its floating-point control words are those of the caller of this function. */
void *green_swap_prepare(void *base, void (*entry)(void *arg));

/* The address at which every parked stack goes on. It and the stack pointer are all that an
   unwinder needs. */
extern const char green_swap_parked[];

/* Returns 1 if the processor checks this thread's return addresses against a shadow stack (CET,
   GCS), which would make a swap fatal; else 0. */
int green_swap_shadow_stack_active(void);

#endif
