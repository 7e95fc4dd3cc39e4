/* In assembly, one file per architecture. */
#ifndef GREEN_TESTS_REGISTERS_H
#define GREEN_TESTS_REGISTERS_H

/* Fill each callee-saved register with a value of its own, swap, compare. The bits of those that
   changed, the lowest for the first. */
unsigned registers_changed(void **from, void *to);

/* The other side: fill them with other values and swap to *to, over and over. */
void registers_spoil(void **from, void **to);

/* The number of registers known to registers_changed. */
extern const unsigned registers_count;

#endif
