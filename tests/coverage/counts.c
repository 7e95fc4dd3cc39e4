/* For the coverage build alone: it is compiled into the extension, and hands gcov's way of writing
 * down to ends.c. */

void __gcov_dump(void);
void __gcov_reset(void);

/* NULL where ends.c is not preloaded. */
__attribute__((weak)) extern void (*volatile green_counts_write)(void);

static void
counts_write(void)
{
    __gcov_dump();
    __gcov_reset();
}

__attribute__((constructor)) static void
counts_offer(void)
{
    if (&green_counts_write != 0)
        green_counts_write = counts_write;
}
