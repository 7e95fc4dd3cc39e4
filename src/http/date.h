/* The time as HTTP and the log write it. The texts of the present time are made anew once a
   second. */
#ifndef GREEN_HTTP_DATE_H
#define GREEN_HTTP_DATE_H

#include <stddef.h>
#include <time.h>

enum { GREEN_DATE_LENGTH = 29, GREEN_DATE_LOCAL_LENGTH = 19 };

/* Returns the present time as "Sun, 06 Nov 1994 08:49:37 GMT". The text is static. */
const char *green_date_now(void);

/* Write the time `when` likewise, into GREEN_DATE_LENGTH + 1 bytes. */
void green_date_format(time_t when, char *into);

/* Returns the local time as "2026-11-28 14:53:14". The text is static likewise. */
const char *green_date_local(void);

/* Returns the present time in seconds since the epoch. */
double green_date_clock(void);

#endif
